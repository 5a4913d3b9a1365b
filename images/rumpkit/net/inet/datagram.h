/*
 * datagram.h - a socket of messages: UDP, or raw.
 */
#ifndef NET_DATAGRAM_H
#define NET_DATAGRAM_H

#include "inet/inet.h"

#include "lwip/raw.h"
#include "lwip/udp.h"

struct datagram {
	struct datagram *next;
	struct pbuf *data;
	ip_addr_t from;
	uint16_t port;
};

struct datagram_socket {
	struct net_socket base;
	struct udp_pcb *udp;                 /* one of the two */
	struct raw_pcb *raw;
	bool only_v6, bound, connected;
	uint8_t ttl, tos;
	uint16_t ping_number;                /* network order */
	struct datagram *first, **last;      /* what has arrived */
	size_t queued_bytes;
	struct datagram_socket *next, **slot; /* of all */
};

static inline struct datagram_socket *datagram_of(struct net_socket *socket)
{
	return (struct datagram_socket *)socket;
}

static inline bool datagram_is_raw(const struct datagram_socket *socket)
{
	return socket->raw != NULL;
}

extern const struct net_protocol inet_datagram_protocol;

long datagram_send(struct net_socket *socket, struct net_message *message);
long datagram_receive(struct net_socket *socket, struct net_message *message);
void datagram_destroy(struct net_socket *socket, bool nonblocking);

#endif
