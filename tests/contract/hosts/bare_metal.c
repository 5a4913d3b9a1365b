/*
 * bare_metal.c - the suite where rumpkit's factions would start.
 */
#include "suite.h"

void bmk_start_factions(void);
void bmk_start_factions(void)
{
	rumpuser_exit(suite_run());
}

/* The runtime links a program's entry; this image has none. */
void _start(void);
void _start(void)
{
}
