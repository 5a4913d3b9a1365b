/*
 * unix.c - unix sockets: making, connecting, closing them.
 */
#include "unix/unix.h"

static const struct net_protocol unix_protocol;
static struct unix_socket *all_sockets;

struct linux_ucred unix_own_credentials(void)
{
	return (struct linux_ucred){ .pid = kern_own_pid() };
}

struct unix_socket *unix_get(struct unix_socket *socket)
{
	socket->references++;
	return socket;
}

void unix_put(struct unix_socket *socket)
{
	if (!socket || --socket->references)
		return;
	unix_name_drop(socket);
	kern_free(socket);
}

struct unix_socket *unix_make(int type)
{
	struct unix_socket *socket = kern_alloc(sizeof *socket);

	if (!socket)
		return NULL;
	net_socket_init(&socket->base, &unix_protocol, AF_UNIX, type, 0);
	socket->references = 1;
	socket->last_packet = &socket->first_packet;
	socket->last_waiting = &socket->first_waiting;
	socket->next = all_sockets;
	socket->slot = &all_sockets;
	if (socket->next)
		socket->next->slot = &socket->next;
	all_sockets = socket;
	return socket;
}

int net_unix_make(int type, int number, struct net_socket **made)
{
	struct unix_socket *socket;

	if (number && number != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (type == SOCK_RAW)
		type = SOCK_DGRAM;
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	socket = unix_make(type);
	if (!socket)
		return -ENOMEM;
	*made = &socket->base;
	return 0;
}

void unix_join(struct unix_socket *one, struct unix_socket *other)
{
	one->peer = unix_get(other);
	other->peer = unix_get(one);
	one->connected = other->connected = true;
	one->peer_credentials = other->peer_credentials = unix_own_credentials();
}

int net_unix_pair(int type, int number, struct net_socket *pair[2])
{
	int error = net_unix_make(type, number, &pair[0]);

	if (error)
		return error;
	error = net_unix_make(type, number, &pair[1]);
	if (error) {
		pair[0]->protocol->destroy(pair[0], true);
		return error;
	}
	unix_join(unix_of(pair[0]), unix_of(pair[1]));
	return 0;
}

static int unix_shutdown(struct net_socket *base, int how)
{
	struct unix_socket *socket = unix_of(base), *peer = socket->peer;
	bool mutual = base->type != SOCK_DGRAM && peer;

	if (how != SHUT_WR) {
		base->receives_not = true;
		if (mutual)
			peer->base.sends_not = true;
	}
	if (how != SHUT_RD) {
		base->sends_not = true;
		if (mutual)
			peer->base.receives_not = true;
	}
	vfs_wake(&base->queue);
	if (mutual)
		vfs_wake(&peer->base.queue);
	return 0;
}

static int unix_name(struct net_socket *base, bool peer, struct net_address *address)
{
	struct unix_socket *socket = unix_of(base);

	if (peer && !socket->peer)
		return -ENOTCONN;
	unix_name_put(peer ? socket->peer : socket, address);
	return 0;
}

/* ---- readiness -------------------------------------------------------------------------------- */

void unix_wake_senders(struct unix_socket *socket)
{
	struct unix_socket *other;

	if (socket->base.type != SOCK_DGRAM && !socket->base.listening) {
		if (socket->peer)
			vfs_wake(&socket->peer->base.queue);
		return;
	}
	for (other = all_sockets; other; other = other->next)
		if (other->sender_waits || other->peer == socket) {
			other->sender_waits = false;
			vfs_wake(&other->base.queue);
		}
}

static int unix_poll(struct net_socket *base)
{
	struct unix_socket *socket = unix_of(base);
	bool connection = base->type != SOCK_DGRAM;
	int mask = base->error ? POLLERR : 0;

	if (base->sends_not && base->receives_not)
		mask |= POLLHUP;
	if (base->receives_not)
		mask |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (socket->first_packet || socket->first_waiting)
		mask |= POLLIN | POLLRDNORM;
	if (connection && !socket->connected && !base->listening)
		mask |= POLLHUP;
	if (!base->listening && (!socket->peer || !unix_is_full(socket->peer, socket)))
		mask |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return mask;
}

static int unix_get_option(struct net_socket *socket, int level, int name, void *value,
    uint32_t *bytes)
{
	struct linux_ucred none = { 0, (uint32_t)-1, (uint32_t)-1 };

	if (level != SOL_SOCKET || name != SO_PEERCRED)
		return -EOPNOTSUPP;
	if (*bytes > sizeof none)
		*bytes = sizeof none;
	memcpy(value, unix_of(socket)->peer_credentials.pid ?
	    &unix_of(socket)->peer_credentials : &none, *bytes);
	return 0;
}

static long unix_ioctl(struct net_socket *base, unsigned command, long argument)
{
	struct unix_socket *socket = unix_of(base);
	int32_t bytes;

	if (command == SIOCINQ)
		bytes = base->type != SOCK_DGRAM ? (int32_t)socket->queued_bytes :
		    socket->first_packet ? (int32_t)socket->first_packet->bytes : 0;
	else if (command == SIOCOUTQ)
		bytes = socket->peer ? (int32_t)socket->peer->queued_bytes : 0;
	else
		return net_inet_ioctl(command, argument);
	return kern_copyout(&bytes, (void *)argument, sizeof bytes);
}

/* ---- the end ---------------------------------------------------------------------------------- */

static void leave_peer(struct unix_socket *socket)
{
	struct unix_socket *peer = socket->peer;

	if (!peer)
		return;
	socket->peer = NULL;
	if (socket->base.type != SOCK_DGRAM && !peer->dead) {
		peer->base.sends_not = peer->base.receives_not = true;
		if (socket->first_packet)
			peer->base.error = ECONNRESET; /* it sent what nobody will read */
		vfs_wake(&peer->base.queue);
	}
	unix_put(peer);
}

static void unix_destroy(struct net_socket *base, bool nonblocking)
{
	struct unix_socket *socket = unix_of(base), *waiting;

	(void)nonblocking;
	socket->dead = true;
	unix_name_give_up(socket);
	*socket->slot = socket->next;
	if (socket->next)
		socket->next->slot = socket->slot;
	while ((waiting = socket->first_waiting)) {
		socket->first_waiting = waiting->next_waiting;
		if (waiting->peer)
			waiting->peer->base.error = ECONNRESET;
		unix_destroy(&waiting->base, true);
	}
	leave_peer(socket);
	unix_packets_drop(socket);
	if (base->type == SOCK_DGRAM || base->listening)
		unix_wake_senders(socket);
	unix_put(socket);
}

static const struct net_protocol unix_protocol = {
	.bind = unix_bind,
	.listen = unix_listen,
	.accept = unix_accept,
	.connect = unix_connect,
	.connecting = unix_connecting,
	.send = unix_send,
	.receive = unix_receive,
	.poll = unix_poll,
	.shutdown = unix_shutdown,
	.name = unix_name,
	.get_option = unix_get_option,
	.ioctl = unix_ioctl,
	.destroy = unix_destroy,
};
