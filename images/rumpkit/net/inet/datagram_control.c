/*
 * datagram_control.c - what a datagram is told with: where it came to, how far it may have
 * gone, when it came; and where one is to come from.
 */
#include "inet/datagram.h"
#include "kern.h"

#include "lwip/netif.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"

#define NS_PER_S 1000000000ll

enum told { PLACE, PLACE6, HOPS, HOPS6, SERVICE, SERVICE6 };

static const struct {
	int level, name;
	enum told what;
} options[] = {
	{ IPPROTO_IP, IP_PKTINFO, PLACE }, { IPPROTO_IPV6, IPV6_RECVPKTINFO, PLACE6 },
	{ IPPROTO_IP, IP_RECVTTL, HOPS }, { IPPROTO_IPV6, IPV6_RECVHOPLIMIT, HOPS6 },
	{ IPPROTO_IP, IP_RECVTOS, SERVICE }, { IPPROTO_IPV6, IPV6_RECVTCLASS, SERVICE6 },
};

bool datagram_tells(int level, int name, unsigned *bit)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (options[i].level == level && options[i].name == name) {
			*bit = 1u << options[i].what;
			return true;
		}
	return false;
}

void datagram_describe(const struct datagram_socket *socket, struct datagram *datagram)
{
	const struct ip_hdr *header = ip4_current_header();
	const struct ip6_hdr *header6 = ip6_current_header();

	datagram->to = *ip_current_dest_addr();
	datagram->interface = (uint8_t)inet_interface_number(ip_current_input_netif());
	if (ip_current_is_v6()) {
		datagram->ttl = IP6H_HOPLIM(header6);
		datagram->tos = (uint8_t)IP6H_TC(header6);
	} else {
		datagram->ttl = IPH_TTL(header);
		datagram->tos = IPH_TOS(header);
	}
	datagram->wall_ns = socket->base.timestamp ? kern_wall_ns() : 0;
}

static void tell_time(const struct net_socket *socket, int64_t ns, struct net_message *message)
{
	int64_t time[2];

	if (!socket->timestamp)
		return;
	if (!ns) /* it came before somebody asked */
		ns = kern_wall_ns();
	time[0] = ns / NS_PER_S;
	time[1] = socket->timestamp == SO_TIMESTAMP ? ns % NS_PER_S / 1000 : ns % NS_PER_S;
	net_control_put(message, SOL_SOCKET, socket->timestamp, time, sizeof time);
}

static void tell_v4(unsigned told, const struct datagram *datagram, struct net_message *message)
{
	uint32_t address = ip4_addr_get_u32(ip_2_ip4(&datagram->to));
	struct linux_in_pktinfo place = { datagram->interface, address, address };
	int32_t ttl = datagram->ttl;

	if (told & 1u << PLACE)
		net_control_put(message, IPPROTO_IP, IP_PKTINFO, &place, sizeof place);
	if (told & 1u << HOPS)
		net_control_put(message, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
	if (told & 1u << SERVICE)
		net_control_put(message, IPPROTO_IP, IP_TOS, &datagram->tos, sizeof datagram->tos);
}

static void tell_v6(const struct datagram_socket *socket, const struct datagram *datagram,
    struct net_message *message)
{
	struct linux_in6_pktinfo place = { { 0 }, datagram->interface };
	int32_t hops = datagram->ttl, service = datagram->tos;
	struct net_address address;

	inet_address_put(&socket->base, &datagram->to, 0, &address);
	memcpy(place.address, address.in6.address, sizeof place.address);
	if (socket->told & 1u << PLACE6)
		net_control_put(message, IPPROTO_IPV6, IPV6_PKTINFO, &place, sizeof place);
	if (IP_IS_V4_VAL(datagram->to))
		return;
	if (socket->told & 1u << HOPS6)
		net_control_put(message, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof hops);
	if (socket->told & 1u << SERVICE6)
		net_control_put(message, IPPROTO_IPV6, IPV6_TCLASS, &service, sizeof service);
}

void datagram_tell(const struct datagram_socket *socket, const struct datagram *datagram,
    struct net_message *message)
{
	tell_time(&socket->base, datagram->wall_ns, message);
	if (IP_IS_V4_VAL(datagram->to))
		tell_v4(socket->told, datagram, message);
	if (socket->base.family == AF_INET6)
		tell_v6(socket, datagram, message);
}

/* ---- out --------------------------------------------------------------------------------- */

static bool is(const struct linux_cmsghdr *header, int level, int type, size_t bytes)
{
	return header->level == level && header->type == type &&
	    header->bytes >= sizeof *header + bytes;
}

int datagram_source(const struct net_message *message, ip_addr_t *source)
{
	const struct linux_cmsghdr *header;
	struct linux_in6_pktinfo place6;
	struct linux_in_pktinfo place;
	size_t at = 0;
	int error;

	memset(source, 0, sizeof *source);
	IP_SET_TYPE_VAL(*source, IPADDR_TYPE_ANY);
	while ((header = net_control_next(message, &at, &error))) {
		if (is(header, IPPROTO_IP, IP_PKTINFO, sizeof place)) {
			memcpy(&place, header + 1, sizeof place);
			if (place.local)
				ip_addr_set_ip4_u32(source, place.local);
		} else if (is(header, IPPROTO_IPV6, IPV6_PKTINFO, sizeof place6)) {
			memcpy(&place6, header + 1, sizeof place6);
			if (place6.address[0] | place6.address[1] | place6.address[2] | place6.address[3]) {
				memcpy(ip_2_ip6(source)->addr, place6.address, sizeof place6.address);
				IP_SET_TYPE_VAL(*source, IPADDR_TYPE_V6);
				ip6_addr_clear_zone(ip_2_ip6(source));
			}
		}
	}
	if (!error && !IP_IS_ANY_TYPE_VAL(*source) && !inet_is_own(source))
		error = IP_IS_V4_VAL(*source) ? -ENETUNREACH : -EINVAL;
	return error;
}
