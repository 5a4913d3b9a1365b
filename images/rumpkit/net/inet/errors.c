/*
 * errors.c - ICMP messages that something a socket sent did not arrive (RFC 792, RFC 4443).
 *
 * lwIP itself pays no attention to them; a raw pcb of each kind sees them first.
 */
#include "inet/inet.h"

#include "lwip/prot/ip.h"
#include "lwip/raw.h"

#define ICMP_UNREACHABLE 3
#define ICMP6_UNREACHABLE 1
#define PART_BYTES 128 /* of a message that are looked at */

static int error_of(uint8_t code)
{
	switch (code) {
	case 0: return ENETUNREACH;
	case 2:
	case 3: return ECONNREFUSED;
	default: return EHOSTUNREACH;
	}
}

static int error6_of(uint8_t code)
{
	return code == 4 ? ECONNREFUSED : code == 0 ? ENETUNREACH : EHOSTUNREACH;
}

/* ports: the first bytes of what was sent, behind its IP header. */
static void tell(uint8_t protocol, const ip_addr_t *to, const uint8_t *ports, int error)
{
	uint16_t local = (uint16_t)(ports[0] << 8 | ports[1]);
	uint16_t remote = (uint16_t)(ports[2] << 8 | ports[3]);

	if (protocol == IP_PROTO_UDP)
		inet_datagram_unreachable(local, to, remote, error);
	else if (protocol == IP_PROTO_TCP)
		inet_tcp_unreachable(local, to, remote, error);
}

/* message: IP header, ICMP header, the IP header of what was sent, its first bytes. */
static void look4(const uint8_t *message, size_t bytes)
{
	size_t outer = (message[0] & 0xf) * 4u, inner, at = outer + 8;
	ip_addr_t to = IPADDR4_INIT(0);

	if (bytes < at + 20 || message[outer] != ICMP_UNREACHABLE)
		return;
	inner = (message[at] & 0xf) * 4u;
	if (inner < 20 || bytes < at + inner + 4)
		return;
	memcpy(&ip_2_ip4(&to)->addr, message + at + 16, 4);
	tell(message[at + 9], &to, message + at + inner, error_of(message[outer + 1]));
}

/* message: ICMP header, the IPv6 header of what was sent, its first bytes. */
static void look6(const uint8_t *message, size_t bytes)
{
	ip_addr_t to = IPADDR6_INIT(0, 0, 0, 0);

	if (bytes < 8 + 40 + 4 || message[0] != ICMP6_UNREACHABLE)
		return;
	memcpy(ip_2_ip6(&to)->addr, message + 8 + 24, 16);
	tell(message[8 + 6], &to, message + 8 + 40, error6_of(message[1]));
}

static u8_t on_icmp(void *six, struct raw_pcb *pcb, struct pbuf *packet, const ip_addr_t *from)
{
	uint8_t part[PART_BYTES];
	size_t bytes = pbuf_copy_partial(packet, part, sizeof part, 0);

	(void)pcb;
	(void)from;
	if (six) {
		/* lwIP shows the whole packet of version 6 too. */
		if (bytes > 40)
			look6(part + 40, bytes - 40);
	} else if (bytes >= 28) {
		look4(part, bytes);
	}
	return 0;
}

int inet_errors_listen(void)
{
	struct raw_pcb *four = raw_new_ip_type(IPADDR_TYPE_V4, IP_PROTO_ICMP);
	struct raw_pcb *six = raw_new_ip_type(IPADDR_TYPE_V6, IP6_NEXTH_ICMP6);

	if (!four || !six)
		return -ENOMEM;
	raw_recv(four, on_icmp, NULL);
	raw_recv(six, on_icmp, six);
	return 0;
}
