/*
 * tcp_options.c - options of TCP connections: tcp(7), and what of ip(7) and ipv6(7) they have.
 */
#include "inet/tcp.h"

#include "lwip/priv/tcp_priv.h"

#define MS_PER_S 1000u

/* Linux's struct tcp_info up to what programs read; times in microseconds, sizes in bytes. */
struct linux_tcp_info {
	uint8_t state, ca_state, retransmits, probes, backoff, options;
	uint8_t scales, app_limited;
	uint32_t rto, ato, snd_mss, rcv_mss;
	uint32_t unacked, sacked, lost, retrans, fackets;
	uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
	uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;
	uint32_t rcv_rtt, rcv_space, total_retrans;
};

/* lwIP's states in the order of Linux's numbers, which begin with ESTABLISHED = 1. */
static const uint8_t states[] = {
	[CLOSED] = 7, [LISTEN] = 10, [SYN_SENT] = 2, [SYN_RCVD] = 3, [ESTABLISHED] = 1,
	[FIN_WAIT_1] = 4, [FIN_WAIT_2] = 5, [CLOSE_WAIT] = 8, [CLOSING] = 11, [LAST_ACK] = 9,
	[TIME_WAIT] = 6,
};

void tcp_apply(struct net_socket *base)
{
	struct tcp_socket *socket = tcp_of(base);
	struct tcp_pcb *pcb = socket->pcb;

	if (!pcb)
		return;
	if (base->reuse_address || base->reuse_port)
		ip_set_option(pcb, SOF_REUSEADDR);
	else
		ip_reset_option(pcb, SOF_REUSEADDR);
	if (base->keep_alive)
		ip_set_option(pcb, SOF_KEEPALIVE);
	else
		ip_reset_option(pcb, SOF_KEEPALIVE);
	pcb->ttl = socket->ttl;
	pcb->tos = socket->tos;
	if (socket->stage == TCP_LISTENING)
		return;
	if (socket->no_delay)
		tcp_nagle_disable(pcb);
	else
		tcp_nagle_enable(pcb);
	pcb->keep_idle = socket->keep_idle_s * MS_PER_S;
	pcb->keep_intvl = socket->keep_interval_s * MS_PER_S;
	pcb->keep_cnt = socket->keep_count;
}

static int put_info(struct tcp_socket *socket, void *value, uint32_t *bytes)
{
	struct linux_tcp_info info = { .state = states[CLOSED] };
	const struct tcp_pcb *pcb = socket->pcb;

	if (pcb)
		info.state = states[pcb->state];
	if (pcb && socket->stage == TCP_CONNECTED) {
		info.snd_mss = info.rcv_mss = info.advmss = pcb->mss;
		info.rto = (uint32_t)pcb->rto * TCP_SLOW_INTERVAL * 1000;
		info.rtt = (uint32_t)(pcb->sa >> 3) * TCP_SLOW_INTERVAL * 1000;
		info.unacked = pcb->snd_queuelen;
		info.snd_cwnd = pcb->mss ? pcb->cwnd / pcb->mss : 0;
		info.rcv_space = pcb->rcv_wnd;
		info.retransmits = pcb->nrtx;
	}
	if (*bytes > sizeof info)
		*bytes = sizeof info;
	memcpy(value, &info, *bytes);
	return 0;
}

static int number_of(struct tcp_socket *socket, int name)
{
	switch (name) {
	case TCP_NODELAY: return socket->no_delay;
	case TCP_MAXSEG:
		return socket->pcb && socket->stage == TCP_CONNECTED ? socket->pcb->mss : 536;
	case TCP_CORK: return socket->cork;
	case TCP_KEEPIDLE: return socket->keep_idle_s;
	case TCP_KEEPINTVL: return socket->keep_interval_s;
	case TCP_KEEPCNT: return socket->keep_count;
	case TCP_SYNCNT: return TCP_SYNMAXRTX;
	case TCP_USER_TIMEOUT: return (int)socket->user_timeout_ms;
	case TCP_QUICKACK: return 1;
	case TCP_LINGER2: return 60;
	case TCP_DEFER_ACCEPT:
	case TCP_FASTOPEN: return 0;
	default: return -ENOPROTOOPT;
	}
}

static int ip_number_of(struct tcp_socket *socket, int level, int name)
{
	if (level == IPPROTO_IP && name == IP_TTL)
		return socket->ttl;
	if (level == IPPROTO_IP && name == IP_TOS)
		return socket->tos;
	if (level == IPPROTO_IP && name == IP_MTU_DISCOVER)
		return 1;
	if (level == IPPROTO_IPV6 && socket->base.family != AF_INET6)
		return -ENOPROTOOPT;
	if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY)
		return socket->only_v6;
	if (level == IPPROTO_IPV6 && name == IPV6_UNICAST_HOPS)
		return socket->ttl;
	if (level == IPPROTO_IPV6 && name == IPV6_TCLASS)
		return socket->tos;
	return -ENOPROTOOPT;
}

int tcp_get_option(struct net_socket *base, int level, int name, void *value, uint32_t *bytes)
{
	struct tcp_socket *socket = tcp_of(base);
	int number;

	if (level == IPPROTO_TCP && name == TCP_INFO)
		return put_info(socket, value, bytes);
	if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
		if (*bytes > 16)
			*bytes = 16;
		memset(value, 0, *bytes);
		lib_strlcpy(value, "reno", *bytes);
		return 0;
	}
	number = level == IPPROTO_TCP ? number_of(socket, name) :
	    level == IPPROTO_IP || level == IPPROTO_IPV6 ? ip_number_of(socket, level, name) :
	    level == SOL_SOCKET ? -ENOPROTOOPT : -EOPNOTSUPP;
	if (number < 0)
		return number;
	net_option_put(value, bytes, number);
	return 0;
}

static int set_seconds(uint16_t *to, int number)
{
	if (number < 1 || number > 32767)
		return -EINVAL;
	*to = (uint16_t)number;
	return 0;
}

static int set_number(struct tcp_socket *socket, int name, int number)
{
	switch (name) {
	case TCP_NODELAY:
		socket->no_delay = number;
		if (number && socket->pcb && socket->stage == TCP_CONNECTED)
			tcp_output(socket->pcb);
		return 0;
	case TCP_CORK:
		socket->cork = number;
		if (!number && socket->pcb && socket->stage == TCP_CONNECTED)
			tcp_output(socket->pcb);
		return 0;
	case TCP_KEEPIDLE:
		return set_seconds(&socket->keep_idle_s, number);
	case TCP_KEEPINTVL:
		return set_seconds(&socket->keep_interval_s, number);
	case TCP_KEEPCNT:
		return number < 1 || number > 127 ? -EINVAL :
		    set_seconds(&socket->keep_count, number);
	case TCP_USER_TIMEOUT:
		if (number < 0)
			return -EINVAL;
		socket->user_timeout_ms = (uint32_t)number;
		return 0;
	case TCP_MAXSEG:
	case TCP_SYNCNT:
	case TCP_LINGER2:
	case TCP_DEFER_ACCEPT:
	case TCP_QUICKACK:
	case TCP_FASTOPEN:
		return 0; /* hints */
	default:
		return -ENOPROTOOPT;
	}
}

static int set_only_v6(struct tcp_socket *socket, int number)
{
	if (socket->bound || socket->stage != TCP_FRESH)
		return -EINVAL;
	socket->only_v6 = number;
	IP_SET_TYPE_VAL(socket->pcb->local_ip, inet_any_type(&socket->base, number));
	IP_SET_TYPE_VAL(socket->pcb->remote_ip, inet_any_type(&socket->base, number));
	return 0;
}

static int set_ip_number(struct tcp_socket *socket, int level, int name, int number)
{
	if (level == IPPROTO_IPV6 && socket->base.family != AF_INET6)
		return -ENOPROTOOPT;
	if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY)
		return set_only_v6(socket, number);
	if ((level == IPPROTO_IP && name == IP_TTL) ||
	    (level == IPPROTO_IPV6 && name == IPV6_UNICAST_HOPS)) {
		if (number < -1 || number == 0 || number > 255)
			return -EINVAL;
		socket->ttl = number < 0 ? 64 : (uint8_t)number;
		return 0;
	}
	if ((level == IPPROTO_IP && name == IP_TOS) ||
	    (level == IPPROTO_IPV6 && name == IPV6_TCLASS)) {
		socket->tos = (uint8_t)number;
		return 0;
	}
	if (level == IPPROTO_IP && (name == IP_MTU_DISCOVER || name == IP_RECVERR))
		return 0;
	if (level == IPPROTO_IPV6 && name == IPV6_RECVERR)
		return 0;
	return -ENOPROTOOPT;
}

int tcp_set_option(struct net_socket *base, int level, int name, const void *value,
    uint32_t bytes)
{
	struct tcp_socket *socket = tcp_of(base);
	int number, error;

	if (level != IPPROTO_TCP && level != IPPROTO_IP && level != IPPROTO_IPV6)
		return -ENOPROTOOPT;
	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return bytes >= 4 && !memcmp(value, "reno", 4) ? 0 : -ENOENT;
	error = net_option_take(value, bytes, &number);
	if (error && level != IPPROTO_TCP && bytes >= 1) {
		number = *(const uint8_t *)value; /* those of ip(7) may be one byte */
		error = 0;
	}
	if (!error)
		error = level == IPPROTO_TCP ? set_number(socket, name, number) :
		    set_ip_number(socket, level, name, number);
	if (!error)
		tcp_apply(base);
	return error;
}
