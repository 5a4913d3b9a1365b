/*
 * datagram_send.c - messages that go out of UDP and raw sockets.
 */
#include "inet/datagram.h"

#include "net_memory.h"

#define MESSAGE_MAX 65507 /* bytes of UDP over IPv4 */

static err_t send_to(struct datagram_socket *socket, struct pbuf *data, const ip_addr_t *to,
    uint16_t port, const ip_addr_t *source)
{
	struct netif *netif;

	if (!IP_IS_ANY_TYPE_VAL(*source) && !datagram_is_raw(socket)) {
		port = to ? port : socket->udp->remote_port;
		to = to ? to : &socket->udp->remote_ip;
		netif = IP_GET_TYPE(to) == IP_GET_TYPE(source) ? ip_route(source, to) : NULL;
		return netif ? udp_sendto_if_src(socket->udp, data, to, port, netif, source) : ERR_RTE;
	}
	if (!datagram_is_raw(socket))
		return to ? udp_sendto(socket->udp, data, to, port) : udp_send(socket->udp, data);
	return to ? raw_sendto(socket->raw, data, to) : raw_send(socket->raw, data);
}

/* A ping socket's messages carry the number of the socket, by which replies find it. */
static void mark_ping(struct datagram_socket *socket, struct pbuf *data)
{
	uint8_t *at = data->payload;
	uint16_t sum;

	if (!datagram_is_raw(socket) || socket->base.type != SOCK_DGRAM || data->len < 8)
		return;
	memcpy(at + 4, &socket->ping_number, 2);
	if (socket->base.family == AF_INET) {
		memset(at + 2, 0, 2);
		sum = (uint16_t)~net_checksum(at, data->len);
		memcpy(at + 2, &sum, 2);
	}
}

/* Where a message goes: its own address, or (to NULL) where the socket is connected. */
static int destination(struct datagram_socket *socket, struct net_message *message,
    ip_addr_t *room, const ip_addr_t **to, uint16_t *port)
{
	int error;

	*to = NULL;
	if (!message->address || !message->address->bytes)
		return socket->connected ? 0 : -EDESTADDRREQ;
	error = inet_address_get(&socket->base, message->address, room, port);
	if (error)
		return error;
	if (!datagram_is_raw(socket) && !*port)
		return -EINVAL;
	if (socket->only_v6 && IP_IS_V4(room))
		return -ENETUNREACH;
	if (ip_addr_isany(room)) {
		if (IP_IS_V6(room))
			ip_addr_set_loopback(1, room);
		else
			ip_addr_set_loopback(0, room);
	}
	*to = room;
	return 0;
}

long datagram_send(struct net_socket *base, struct net_message *message)
{
	struct datagram_socket *socket = datagram_of(base);
	size_t bytes = message->io->left_bytes;
	const ip_addr_t *to;
	ip_addr_t room, source;
	uint16_t port = 0;
	struct pbuf *data;
	err_t sent;
	int error;

	if (bytes > MESSAGE_MAX)
		return -EMSGSIZE;
	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	error = base->sends_not ? -EPIPE : 0;
	if (!error && socket->udp && !socket->udp->local_port)
		error = inet_error(udp_bind(socket->udp, &socket->udp->local_ip, 0));
	if (!error)
		error = destination(socket, message, &room, &to, &port);
	if (!error)
		error = datagram_source(message, &source);
	if (!error)
		error = net_socket_take_error(base);
	if (error)
		return error;
	data = pbuf_alloc(datagram_is_raw(socket) ? PBUF_IP : PBUF_TRANSPORT, (uint16_t)bytes, PBUF_RAM);
	if (!data)
		return -ENOBUFS;
	if (vfs_io_take(message->io, data->payload, bytes) != bytes) {
		pbuf_free(data);
		return -EFAULT;
	}
	mark_ping(socket, data);
	sent = send_to(socket, data, to, port, &source);
	pbuf_free(data);
	if (sent == ERR_VAL)
		return -EACCES; /* broadcast, and the socket did not ask for it */
	return sent ? inet_error(sent) : (long)bytes;
}
