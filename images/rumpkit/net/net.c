/*
 * net.c - the network faction comes up.
 */
#include "netlink.h"
#include "rumpcomp.h"

void net_create(void)
{
	net_inet_create(rumpcomp_config());
}

#ifndef NET_LWIP

/* Built without lwIP: what stays inside the guest works, and the rest says why it does not. */

void net_inet_create(const char *config)
{
	(void)config;
}

void net_stop(void)
{
}

void net_inet_run(void)
{
}

unsigned net_inet_links(struct net_link links[NET_LINKS_MAX])
{
	(void)links;
	return 0;
}

long net_inet_ioctl(unsigned command, long argument)
{
	(void)command;
	(void)argument;
	return -ENOTTY;
}

int net_inet_make(int family, int type, int number, struct net_socket **socket)
{
	static bool said;

	(void)family;
	(void)type;
	(void)number;
	(void)socket;
	if (!said)
		rumpuser_dprintf("rumpkit: this runtime was built without lwIP: no Internet "
		    "protocols (see lab-setup/start)\n");
	said = true;
	return -EAFNOSUPPORT;
}

#endif
