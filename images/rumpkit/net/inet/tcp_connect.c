/*
 * tcp_connect.c - connections that this guest opens.
 */
#include "inet/tcp.h"

#include "lwip/priv/tcp_priv.h"

static int may_connect(struct tcp_socket *socket)
{
	switch (socket->stage) {
	case TCP_LISTENING:
		return -EISCONN;
	case TCP_CONNECTED: /* asked again after -EINPROGRESS, Linux says 0 once */
		if (socket->connect_told)
			return -EISCONN;
		socket->connect_told = true;
		return 0;
	case TCP_CONNECTING:
		return -EALREADY;
	case TCP_OVER: /* how it ended is told once; then the socket may be used again */
		if (socket->base.error)
			return net_socket_take_error(&socket->base);
		return -ECONNABORTED;
	default:
		return 0;
	}
}

/* After a failed connection Linux lets a socket connect again. */
static int renew(struct tcp_socket *socket)
{
	struct tcp_pcb *pcb;

	if (socket->pcb)
		return 0;
	pcb = tcp_new_ip_type(inet_any_type(&socket->base, socket->only_v6));
	if (!pcb)
		return -ENOBUFS;
	pcb->rto = pcb->sv = TCP_FIRST_RTO;
	socket->stage = TCP_FRESH;
	socket->peer_closed = false;
	socket->remote_port = 0;
	tcp_attach(socket, pcb);
	return 0;
}

int tcp_socket_connect(struct net_socket *base, const struct net_address *address)
{
	struct tcp_socket *socket = tcp_of(base);
	ip_addr_t to;
	uint16_t port;
	int error;
	err_t failed;

	if (address->bytes >= sizeof address->family && address->family == AF_UNSPEC) {
		if (socket->pcb && socket->stage == TCP_CONNECTED) {
			struct tcp_pcb *pcb = socket->pcb;

			tcp_detach(socket);
			tcp_abort(pcb);
		}
		return renew(socket);
	}
	error = inet_address_get(base, address, &to, &port);
	if (!error && socket->stage == TCP_OVER && !base->error)
		error = renew(socket);
	if (!error)
		error = may_connect(socket);
	if (error || socket->stage == TCP_CONNECTED)
		return error;
	if (socket->only_v6 && IP_IS_V4_VAL(to))
		return -ENETUNREACH;
	if (ip_addr_isany_val(to)) { /* to this guest itself, as Linux takes it */
		if (IP_IS_V6_VAL(to))
			ip_addr_set_loopback_val(1, to);
		else
			ip_addr_set_loopback_val(0, to);
	}
	if (ip_addr_ismulticast(&to))
		return -ENETUNREACH;
	failed = tcp_connect(socket->pcb, &to, port, tcp_on_connected);
	/* Without a local port; ERR_MEM is something else: no memory for the first segment. */
	error = failed == ERR_USE || failed == ERR_BUF ? -EADDRNOTAVAIL : inet_error(failed);
	if (error)
		return error;
	socket->stage = TCP_CONNECTING;
	socket->connect_told = false;
	tcp_note_names(socket);
	return -EINPROGRESS;
}

bool tcp_connecting(struct net_socket *socket)
{
	struct tcp_socket *tcp = tcp_of(socket);

	/* Who asks is a connect(2) that waits. */
	tcp->connect_told |= tcp->stage == TCP_CONNECTED;
	return tcp->stage == TCP_CONNECTING;
}
