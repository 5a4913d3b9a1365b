/*
 * tcp_listen.c - addresses of TCP sockets, and connections that come in.
 */
#include "inet/tcp.h"

#include "lwip/priv/tcp_priv.h"

#define BACKLOG_MAX 4096     /* Linux's somaxconn */
#define HALF_OPEN_MAX 255    /* handshakes under way, to one listener */

/* Do two local addresses mean a common one?  Any of IPv6 may mean all of IPv4 too. */
static bool overlaps(const ip_addr_t *one, const ip_addr_t *other)
{
	if (IP_GET_TYPE(one) == IPADDR_TYPE_ANY || IP_GET_TYPE(other) == IPADDR_TYPE_ANY)
		return true;
	if (IP_GET_TYPE(one) != IP_GET_TYPE(other))
		return false;
	return ip_addr_isany(one) || ip_addr_isany(other) || ip_addr_cmp(one, other);
}

static bool in_use(struct tcp_pcb *list, const ip_addr_t *ip, uint16_t port, bool share)
{
	for (; list; list = list->next)
		if (list->local_port == port && overlaps(&list->local_ip, ip) &&
		    !(share && ip_get_option(list, SOF_REUSEADDR)))
			return true;
	return false;
}

/* Linux's rules: nobody shares a listener's port; others share if all said SO_REUSEADDR. */
static bool port_is_taken(struct tcp_socket *socket, const ip_addr_t *ip, uint16_t port)
{
	bool share = socket->base.reuse_address || socket->base.reuse_port;

	return in_use(tcp_listen_pcbs.pcbs, ip, port, socket->base.reuse_port) ||
	    in_use(tcp_bound_pcbs, ip, port, share) ||
	    in_use(tcp_active_pcbs, ip, port, share) || in_use(tcp_tw_pcbs, ip, port, share);
}

static int bind_to(struct tcp_socket *socket, const ip_addr_t *ip, uint16_t port)
{
	err_t error;

	if (port && port_is_taken(socket, ip, port))
		return -EADDRINUSE;
	/* The rules above were Linux's; lwIP's own must not be stricter. */
	ip_set_option(socket->pcb, SOF_REUSEADDR);
	error = tcp_bind(socket->pcb, ip, port);
	tcp_apply(&socket->base);
	if (error == ERR_BUF)
		return -EADDRINUSE;
	if (error)
		return inet_error(error);
	socket->bound = true;
	socket->local_ip = socket->pcb->local_ip;
	socket->local_port = socket->pcb->local_port;
	return 0;
}

int tcp_socket_bind(struct net_socket *base, const struct net_address *address)
{
	struct tcp_socket *socket = tcp_of(base);
	ip_addr_t ip;
	uint16_t port;
	int error = inet_address_get(base, address, &ip, &port);

	if (error)
		return error;
	if (!inet_is_own(&ip))
		return -EADDRNOTAVAIL;
	if (socket->stage != TCP_FRESH || socket->bound)
		return -EINVAL;
	if (base->family == AF_INET6 && ip_addr_isany_val(ip))
		IP_SET_TYPE_VAL(ip, inet_any_type(base, socket->only_v6));
	return bind_to(socket, &ip, port);
}

/* ---- connections that come in ----------------------------------------------------------------- */

static bool is_full(const struct tcp_socket *socket)
{
	return socket->waiting > socket->backlog;
}

/* While the queue is full lwIP ignores what wants to connect; the peer tries again. */
static void admit(struct tcp_socket *socket)
{
	struct tcp_pcb_listen *pcb = (struct tcp_pcb_listen *)socket->pcb;

	pcb->backlog = is_full(socket) ? 0 : HALF_OPEN_MAX;
}

static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t error)
{
	struct tcp_socket *socket = argument, *connection;

	if (!pcb || error)
		return ERR_VAL;
	connection = socket ? tcp_socket_make(socket->base.family) : NULL;
	if (!connection) {
		tcp_abort(pcb);
		return ERR_ABRT;
	}
	tcp_backlog_accepted(pcb);
	connection->stage = TCP_CONNECTED;
	connection->connect_told = true;
	connection->base.reuse_address = socket->base.reuse_address;
	connection->base.keep_alive = socket->base.keep_alive;
	connection->base.linger_s = socket->base.linger_s;
	connection->base.send_limit = socket->base.send_limit;
	connection->base.receive_limit = socket->base.receive_limit;
	connection->no_delay = socket->no_delay;
	connection->keep_idle_s = socket->keep_idle_s;
	connection->keep_interval_s = socket->keep_interval_s;
	connection->keep_count = socket->keep_count;
	tcp_attach(connection, pcb);
	*socket->last_waiting = connection;
	socket->last_waiting = &connection->next_waiting;
	socket->waiting++;
	admit(socket);
	vfs_wake(&socket->base.queue);
	return ERR_OK;
}

int tcp_socket_listen(struct net_socket *base, int backlog)
{
	struct tcp_socket *socket = tcp_of(base);
	struct tcp_pcb *pcb;
	err_t error = ERR_OK;

	if (socket->stage != TCP_FRESH && socket->stage != TCP_LISTENING)
		return -EINVAL;
	socket->backlog = backlog < 0 || backlog > BACKLOG_MAX ? BACKLOG_MAX : (unsigned)backlog;
	if (socket->stage == TCP_LISTENING) {
		admit(socket);
		return 0;
	}
	/* Two may be bound to one port, but only one can listen there. */
	if (socket->bound && in_use(tcp_listen_pcbs.pcbs, &socket->local_ip, socket->local_port,
	    base->reuse_port))
		return -EADDRINUSE;
	if (!socket->bound) {
		int failed = bind_to(socket, &socket->pcb->local_ip, 0);

		if (failed)
			return failed;
	}
	ip_reset_option(socket->pcb, SOF_REUSEADDR); /* else lwIP looks for rivals again */
	pcb = tcp_listen_with_backlog_and_err(socket->pcb, HALF_OPEN_MAX, &error);
	if (!pcb)
		return inet_error(error);
	socket->pcb = pcb;
	socket->stage = TCP_LISTENING;
	base->listening = true;
	tcp_arg(pcb, socket);
	tcp_accept(pcb, on_accept);
	tcp_apply(base);
	admit(socket);
	return 0;
}

int tcp_socket_accept(struct net_socket *base, struct net_socket **accepted)
{
	struct tcp_socket *socket = tcp_of(base), *connection = socket->first_waiting;

	if (socket->stage != TCP_LISTENING)
		return -EINVAL;
	if (!connection)
		return -EAGAIN;
	socket->first_waiting = connection->next_waiting;
	if (!socket->first_waiting)
		socket->last_waiting = &socket->first_waiting;
	socket->waiting--;
	admit(socket);
	*accepted = &connection->base;
	return 0;
}

void tcp_stop_listening(struct tcp_socket *socket)
{
	struct tcp_socket *waiting;

	while ((waiting = socket->first_waiting)) {
		struct tcp_pcb *pcb = waiting->pcb;

		socket->first_waiting = waiting->next_waiting;
		if (pcb) {
			tcp_detach(waiting);
			tcp_abort(pcb);
		}
		waiting->base.protocol->destroy(&waiting->base, true);
	}
	socket->last_waiting = &socket->first_waiting;
	socket->waiting = 0;
	tcp_arg(socket->pcb, NULL);
	tcp_close(socket->pcb);
	socket->pcb = NULL;
	socket->stage = TCP_OVER;
	socket->base.listening = false;
	vfs_wake(&socket->base.queue);
}
