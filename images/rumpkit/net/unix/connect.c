/*
 * connect.c - names given to unix sockets, and connections between them.
 */
#include "unix/unix.h"

int unix_bind(struct net_socket *socket, const struct net_address *address)
{
	return unix_name_bind(unix_of(socket), address);
}

int unix_listen(struct net_socket *base, int backlog)
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

int unix_accept(struct net_socket *base, struct net_socket **accepted)
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
	struct unix_socket *other = unix_make(socket->base.type);

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
	unix_join(socket, other);
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

int unix_connect(struct net_socket *base, const struct net_address *address)
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

bool unix_connecting(struct net_socket *socket)
{
	(void)socket;
	return false;
}
