/*
 * net.c - the network faction comes up.
 */
#include "netlink.h"

#define CONFIG_BYTES 8192

void net_create(void)
{
	char *config = kern_alloc(CONFIG_BYTES);

	if (config && !rumpuser_getparam("RUMPKIT_CONFIG", config, CONFIG_BYTES))
		net_inet_create(config);
	kern_free(config);
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
