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
	ip_addr_t from, to;
	uint16_t port;
	uint8_t ttl, tos, interface;         /* of the packet, and by number where it came in */
	int64_t wall_ns;                     /* when, if somebody asks */
};

struct datagram_socket {
	struct net_socket base;
	struct udp_pcb *udp;                 /* one of the two */
	struct raw_pcb *raw;
	bool only_v6, bound, connected;
	uint8_t ttl, tos;
	unsigned told;                       /* a bit for each thing told with a datagram */
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

/*
 * datagram_control.c: what is told with a datagram.  Whether an option asks for that (*bit), what
 * is known now of the packet being received, and telling it.
 */
bool datagram_tells(int level, int name, unsigned *bit);
void datagram_describe(const struct datagram_socket *socket, struct datagram *datagram);
void datagram_tell(const struct datagram_socket *socket, const struct datagram *datagram,
    struct net_message *message);
/* The address a message is to come from; IPADDR_TYPE_ANY: none was given.
 * -EINVAL, -ENETUNREACH: it is not ours. */
int datagram_source(const struct net_message *message, ip_addr_t *source);

long datagram_send(struct net_socket *socket, struct net_message *message);
long datagram_receive(struct net_socket *socket, struct net_message *message);
void datagram_destroy(struct net_socket *socket, bool nonblocking);

#endif
