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

static struct unix_socket *make(int type)
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
	socket = make(type);
	if (!socket)
		return -ENOMEM;
	*made = &socket->base;
	return 0;
}

static void join(struct unix_socket *one, struct unix_socket *other)
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
	join(unix_of(pair[0]), unix_of(pair[1]));
	return 0;
}

/* ---- connections ----------------------------------------------------------------------------- */

static int unix_bind(struct net_socket *socket, const struct net_address *address)
{
	return unix_name_bind(unix_of(socket), address);
}

static int unix_listen(struct net_socket *base, int backlog)
{
	struct unix_socket *socket = unix_of(base);

	if (base->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	if (!socket->name || socket->connected)
		return -EINVAL;
	socket->backlog = backlog < 0 || backlog > 4096 ? 4096 : (unsigned)backlog;
	socket->peer_credentials = unix_own_credentials();
	base->listening = true;
	vfs_wake(&base->queue);
	return 0;
}

static int unix_accept(struct net_socket *base, struct net_socket **accepted)
{
	struct unix_socket *socket = unix_of(base), *connection = socket->first_waiting;

	if (base->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	if (!base->listening || base->receives_not)
		return -EINVAL;
	if (!connection)
		return -EAGAIN;
	socket->first_waiting = connection->next_waiting;
	if (!socket->first_waiting)
		socket->last_waiting = &socket->first_waiting;
	/* A connect may wait for the room. */
	if (socket->waiting-- == socket->backlog + 1)
		unix_wake_senders(socket);
	*accepted = &connection->base;
	return 0;
}

/* The other end of a new connection, in the listener's queue.  It shows the listener's name. */
static int make_other_end(struct unix_socket *socket, struct unix_socket *listener)
{
	struct unix_socket *other = make(socket->base.type);

	if (!other)
		return -ENOMEM;
	other->name = kern_alloc(sizeof *other->name);
	if (!other->name) {
		unix_put(other);
		return -ENOMEM;
	}
	*other->name = *listener->name;
	if (other->name->node)
		vfs_node_get(other->name->node);
	join(socket, other);
	socket->peer_credentials = listener->peer_credentials;
	*listener->last_waiting = other;
	listener->last_waiting = &other->next_waiting;
	listener->waiting++;
	vfs_wake(&listener->base.queue);
	return 0;
}

static int connect_stream(struct unix_socket *socket, struct unix_socket *listener)
{
	if (socket->connected)
		return -EISCONN;
	if (socket->base.listening)
		return -EINVAL;
	if (!listener->base.listening || listener->base.receives_not)
		return -ECONNREFUSED;
	if (listener->waiting > listener->backlog) {
		socket->sender_waits = true;
		return -EAGAIN;
	}
	return make_other_end(socket, listener);
}

static void set_peer(struct unix_socket *socket, struct unix_socket *peer)
{
	unix_put(socket->peer);
	socket->peer = peer ? unix_get(peer) : NULL;
	socket->connected = peer != NULL;
}

static int unix_connect(struct net_socket *base, const struct net_address *address)
{
	struct unix_socket *socket = unix_of(base), *found;
	int error;

	if (address->bytes >= sizeof address->family && address->family == AF_UNSPEC &&
	    base->type == SOCK_DGRAM) {
		set_peer(socket, NULL);
		return 0;
	}
	error = unix_name_find(address, &found);
	if (error)
		return error;
	if (found->base.type != base->type)
		error = -EPROTOTYPE;
	else if (base->type != SOCK_DGRAM)
		error = connect_stream(socket, found);
	else if (found->peer && found->peer != socket)
		error = -EPERM;
	else
		set_peer(socket, found);
	unix_put(found);
	return error;
}

static bool unix_connecting(struct net_socket *socket)
{
	(void)socket;
	return false;
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
