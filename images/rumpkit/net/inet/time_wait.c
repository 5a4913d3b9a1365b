/*
 * time_wait.c - connections that are over, and wait for stray segments (RFC 9293, 3.6.1).
 */
#include "inet/tcp.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"

#define TIME_WAIT_MAX 512 /* connections; each is searched for with every new one */
#define OFFSET_AND_MORE 0x3fff
#define PORTS_TO_FLAGS 14 /* bytes of a TCP header that are looked at */

void tcp_trim_time_wait(void)
{
	struct tcp_pcb *pcb = tcp_tw_pcbs, *last = NULL;
	unsigned count = 0;

	for (; pcb; pcb = pcb->next, count++)
		last = pcb;
	if (count > TIME_WAIT_MAX)
		tcp_abort(last);
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static struct tcp_pcb *find(const ip_addr_t *from, const ip_addr_t *to, const uint8_t *tcp)
{
	struct tcp_pcb *pcb;

	for (pcb = tcp_tw_pcbs; pcb; pcb = pcb->next)
		if (pcb->remote_port == get16(tcp) && pcb->local_port == get16(tcp + 2) &&
		    ip_addr_cmp_zoneless(&pcb->remote_ip, from) &&
		    ip_addr_cmp_zoneless(&pcb->local_ip, to))
			break;
	return pcb;
}

/*
 * A peer that connects anew from the port of a connection that is over gets through, if
 * its numbers begin behind the old ones (RFC 1122, 4.2.2.13; so does Linux).  lwIP would
 * answer for the old connection for a minute, and the peer wait for as long.
 */
static void segment_arrives(const ip_addr_t *from, const ip_addr_t *to, const uint8_t *tcp)
{
	struct tcp_pcb *old;

	if ((tcp[13] & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
		return;
	old = find(from, to, tcp);
	if (old && TCP_SEQ_GT((uint32_t)get16(tcp + 4) << 16 | get16(tcp + 6), old->rcv_nxt))
		tcp_abort(old); /* says nothing: it is in TIME_WAIT */
}

int net_packet4(struct pbuf *packet)
{
	const uint8_t *ip = packet->payload;
	unsigned header_bytes;
	ip_addr_t from, to;
	uint32_t word;

	if (!tcp_tw_pcbs || packet->len < IP_HLEN + PORTS_TO_FLAGS || ip[9] != IP_PROTO_TCP ||
	    get16(ip + 6) & OFFSET_AND_MORE)
		return 0;
	header_bytes = (ip[0] & 0xfu) * 4;
	if (header_bytes < IP_HLEN || packet->len < header_bytes + PORTS_TO_FLAGS)
		return 0;
	memcpy(&word, ip + 12, sizeof word);
	ip_addr_set_ip4_u32_val(from, word);
	memcpy(&word, ip + 16, sizeof word);
	ip_addr_set_ip4_u32_val(to, word);
	segment_arrives(&from, &to, ip + header_bytes);
	return 0;
}

int net_packet6(struct pbuf *packet)
{
	const uint8_t *ip = packet->payload;
	ip_addr_t from, to;

	if (!tcp_tw_pcbs || packet->len < IP6_HLEN + PORTS_TO_FLAGS || ip[6] != IP_PROTO_TCP)
		return 0;
	memset(&from, 0, sizeof from);
	memset(&to, 0, sizeof to);
	memcpy(ip_2_ip6(&from)->addr, ip + 8, 16);
	memcpy(ip_2_ip6(&to)->addr, ip + 24, 16);
	IP_SET_TYPE_VAL(from, IPADDR_TYPE_V6);
	IP_SET_TYPE_VAL(to, IPADDR_TYPE_V6);
	segment_arrives(&from, &to, ip + IP6_HLEN);
	return 0;
}
