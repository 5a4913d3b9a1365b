/*
 * address.c - addresses and errors between Linux's forms and lwIP's.
 */
#include "inet/inet.h"

#include "lwip/netif.h"

#define MAPPED_WORD 2 /* ::ffff:a.b.c.d */

int inet_error(err_t error)
{
	static const uint8_t numbers[] = {
		[-ERR_OK] = 0, [-ERR_MEM] = ENOBUFS, [-ERR_BUF] = ENOBUFS,
		[-ERR_TIMEOUT] = ETIMEDOUT, [-ERR_RTE] = ENETUNREACH, [-ERR_INPROGRESS] = EALREADY,
		[-ERR_VAL] = EINVAL, [-ERR_WOULDBLOCK] = EAGAIN, [-ERR_USE] = EADDRINUSE,
		[-ERR_ALREADY] = EALREADY, [-ERR_ISCONN] = EISCONN, [-ERR_CONN] = ENOTCONN,
		[-ERR_IF] = ENOBUFS, [-ERR_ABRT] = ECONNABORTED, [-ERR_RST] = ECONNRESET,
		[-ERR_CLSD] = ENOTCONN, [-ERR_ARG] = EINVAL,
	};

	return error <= 0 && (size_t)-error < sizeof numbers ? -numbers[-error] : -EIO;
}

uint8_t inet_any_type(const struct net_socket *socket, bool only_v6)
{
	if (socket->family == AF_INET)
		return IPADDR_TYPE_V4;
	return only_v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY;
}

static int get_v4(const struct net_address *address, ip_addr_t *ip, uint16_t *port)
{
	if (address->bytes < sizeof address->in)
		return -EINVAL;
	IP_SET_TYPE(ip, IPADDR_TYPE_V4);
	ip4_addr_set_u32(ip_2_ip4(ip), address->in.address);
	*port = lwip_ntohs(address->in.port);
	return 0;
}

static int get_v6(const struct net_address *address, ip_addr_t *ip, uint16_t *port)
{
	const struct linux_sockaddr_in6 *in6 = &address->in6;

	if (address->bytes < offsetof(struct linux_sockaddr_in6, scope))
		return -EINVAL;
	*port = lwip_ntohs(in6->port);
	IP_SET_TYPE(ip, IPADDR_TYPE_V6);
	memcpy(ip_2_ip6(ip)->addr, in6->address, sizeof in6->address);
	ip6_addr_clear_zone(ip_2_ip6(ip));
	if (ip6_addr_isipv4mappedipv6(ip_2_ip6(ip))) {
		uint32_t word = ip_2_ip6(ip)->addr[3];

		IP_SET_TYPE(ip, IPADDR_TYPE_V4);
		ip4_addr_set_u32(ip_2_ip4(ip), word);
	} else if (address->bytes >= sizeof *in6 && in6->scope &&
	    ip6_addr_has_scope(ip_2_ip6(ip), IP6_UNICAST)) {
		ip6_addr_set_zone(ip_2_ip6(ip), (uint8_t)in6->scope);
	}
	return 0;
}

bool inet_is_own(const ip_addr_t *ip)
{
	struct netif *netif;

	if (ip_addr_isany(ip))
		return true;
	if (IP_IS_V4(ip) && ip4_addr_isloopback(ip_2_ip4(ip)))
		return true;
	for (netif = netif_list; netif; netif = netif->next)
		if (IP_IS_V4(ip) ? ip4_addr_cmp(ip_2_ip4(ip), netif_ip4_addr(netif)) :
		    netif_get_ip6_addr_match(netif, ip_2_ip6(ip)) >= 0)
			return true;
	return false;
}

int inet_address_get(const struct net_socket *socket, const struct net_address *address,
    ip_addr_t *ip, uint16_t *port)
{
	if (address->bytes < sizeof address->family)
		return -EINVAL;
	memset(ip, 0, sizeof *ip);
	if (socket->family == AF_INET && address->family == AF_INET)
		return get_v4(address, ip, port);
	if (socket->family == AF_INET6 && address->family == AF_INET6)
		return get_v6(address, ip, port);
	/* An IPv4 socket takes AF_UNSPEC for the address of all. */
	if (socket->family == AF_INET && address->family == AF_UNSPEC &&
	    address->bytes >= sizeof address->in && !address->in.address)
		return get_v4(address, ip, port);
	return address->bytes < sizeof address->in ? -EINVAL : -EAFNOSUPPORT;
}

void inet_address_put(const struct net_socket *socket, const ip_addr_t *ip, uint16_t port,
    struct net_address *address)
{
	memset(address, 0, sizeof *address);
	if (socket->family == AF_INET) {
		address->bytes = sizeof address->in;
		address->family = AF_INET;
		address->in.port = lwip_htons(port);
		address->in.address = ip4_addr_get_u32(ip_2_ip4(ip));
		return;
	}
	address->bytes = sizeof address->in6;
	address->family = AF_INET6;
	address->in6.port = lwip_htons(port);
	if (IP_IS_V6_VAL(*ip)) {
		memcpy(address->in6.address, ip_2_ip6(ip)->addr, sizeof address->in6.address);
		address->in6.scope = ip6_addr_zone(ip_2_ip6(ip));
	} else if (!ip_addr_isany(ip)) {
		address->in6.address[MAPPED_WORD] = lwip_htonl(0xffff);
		address->in6.address[3] = ip4_addr_get_u32(ip_2_ip4(ip));
	}
}
