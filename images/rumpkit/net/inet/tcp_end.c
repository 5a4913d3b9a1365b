/*
 * tcp_end.c - shutting down and closing TCP sockets.
 */
#include "inet/tcp.h"

#include "lwip/priv/tcp_priv.h"

#define NS_PER_S 1000000000ll

int tcp_socket_shutdown(struct net_socket *base, int how)
{
	struct tcp_socket *socket = tcp_of(base);

	if (socket->stage == TCP_LISTENING) {
		if (how != SHUT_WR)
			tcp_stop_listening(socket);
		return 0;
	}
	if (socket->stage == TCP_CONNECTING && how != SHUT_RD) {
		struct tcp_pcb *pcb = socket->pcb;

		tcp_detach(socket);
		tcp_abort(pcb);
		socket->stage = TCP_OVER;
		net_socket_fail(base, ECONNRESET);
		return 0;
	}
	if (socket->stage != TCP_CONNECTED || tcp_is_closed(socket))
		return -ENOTCONN;
	if (how != SHUT_WR)
		base->receives_not = true;
	if (how != SHUT_RD && !base->sends_not) {
		base->sends_not = true;
		if (socket->pcb)
			tcp_shutdown(socket->pcb, 0, 1);
	}
	vfs_wake(&base->queue);
	return 0;
}

/* SO_LINGER: close waits until all is acknowledged, or the time is over. */
static void linger(struct tcp_socket *socket)
{
	int64_t deadline_ns = kern_monotonic_ns() + socket->base.linger_s * NS_PER_S;
	int error = 0;

	tcp_shutdown(socket->pcb, 0, 1);
	net_inet_run();
	while (socket->pcb && !error &&
	    (socket->pcb->unacked || socket->pcb->unsent))
		error = vfs_wait(&socket->base.queue, deadline_ns);
}

static void end_connection(struct tcp_socket *socket, bool nonblocking)
{
	bool unread = socket->first_input != NULL;
	struct tcp_pcb *pcb;

	if (socket->base.linger_s > 0 && !nonblocking && !unread && socket->stage == TCP_CONNECTED)
		linger(socket);
	pcb = socket->pcb;
	if (!pcb)
		return;
	tcp_detach(socket);
	/* What arrived unread will never be: the peer is told by a reset, as on Linux. */
	if ((unread || socket->base.linger_s == 0) && pcb->state != CLOSED &&
	    pcb->state != SYN_SENT)
		tcp_abort(pcb);
	else
		tcp_close(pcb);
}

void tcp_socket_destroy(struct net_socket *base, bool nonblocking)
{
	struct tcp_socket *socket = tcp_of(base);

	if (socket->stage == TCP_LISTENING)
		tcp_stop_listening(socket);
	else if (socket->pcb)
		end_connection(socket, nonblocking);
	tcp_drop_input(socket);
	kern_free(socket);
}
