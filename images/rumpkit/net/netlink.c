/*
 * netlink.c - AF_NETLINK comes later: until then it is a family this guest has not.
 */
#include "socket.h"

int net_netlink_make(int type, int number, struct net_socket **socket)
{
	(void)type;
	(void)number;
	(void)socket;
	return -EAFNOSUPPORT;
}
