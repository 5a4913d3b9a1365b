/*
 * tcp.c - TCP sockets: making, connecting, closing them.
 */
#include "inet/tcp.h"

#include "lwip/priv/tcp_priv.h"

#define KEEP_IDLE_S 7200 /* tcp(7) */
#define KEEP_INTERVAL_S 75
#define KEEP_COUNT 9
#define TTL 64

struct tcp_socket *tcp_socket_make(int family)
{
	struct tcp_socket *socket = kern_alloc(sizeof *socket);

	if (!socket)
		return NULL;
	net_socket_init(&socket->base, &inet_tcp_protocol, family, SOCK_STREAM, IPPROTO_TCP);
	socket->last_waiting = &socket->first_waiting;
	socket->keep_idle_s = KEEP_IDLE_S;
	socket->keep_interval_s = KEEP_INTERVAL_S;
	socket->keep_count = KEEP_COUNT;
	socket->ttl = TTL;
	IP_SET_TYPE_VAL(socket->local_ip, inet_any_type(&socket->base, false));
	return socket;
}

int inet_tcp_make(int family, struct net_socket **made)
{
	struct tcp_socket *socket = tcp_socket_make(family);
	struct tcp_pcb *pcb;

	if (!socket)
		return -ENOMEM;
	tcp_trim_time_wait();
	pcb = tcp_new_ip_type(inet_any_type(&socket->base, false));
	if (!pcb) {
		kern_free(socket);
		return -ENOBUFS;
	}
	pcb->rto = pcb->sv = TCP_FIRST_RTO;
	tcp_attach(socket, pcb);
	*made = &socket->base;
	return 0;
}

/* ---- what lwIP tells ------------------------------------------------------------------------- */

static err_t on_sent(void *argument, struct tcp_pcb *pcb, u16_t bytes)
{
	struct tcp_socket *socket = argument;

	(void)pcb;
	(void)bytes;
	if (socket->base.queue.first)
		vfs_wake(&socket->base.queue);
	return ERR_OK;
}

/* The pcb is gone, and all that was to be sent with it. */
static void on_error(void *argument, err_t error)
{
	struct tcp_socket *socket = argument;
	bool connecting = socket->stage == TCP_CONNECTING, closed = socket->peer_closed;

	socket->pcb = NULL;
	socket->stage = TCP_OVER;
	socket->peer_closed = true;
	if (error == ERR_CLSD)
		vfs_wake(&socket->base.queue);
	else
		net_socket_fail(&socket->base, error != ERR_RST ? ETIMEDOUT :
		    connecting ? ECONNREFUSED : closed ? EPIPE : ECONNRESET);
}

void tcp_note_names(struct tcp_socket *socket)
{
	socket->local_ip = socket->pcb->local_ip;
	socket->local_port = socket->pcb->local_port;
	socket->remote_ip = socket->pcb->remote_ip;
	socket->remote_port = socket->pcb->remote_port;
}

err_t tcp_on_connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
	struct tcp_socket *socket = argument;

	(void)pcb;
	(void)error;
	socket->stage = TCP_CONNECTED;
	tcp_note_names(socket);
	vfs_wake(&socket->base.queue);
	return ERR_OK;
}

/* A pcb ends without a word when its TIME_WAIT is over. */
static void on_destroyed(u8_t index, void *argument)
{
	(void)index;
	((struct tcp_socket *)argument)->pcb = NULL;
}

static const struct tcp_ext_arg_callbacks pcb_callbacks = { on_destroyed, NULL };
static const struct tcp_ext_arg_callbacks no_callbacks = { NULL, NULL };

void tcp_attach(struct tcp_socket *socket, struct tcp_pcb *pcb)
{
	socket->pcb = pcb;
	tcp_arg(pcb, socket);
	tcp_recv(pcb, tcp_on_input);
	tcp_sent(pcb, on_sent);
	tcp_err(pcb, on_error);
	tcp_ext_arg_set(pcb, 0, socket);
	tcp_ext_arg_set_callbacks(pcb, 0, &pcb_callbacks);
	if (pcb->remote_port)
		tcp_note_names(socket);
	tcp_apply(&socket->base);
}

void tcp_detach(struct tcp_socket *socket)
{
	tcp_arg(socket->pcb, NULL);
	tcp_recv(socket->pcb, NULL);
	tcp_sent(socket->pcb, NULL);
	tcp_err(socket->pcb, NULL);
	tcp_ext_arg_set_callbacks(socket->pcb, 0, &no_callbacks);
	socket->pcb = NULL;
}

void inet_tcp_unreachable(uint16_t local_port, const ip_addr_t *to, uint16_t port, int error)
{
	struct tcp_pcb *pcb;
	struct tcp_socket *socket;

	for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
		if (pcb->state == SYN_SENT && pcb->local_port == local_port &&
		    pcb->remote_port == port && ip_addr_cmp(&pcb->remote_ip, to))
			break;
	if (!pcb || !pcb->callback_arg)
		return;
	socket = pcb->callback_arg;
	tcp_detach(socket);
	tcp_abort(pcb);
	socket->stage = TCP_OVER;
	net_socket_fail(&socket->base, error);
}

static int tcp_socket_name(struct net_socket *base, bool peer, struct net_address *address)
{
	struct tcp_socket *socket = tcp_of(base);

	if (peer && (socket->stage != TCP_CONNECTED || tcp_is_closed(socket)))
		return -ENOTCONN;
	if (peer)
		inet_address_put(base, &socket->remote_ip, socket->remote_port, address);
	else
		inet_address_put(base, &socket->local_ip, socket->local_port, address);
	return 0;
}

/* ---- readiness -------------------------------------------------------------------------------- */

size_t tcp_room(const struct tcp_socket *socket)
{
	size_t used, room;

	if (!socket->pcb || socket->pcb->snd_queuelen >= TCP_SND_QUEUELEN - 4)
		return 0;
	room = socket->pcb->snd_buf; /* tcp_sndbuf stops at 64 KiB */
	used = TCP_SND_BUF - room;
	if (used >= socket->base.send_limit)
		return 0;
	return room < socket->base.send_limit - used ? room : socket->base.send_limit - used;
}

static int tcp_poll_mask(struct net_socket *base)
{
	struct tcp_socket *socket = tcp_of(base);
	bool no_more_input = base->receives_not || socket->peer_closed;
	int mask = base->error ? POLLERR : 0;

	if (socket->stage == TCP_LISTENING)
		return mask | (socket->first_waiting ? POLLIN | POLLRDNORM : 0);
	if (socket->stage == TCP_FRESH || socket->stage == TCP_OVER ||
	    (no_more_input && base->sends_not))
		mask |= POLLHUP;
	if (no_more_input)
		mask |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (socket->stage == TCP_CONNECTING)
		return mask;
	if (socket->input_bytes >= (size_t)base->receive_least)
		mask |= POLLIN | POLLRDNORM;
	if (base->sends_not || !socket->pcb || socket->stage == TCP_FRESH ||
	    tcp_room(socket) >= base->send_limit / 3)
		mask |= POLLOUT | POLLWRNORM;
	return mask;
}

static long tcp_ioctl(struct net_socket *base, unsigned command, long argument)
{
	struct tcp_socket *socket = tcp_of(base);
	int32_t number;

	switch (command) {
	case SIOCINQ:
		if (socket->stage == TCP_LISTENING)
			return -EINVAL;
		number = (int32_t)socket->input_bytes;
		break;
	case SIOCOUTQ:
		if (socket->stage == TCP_LISTENING)
			return -EINVAL;
		number = socket->pcb ? (int32_t)(TCP_SND_BUF - socket->pcb->snd_buf) : 0;
		break;
	case SIOCATMARK:
		number = 0;
		break;
	default:
		return net_inet_ioctl(command, argument);
	}
	return kern_copyout(&number, (void *)argument, sizeof number);
}

const struct net_protocol inet_tcp_protocol = {
	.bind = tcp_socket_bind,
	.listen = tcp_socket_listen,
	.accept = tcp_socket_accept,
	.connect = tcp_socket_connect,
	.connecting = tcp_connecting,
	.send = tcp_socket_send,
	.receive = tcp_socket_receive,
	.poll = tcp_poll_mask,
	.shutdown = tcp_socket_shutdown,
	.name = tcp_socket_name,
	.get_option = tcp_get_option,
	.set_option = tcp_set_option,
	.changed = tcp_apply,
	.ioctl = tcp_ioctl,
	.destroy = tcp_socket_destroy,
};
