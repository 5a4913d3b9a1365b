/*
 * tcp_io.c - bytes between the application and TCP connections.
 */
#include "inet/tcp.h"

#include "rumpuser.h"

#define SMALL_BYTES 2048   /* sent from the stack */
#define PIECE_BYTES 32768  /* at most at once */

/* ---- receiving -------------------------------------------------------------------------------- */

err_t tcp_on_input(void *argument, struct tcp_pcb *pcb, struct pbuf *input, err_t error)
{
	struct tcp_socket *socket = argument;

	(void)pcb;
	(void)error;
	if (!input) {
		socket->peer_closed = true;
	} else {
		socket->input_bytes += input->tot_len;
		if (socket->first_input)
			socket->last_input->next = input;
		else
			socket->first_input = input;
		while (input->next)
			input = input->next;
		socket->last_input = input;
	}
	vfs_wake(&socket->base.queue);
	return ERR_OK;
}

static void drop_first(struct tcp_socket *socket)
{
	struct pbuf *first = socket->first_input;

	socket->first_input = first->next;
	socket->input_offset = 0;
	first->next = NULL;
	first->tot_len = first->len;
	pbuf_free(first);
}

void tcp_drop_input(struct tcp_socket *socket)
{
	while (socket->first_input)
		drop_first(socket);
	socket->input_bytes = 0;
}

/* The connection may end while a copy sleeps; what has arrived stays until it is read. */
static void tell_lwip(struct tcp_socket *socket, size_t bytes)
{
	socket->input_bytes -= bytes;
	while (socket->pcb && bytes) {
		uint16_t step = bytes < 0xffff ? (uint16_t)bytes : 0xffff;

		tcp_recved(socket->pcb, step);
		bytes -= step;
	}
}

static long take_input(struct tcp_socket *socket, struct net_message *message)
{
	bool discard = message->flags & MSG_TRUNC;
	size_t done = 0, step, moved;

	while (socket->first_input && message->io->left_bytes) {
		struct pbuf *first = socket->first_input;

		step = first->len - socket->input_offset;
		if (step > message->io->left_bytes)
			step = message->io->left_bytes;
		if (discard) {
			vfs_io_skip(message->io, step);
			moved = step;
		} else {
			moved = vfs_io_put(message->io,
			    (uint8_t *)first->payload + socket->input_offset, step);
		}
		done += moved;
		socket->input_offset += moved;
		if (socket->input_offset == first->len)
			drop_first(socket);
		if (moved < step)
			break;
	}
	tell_lwip(socket, done);
	return done || !message->io->left_bytes ? (long)done : -EFAULT;
}

static long peek_input(struct tcp_socket *socket, struct net_message *message)
{
	size_t done = 0, offset = socket->input_offset, step, moved;
	struct pbuf *at;

	for (at = socket->first_input; at && message->io->left_bytes; at = at->next) {
		step = at->len - offset;
		if (step > message->io->left_bytes)
			step = message->io->left_bytes;
		moved = vfs_io_put(message->io, (uint8_t *)at->payload + offset, step);
		done += moved;
		offset = 0;
		if (moved < step)
			break;
	}
	return done || !message->io->left_bytes ? (long)done : -EFAULT;
}

static long nothing_there(struct tcp_socket *socket)
{
	int error = net_socket_take_error(&socket->base);

	if (error)
		return error;
	if (socket->peer_closed || socket->base.receives_not)
		return 0;
	if (socket->stage == TCP_FRESH || socket->stage == TCP_LISTENING ||
	    socket->stage == TCP_OVER)
		return -ENOTCONN;
	return -EAGAIN;
}

long tcp_socket_receive(struct net_socket *base, struct net_message *message)
{
	struct tcp_socket *socket = tcp_of(base);

	if (message->flags & MSG_OOB)
		return socket->stage == TCP_CONNECTED || socket->peer_closed ? -EINVAL : -ENOTCONN;
	if (message->flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (message->address)
		message->address->bytes = 0;
	if (!socket->first_input)
		return nothing_there(socket);
	return message->flags & MSG_PEEK ? peek_input(socket, message) :
	    take_input(socket, message);
}

/* ---- sending ---------------------------------------------------------------------------------- */

static int may_send(struct tcp_socket *socket)
{
	int error;

	if (socket->stage == TCP_CONNECTING)
		return -EAGAIN;
	error = net_socket_take_error(&socket->base);
	if (error)
		return error;
	if (socket->stage != TCP_CONNECTED || !socket->pcb || socket->base.sends_not)
		return -EPIPE;
	return 0;
}

/* Hand bytes of the kernel to lwIP, which copies them into segments. */
static long write_bytes(struct tcp_socket *socket, const void *from, size_t bytes, bool more)
{
	err_t error = tcp_write(socket->pcb, from, (uint16_t)bytes,
	    TCP_WRITE_FLAG_COPY | (more ? TCP_WRITE_FLAG_MORE : 0));

	if (error == ERR_MEM) {
		/* What is on its way will make room; without any, memory is short. */
		if (socket->pcb->unacked || socket->pcb->unsent) {
			tcp_output(socket->pcb);
			return -EAGAIN;
		}
		return -ENOBUFS;
	}
	if (error)
		return error == ERR_CONN ? -EPIPE : inet_error(error);
	if (!more || tcp_room(socket) < TCP_MSS)
		tcp_output(socket->pcb);
	return (long)bytes;
}

/* The copy may sleep, and the connection end meanwhile: then ask again. */
static long send_piece(struct tcp_socket *socket, struct net_message *message, void *piece,
    size_t bytes)
{
	bool more = socket->cork || (message->flags & MSG_MORE) ||
	    message->io->left_bytes > bytes;
	struct vfs_io before = *message->io;
	size_t taken = vfs_io_take(message->io, piece, bytes);
	long result;

	if (!taken)
		return -EFAULT;
	result = may_send(socket);
	if (!result)
		result = write_bytes(socket, piece, taken, more);
	if (result < 0)
		*message->io = before; /* to be sent again */
	return result;
}

long tcp_socket_send(struct net_socket *base, struct net_message *message)
{
	struct tcp_socket *socket = tcp_of(base);
	size_t bytes = message->io->left_bytes, room;
	uint8_t small[SMALL_BYTES];
	void *piece = small;
	long result = may_send(socket);

	if (result)
		return result;
	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP; /* lwIP has no urgent pointer */
	room = tcp_room(socket);
	if (!room)
		return -EAGAIN;
	if (bytes > room)
		bytes = room;
	if (bytes > PIECE_BYTES)
		bytes = PIECE_BYTES;
	if (bytes > SMALL_BYTES && rumpuser_malloc(bytes, 0, &piece)) {
		piece = small;
		bytes = SMALL_BYTES;
	}
	result = bytes ? send_piece(socket, message, piece, bytes) : 0;
	if (piece != small)
		rumpuser_free(piece, bytes);
	return result;
}
