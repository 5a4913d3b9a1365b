/*
 * packet.c - bytes and messages between unix sockets.
 */
#include "unix/unix.h"

#define STREAM_PIECE_BYTES 32768
#define PACKETS_MAX 11 /* Linux's max_dgram_qlen and the one it lets through */

bool unix_is_full(const struct unix_socket *to, const struct unix_socket *from)
{
	if (from->base.type == SOCK_DGRAM)
		return to->queued_packets >= PACKETS_MAX;
	return to->queued_bytes >= from->base.send_limit;
}

static void packet_free(struct unix_packet *packet)
{
	unix_rights_drop(packet);
	unix_put(packet->sender);
	kern_free(packet);
}

static void packet_push(struct unix_socket *to, struct unix_packet *packet)
{
	*to->last_packet = packet;
	to->last_packet = &packet->next;
	to->queued_bytes += packet->bytes;
	to->queued_packets++;
	vfs_wake(&to->base.queue);
}

static void packet_pop(struct unix_socket *socket)
{
	struct unix_packet *packet = socket->first_packet;

	socket->first_packet = packet->next;
	if (!socket->first_packet)
		socket->last_packet = &socket->first_packet;
	socket->queued_bytes -= packet->bytes - packet->taken;
	socket->queued_packets--;
	packet_free(packet);
}

void unix_packets_drop(struct unix_socket *socket)
{
	while (socket->first_packet)
		packet_pop(socket);
}

/* ---- sending -------------------------------------------------------------------------------- */

/* A packet with the next bytes of the message; the copy may sleep. */
static int packet_make(struct unix_socket *from, struct net_message *message, size_t bytes,
    struct unix_packet **made)
{
	struct unix_packet *packet = kern_alloc(sizeof *packet + bytes);
	int error;

	if (!packet)
		return -ENOBUFS;
	packet->bytes = bytes;
	packet->sender = unix_get(from);
	packet->credentials = unix_own_credentials();
	error = unix_rights_take(packet, message);
	if (!error && vfs_io_take(message->io, packet->data, bytes) != bytes)
		error = -EFAULT;
	if (error)
		packet_free(packet);
	else
		*made = packet;
	return error;
}

/* May this socket send to that one now?  Asked again after a copy that may have slept. */
static int may_send(struct unix_socket *from, struct unix_socket *to)
{
	if (from->base.sends_not)
		return -EPIPE;
	if (to->dead)
		return from->base.type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
	if (to->base.receives_not)
		return -EPIPE;
	if (from->base.type == SOCK_DGRAM && to->peer && to->peer != from)
		return -EPERM;
	return 0;
}

static long send_to(struct unix_socket *from, struct unix_socket *to,
    struct net_message *message)
{
	size_t bytes = message->io->left_bytes;
	struct unix_packet *packet;
	int error = may_send(from, to);

	if (!error && !from->base.stream && bytes > from->base.send_limit)
		error = -EMSGSIZE;
	if (!error && unix_is_full(to, from)) {
		from->sender_waits = true;
		error = -EAGAIN;
	}
	if (error)
		return error;
	if (from->base.stream && bytes > STREAM_PIECE_BYTES)
		bytes = STREAM_PIECE_BYTES;
	error = packet_make(from, message, bytes, &packet);
	if (error)
		return error;
	error = may_send(from, to);
	if (error) {
		packet_free(packet);
		return error;
	}
	message->control = NULL; /* went with the first bytes */
	packet_push(to, packet);
	return (long)bytes;
}

static int find_receiver(struct unix_socket *from, struct net_message *message,
    struct unix_socket **to)
{
	bool named = message->address && message->address->bytes;
	int error;

	if (named && from->base.type != SOCK_DGRAM)
		return from->connected ? -EISCONN : -EOPNOTSUPP;
	if (!named) {
		if (!from->peer)
			return from->base.sends_not ? -EPIPE : -ENOTCONN;
		*to = unix_get(from->peer);
		return 0;
	}
	error = unix_name_find(message->address, to);
	if (!error && (*to)->base.type != from->base.type) {
		unix_put(*to);
		error = -EPROTOTYPE;
	}
	return error;
}

long unix_send(struct net_socket *socket, struct net_message *message)
{
	struct unix_socket *from = unix_of(socket), *to;
	long result;

	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	result = net_socket_take_error(socket);
	if (result && socket->type != SOCK_STREAM)
		return result;
	result = find_receiver(from, message, &to);
	if (result)
		return result;
	if (!message->io->left_bytes && socket->stream)
		result = may_send(from, to);
	else
		result = send_to(from, to, message);
	if (result == -ECONNREFUSED && from->peer == to) {
		from->peer = NULL; /* a datagram peer that has gone */
		unix_put(to);
	}
	unix_put(to);
	return result;
}

/* ---- receiving ------------------------------------------------------------------------------ */

static int nothing_there(struct unix_socket *socket)
{
	int error = net_socket_take_error(&socket->base);

	if (error)
		return error;
	if (socket->base.receives_not)
		return 0;
	if (socket->base.type != SOCK_DGRAM && !socket->connected)
		return socket->base.stream ? -EINVAL : -ENOTCONN;
	return -EAGAIN;
}

static void tell_sender(struct unix_packet *packet, struct net_message *message)
{
	if (!message->address)
		return;
	if (packet->sender->name)
		unix_name_put(packet->sender, message->address);
	else
		message->address->bytes = 0;
}

/* Takes the packet out first: the copy may sleep, and nobody shall take it twice. */
static long receive_message(struct unix_socket *socket, struct net_message *message)
{
	struct unix_packet *packet = socket->first_packet;
	size_t bytes = packet->bytes, fits = message->io->left_bytes, moved;
	bool peek = message->flags & MSG_PEEK;

	if (fits > bytes)
		fits = bytes;
	if (!peek) {
		socket->first_packet = packet->next;
		if (!socket->first_packet)
			socket->last_packet = &socket->first_packet;
		socket->queued_bytes -= bytes;
		socket->queued_packets--;
		unix_wake_senders(socket);
	}
	tell_sender(packet, message);
	unix_rights_give(socket, packet, message);
	moved = vfs_io_put(message->io, packet->data, fits);
	if (!peek)
		packet_free(packet);
	if (moved < fits)
		return -EFAULT;
	if (fits < bytes)
		message->result_flags |= MSG_TRUNC;
	return (long)(message->flags & MSG_TRUNC ? bytes : fits);
}

/* One piece of a stream: what of a packet is wanted and fits. */
static long receive_piece(struct unix_socket *socket, struct unix_packet *packet,
    struct net_message *message)
{
	size_t left = packet->bytes - packet->taken, moved;
	size_t wanted = left < message->io->left_bytes ? left : message->io->left_bytes;

	moved = vfs_io_put(message->io, packet->data + packet->taken, wanted);
	if (message->flags & MSG_PEEK)
		return (long)moved;
	packet->taken += moved;
	socket->queued_bytes -= moved;
	if (packet->taken == packet->bytes)
		packet_pop(socket);
	return (long)moved;
}

static long receive_stream(struct unix_socket *socket, struct net_message *message)
{
	struct unix_packet *packet = socket->first_packet, *next;
	long done = 0, moved;

	while (packet && message->io->left_bytes) {
		bool files = packet->file_count;

		if (!done)
			tell_sender(packet, message);
		/* Bytes that came with files end a read. */
		if (files || (!done && socket->base.pass_credentials))
			unix_rights_give(socket, packet, message);
		next = packet->next;
		moved = receive_piece(socket, packet, message);
		done += moved;
		if (!moved || files)
			break;
		packet = message->flags & MSG_PEEK ? next : socket->first_packet;
	}
	if (!done && message->io->left_bytes)
		return -EFAULT;
	if (!(message->flags & MSG_PEEK))
		unix_wake_senders(socket);
	return done;
}

long unix_receive(struct net_socket *base, struct net_message *message)
{
	struct unix_socket *socket = unix_of(base);

	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (message->address)
		message->address->bytes = 0;
	if (!socket->first_packet)
		return nothing_there(socket);
	return base->stream ? receive_stream(socket, message) : receive_message(socket, message);
}
