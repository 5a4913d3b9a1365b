/*
 * socket_io.c - bytes and messages through sockets, of any protocol.
 */
#include "socket.h"

#define SIGPIPE 13

long net_send(struct vfs_file *file, struct net_message *message)
{
	struct net_socket *socket = net_socket_of(file);
	bool nonblocking;
	int64_t deadline_ns;
	long sent, done = 0;

	if (!socket)
		return -ENOTSOCK;
	nonblocking = (file->flags & O_NONBLOCK) || (message->flags & MSG_DONTWAIT);
	deadline_ns = net_deadline_after(socket->send_timeout_ns);
	do {
		sent = socket->protocol->send(socket, message);
		if (sent == -EAGAIN)
			sent = net_wait_for_change(socket, nonblocking, deadline_ns);
		else if (sent > 0)
			done += sent;
		else if (sent == 0)
			break;
	} while (sent == 0 || (sent > 0 && socket->stream && message->io->left_bytes));
	net_inet_run();
	if (sent == -EPIPE && !done && socket->stream && !(message->flags & MSG_NOSIGNAL))
		kern_signal_self(SIGPIPE);
	return done ? done : sent;
}

/*
 * A copy to the application may sleep; until it is done no other thread takes from the same
 * socket, or bytes would be given twice.
 */
static long receive_alone(struct net_socket *socket, struct net_message *message)
{
	long got;

	if (socket->receiving) {
		socket->receive_wanted = true;
		return -EAGAIN;
	}
	socket->receiving = true;
	got = socket->protocol->receive(socket, message);
	socket->receiving = false;
	if (socket->receive_wanted)
		vfs_wake(&socket->queue);
	socket->receive_wanted = false;
	return got;
}

/* What is there, or what is on its way to this socket already. */
static long receive_some(struct net_socket *socket, struct net_message *message)
{
	long got = receive_alone(socket, message);

	if (got == -EAGAIN) {
		net_inet_run();
		got = receive_alone(socket, message);
	}
	return got;
}

long net_receive(struct vfs_file *file, struct net_message *message)
{
	struct net_socket *socket = net_socket_of(file);
	bool nonblocking, all;
	int64_t deadline_ns;
	long got, done = 0;

	if (!socket)
		return -ENOTSOCK;
	nonblocking = (file->flags & O_NONBLOCK) || (message->flags & MSG_DONTWAIT);
	all = socket->stream && (message->flags & MSG_WAITALL) && !(message->flags & MSG_PEEK);
	deadline_ns = net_deadline_after(socket->receive_timeout_ns);
	do {
		got = receive_some(socket, message);
		if (got == -EAGAIN)
			got = net_wait_for_change(socket, nonblocking, deadline_ns);
		else if (got <= 0)
			break;
		if (got > 0)
			done += got;
	} while (got >= 0 && (!done || (all && message->io->left_bytes)));
	return done ? done : got;
}
