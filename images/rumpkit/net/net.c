/*
 * net.c - the network faction comes up.
 */
#include "net.h"

void net_create(void)
{
}
