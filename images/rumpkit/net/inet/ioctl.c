/*
 * ioctl.c - what programs ask about interfaces: netdevice(7).
 */
#include "inet/inet.h"
#include "netlink.h"

#include "lwip/netif.h"

#define LOOPBACK_MTU 65536

/* The names Linux would have given: lo, and eth0 for the interface. */
static const char *name_of(const struct netif *netif)
{
	return netif == inet_interface() ? "eth0" : "lo";
}

static struct netif *named(const char *name)
{
	struct netif *netif = netif_list;

	while (netif && strncmp(name_of(netif), name, LINUX_IFNAMSIZ))
		netif = netif->next;
	return netif;
}

static struct netif *numbered(int number)
{
	struct netif *netif = netif_list;

	while (netif && inet_interface_number(netif) != number)
		netif = netif->next;
	return netif;
}

static int16_t flags_of(const struct netif *netif)
{
	int flags = IFF_RUNNING | (netif_is_up(netif) ? IFF_UP : 0);

	return (int16_t)(flags | (netif == inet_interface() ? IFF_BROADCAST | IFF_MULTICAST :
	    IFF_LOOPBACK));
}

static void put_address(struct linux_ifreq *request, uint32_t address)
{
	memset(&request->address, 0, sizeof request->address);
	request->address.family = AF_INET;
	request->address.address = address;
}

static long get_list(long argument)
{
	struct linux_ifconf list;
	struct linux_ifreq request;
	struct netif *netif;
	int32_t used = 0;

	if (kern_copyin((void *)argument, &list, sizeof list))
		return -EFAULT;
	for (netif = netif_list; netif; netif = netif->next) {
		if (ip4_addr_isany_val(*netif_ip4_addr(netif)))
			continue;
		if (list.requests && used + (int32_t)sizeof request > list.bytes)
			break;
		memset(&request, 0, sizeof request);
		lib_strlcpy(request.name, name_of(netif), sizeof request.name);
		put_address(&request, ip4_addr_get_u32(netif_ip4_addr(netif)));
		if (list.requests && kern_copyout(&request, (uint8_t *)list.requests + used,
		    sizeof request))
			return -EFAULT;
		used += (int32_t)sizeof request;
	}
	return kern_copyout(&used, (void *)argument, sizeof used);
}

static void put_hardware(struct linux_ifreq *request, const struct netif *netif)
{
	memset(&request->hardware, 0, sizeof request->hardware);
	request->hardware.family = netif == inet_interface() ? ARPHRD_ETHER : ARPHRD_LOOPBACK;
	memcpy(request->hardware.bytes, netif->hwaddr, netif->hwaddr_len);
}

static int answer(struct linux_ifreq *request, const struct netif *netif, unsigned command)
{
	uint32_t address = ip4_addr_get_u32(netif_ip4_addr(netif));
	uint32_t mask = ip4_addr_get_u32(netif_ip4_netmask(netif));

	switch (command) {
	case SIOCGIFFLAGS: request->flags = flags_of(netif); return 0;
	case SIOCGIFINDEX: request->number = inet_interface_number(netif); return 0;
	case SIOCGIFMETRIC: request->number = 0; return 0;
	case SIOCGIFTXQLEN: request->number = 1000; return 0;
	case SIOCGIFMTU: request->number = netif->mtu ? netif->mtu : LOOPBACK_MTU; return 0;
	case SIOCGIFHWADDR: put_hardware(request, netif); return 0;
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
		if (!address)
			return -EADDRNOTAVAIL;
		put_address(request, address);
		return 0;
	case SIOCGIFNETMASK: put_address(request, mask); return 0;
	case SIOCGIFBRDADDR:
		put_address(request, netif == inet_interface() ? address | ~mask : 0);
		return 0;
	default: return -ENOTTY;
	}
}

long net_inet_ioctl(unsigned command, long argument)
{
	struct linux_ifreq request;
	struct netif *netif;
	int error = inet_start();

	if (error)
		return error;
	if (command == SIOCGIFCONF)
		return get_list(argument);
	if (command < SIOCGIFNAME || command > SIOCGIFTXQLEN)
		return -ENOTTY;
	if (kern_copyin((void *)argument, &request, sizeof request))
		return -EFAULT;
	if (command == SIOCGIFNAME) {
		netif = numbered(request.number);
		if (netif)
			lib_strlcpy(request.name, name_of(netif), sizeof request.name);
		error = netif ? 0 : -ENODEV;
	} else {
		netif = named(request.name);
		error = netif ? answer(&request, netif, command) : -ENODEV;
	}
	return error ? error : kern_copyout(&request, (void *)argument, sizeof request);
}

/* ---- for netlink.c ------------------------------------------------------------------------------ */

static void add_address(struct net_link *link, uint16_t family, const void *bytes,
    unsigned prefix_bits, bool link_only)
{
	struct net_link_address *address = &link->addresses[link->address_count++];

	address->family = family;
	address->prefix_bits = (uint8_t)prefix_bits;
	address->link_only = link_only;
	memcpy(address->bytes, bytes, family == AF_INET ? 4 : 16);
}

static void describe(struct net_link *link, struct netif *netif)
{
	uint32_t mask = lwip_ntohl(ip4_addr_get_u32(netif_ip4_netmask(netif)));
	int i;

	memset(link, 0, sizeof *link);
	lib_strlcpy(link->name, name_of(netif), sizeof link->name);
	link->index = inet_interface_number(netif);
	link->loopback = netif != inet_interface();
	link->flags = (uint16_t)flags_of(netif) | IFF_LOWER_UP;
	link->mtu = netif->mtu ? netif->mtu : LOOPBACK_MTU;
	memcpy(link->hardware, netif->hwaddr, netif->hwaddr_len);
	if (!ip4_addr_isany_val(*netif_ip4_addr(netif)))
		add_address(link, AF_INET, netif_ip4_addr(netif),
		    mask ? 32u - (unsigned)__builtin_ctz(mask) : 0, false);
	for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
		if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
			add_address(link, AF_INET6, netif_ip6_addr(netif, i)->addr,
			    link->loopback ? 128 : 64,
			    ip6_addr_islinklocal(netif_ip6_addr(netif, i)));
}

unsigned net_inet_links(struct net_link links[NET_LINKS_MAX])
{
	unsigned count = 0;
	int number;

	if (inet_start())
		return 0;
	for (number = 1; number <= NET_LINKS_MAX; number++)
		if (numbered(number))
			describe(&links[count++], numbered(number));
	return count;
}
