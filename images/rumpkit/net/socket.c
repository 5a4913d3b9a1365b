/*
 * socket.c - sockets as open files.
 */
#include "socket.h"

static long socket_read(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	struct net_message message = { .io = io };

	(void)position;
	return net_receive(file, &message);
}

static long socket_write(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	struct net_message message = { .io = io };

	(void)position;
	return net_send(file, &message);
}

static int socket_poll(struct vfs_file *file)
{
	struct net_socket *socket = file->data;

	return socket->protocol->poll(socket);
}

static struct vfs_queue *socket_queue(struct vfs_file *file)
{
	return &((struct net_socket *)file->data)->queue;
}

static long socket_ioctl(struct vfs_file *file, unsigned command, long argument)
{
	struct net_socket *socket = file->data;

	return socket->protocol->ioctl ? socket->protocol->ioctl(socket, command, argument) :
	    -ENOTTY;
}

static void socket_release(struct vfs_file *file)
{
	struct net_socket *socket = file->data;

	socket->protocol->destroy(socket, file->flags & O_NONBLOCK);
	net_inet_run();
}

static const struct vfs_file_ops socket_ops = {
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.queue = socket_queue,
	.ioctl = socket_ioctl,
	.release = socket_release,
};

struct net_socket *net_socket_of(struct vfs_file *file)
{
	return file->ops == &socket_ops ? file->data : NULL;
}

bool net_is_socket(struct vfs_file *file)
{
	return file->ops == &socket_ops;
}

void net_socket_init(struct net_socket *socket, const struct net_protocol *protocol,
    int family, int type, int number)
{
	socket->protocol = protocol;
	socket->family = (uint16_t)family;
	socket->type = (uint16_t)type;
	socket->number = (uint16_t)number;
	socket->stream = type == SOCK_STREAM;
	socket->linger_s = -1;
	socket->receive_least = 1;
	socket->send_limit = socket->receive_limit = NET_BUFFER_BYTES;
}

int net_socket_open(struct net_socket *socket, uint32_t flags, struct vfs_file **file)
{
	int error = vfs_file_make_anonymous(&socket_ops, S_IFSOCK | 0777,
	    O_RDWR | (flags & O_NONBLOCK), file);

	if (error)
		socket->protocol->destroy(socket, true);
	else
		(*file)->data = socket;
	return error;
}

void net_socket_fail(struct net_socket *socket, int error)
{
	socket->error = (uint16_t)error;
	vfs_wake(&socket->queue);
}

int net_socket_take_error(struct net_socket *socket)
{
	int error = socket->error;

	socket->error = 0;
	return -error;
}

/* ---- making ---------------------------------------------------------------------------- */

static int make(int family, int type, int protocol, struct net_socket **socket)
{
	switch (family) {
	case AF_UNIX:
		return net_unix_make(type, protocol, socket);
	case AF_NETLINK:
		return net_netlink_make(type, protocol, socket);
	case AF_INET:
	case AF_INET6:
		return net_inet_make(family, type, protocol, socket);
	default:
		return -EAFNOSUPPORT;
	}
}

int net_socket(int family, int type, int protocol, uint32_t flags, struct vfs_file **file)
{
	struct net_socket *socket;
	int error = make(family, type, protocol, &socket);

	return error ? error : net_socket_open(socket, flags, file);
}

int net_pair(int family, int type, int protocol, uint32_t flags, struct vfs_file *pair[2])
{
	struct net_socket *sockets[2];
	int error;

	if (family != AF_UNIX)
		return family == AF_INET || family == AF_INET6 || family == AF_NETLINK ?
		    -EOPNOTSUPP : -EAFNOSUPPORT;
	error = net_unix_pair(type, protocol, sockets);
	if (error)
		return error;
	error = net_socket_open(sockets[0], flags, &pair[0]);
	if (error) {
		sockets[1]->protocol->destroy(sockets[1], true);
		return error;
	}
	error = net_socket_open(sockets[1], flags, &pair[1]);
	if (error)
		vfs_file_put(pair[0]);
	return error;
}

/* ---- addresses and connections ----------------------------------------------------------- */

int net_bind(struct vfs_file *file, const struct net_address *address)
{
	struct net_socket *socket = net_socket_of(file);

	if (!socket)
		return -ENOTSOCK;
	return socket->protocol->bind ? socket->protocol->bind(socket, address) : -EOPNOTSUPP;
}

int net_listen(struct vfs_file *file, int backlog)
{
	struct net_socket *socket = net_socket_of(file);

	if (!socket)
		return -ENOTSOCK;
	return socket->protocol->listen ? socket->protocol->listen(socket, backlog) : -EOPNOTSUPP;
}

int64_t net_deadline_after(int64_t timeout_ns)
{
	return timeout_ns ? kern_monotonic_ns() + timeout_ns : KERN_FOREVER;
}

int net_wait_for_change(struct net_socket *socket, bool nonblocking, int64_t deadline_ns)
{
	int error;

	if (nonblocking)
		return -EAGAIN;
	error = vfs_wait(&socket->queue, deadline_ns);
	return error == -ETIMEDOUT ? -EAGAIN : error;
}

int net_accept(struct vfs_file *file, uint32_t flags, struct vfs_file **accepted,
    struct net_address *peer)
{
	struct net_socket *socket = net_socket_of(file), *connection = NULL;
	int64_t deadline_ns;
	int error;

	if (!socket)
		return -ENOTSOCK;
	if (!socket->protocol->accept)
		return -EOPNOTSUPP;
	net_inet_run();
	deadline_ns = net_deadline_after(socket->receive_timeout_ns);
	error = socket->protocol->accept(socket, &connection);
	while (error == -EAGAIN) {
		error = net_wait_for_change(socket, file->flags & O_NONBLOCK, deadline_ns);
		if (error)
			return error;
		error = socket->protocol->accept(socket, &connection);
	}
	if (error)
		return error;
	if (connection->protocol->name(connection, true, peer))
		peer->bytes = 0;
	return net_socket_open(connection, flags, accepted);
}

static int wait_until_connected(struct net_socket *socket)
{
	int64_t deadline_ns = net_deadline_after(socket->send_timeout_ns);
	int error = 0;

	while (socket->protocol->connecting(socket) && !error)
		error = net_wait_for_change(socket, false, deadline_ns);
	if (error)
		return error == -EAGAIN ? -EINPROGRESS : error;
	return net_socket_take_error(socket);
}

int net_connect(struct vfs_file *file, const struct net_address *address)
{
	struct net_socket *socket = net_socket_of(file);
	int64_t deadline_ns;
	int error;

	if (!socket)
		return -ENOTSOCK;
	if (!socket->protocol->connect)
		return -EOPNOTSUPP;
	deadline_ns = net_deadline_after(socket->send_timeout_ns);
	error = socket->protocol->connect(socket, address);
	while (error == -EAGAIN) { /* a listener of this guest whose queue is full */
		error = net_wait_for_change(socket, file->flags & O_NONBLOCK, deadline_ns);
		if (!error)
			error = socket->protocol->connect(socket, address);
	}
	net_inet_run();
	if (error == -EALREADY && !(file->flags & O_NONBLOCK))
		error = -EINPROGRESS; /* connect again just waits */
	if (error == -EINPROGRESS && !(file->flags & O_NONBLOCK))
		error = wait_until_connected(socket);
	return error;
}

int net_shutdown(struct vfs_file *file, int how)
{
	struct net_socket *socket = net_socket_of(file);
	int error;

	if (!socket)
		return -ENOTSOCK;
	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	if (!socket->protocol->shutdown)
		return -EOPNOTSUPP;
	error = socket->protocol->shutdown(socket, how);
	net_inet_run();
	return error;
}

int net_name(struct vfs_file *file, bool peer, struct net_address *address)
{
	struct net_socket *socket = net_socket_of(file);

	return socket ? socket->protocol->name(socket, peer, address) : -ENOTSOCK;
}
