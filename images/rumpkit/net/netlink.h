/*
 * netlink.h - the interfaces there are, without lwIP's types.
 */
#ifndef NET_NETLINK_H
#define NET_NETLINK_H

#include "socket.h"

#define NET_LINKS_MAX 2
#define NET_LINK_ADDRESSES_MAX 5

struct net_link_address {
	uint16_t family;         /* AF_INET, AF_INET6 */
	uint8_t prefix_bits;
	bool link_only;
	uint8_t bytes[16];       /* network order */
};

struct net_link {
	char name[LINUX_IFNAMSIZ];
	int index;
	bool loopback;
	uint32_t flags, mtu;
	uint8_t hardware[6];
	unsigned address_count;
	struct net_link_address addresses[NET_LINK_ADDRESSES_MAX];
};

/* How many there are; in the order of their numbers. */
unsigned net_inet_links(struct net_link links[NET_LINKS_MAX]);

#endif
