/*
 * datagram.c - UDP sockets, and raw ones for ICMP: messages with an address each.
 */
#include "inet/datagram.h"

#include "lwip/netif.h"
#include "lwip/prot/ip6.h"
#include "net_memory.h"

#define TTL 64
#define ECHO_REPLY 0
#define ECHO6_REPLY 129

static struct datagram_socket *all;

/* ---- what comes in ---------------------------------------------------------------------------- */

/* Keep what arrived, unless the socket has as much as it may; then it is lost, as UDP is. */
static void keep(struct datagram_socket *socket, struct pbuf *data, const ip_addr_t *from,
    uint16_t port)
{
	struct datagram *datagram;

	if (socket->queued_bytes >= socket->base.receive_limit || socket->base.receives_not) {
		pbuf_free(data);
		return;
	}
	datagram = kern_alloc(sizeof *datagram);
	if (!datagram) {
		pbuf_free(data);
		return;
	}
	datagram->data = data;
	datagram->from = *from;
	datagram->port = port;
	datagram_describe(socket, datagram);
	*socket->last = datagram;
	socket->last = &datagram->next;
	socket->queued_bytes += data->tot_len + sizeof *datagram;
	vfs_wake(&socket->base.queue);
}

static void on_udp(void *argument, struct udp_pcb *pcb, struct pbuf *data,
    const ip_addr_t *from, u16_t port)
{
	(void)pcb;
	keep(argument, data, from, port);
}

/* Every raw socket gets a copy, and the stack the packet itself. */
static u8_t on_raw(void *argument, struct raw_pcb *pcb, struct pbuf *data,
    const ip_addr_t *from)
{
	struct datagram_socket *socket = argument;
	struct pbuf *copy = pbuf_clone(PBUF_RAW, PBUF_RAM, data);
	uint16_t header;

	(void)pcb;
	if (!copy)
		return 0;
	/* Linux gives raw sockets the header of IPv4, but not that of IPv6. */
	if (IP_IS_V6_VAL(*from) && pbuf_remove_header(copy, IP6_HLEN)) {
		pbuf_free(copy);
		return 0;
	}
	/* A SOCK_DGRAM one, of ping, sees only echo replies of its own, without IP's header. */
	if (socket->base.type == SOCK_DGRAM && !IP_IS_V6_VAL(*from)) {
		header = (uint16_t)((*(uint8_t *)copy->payload & 0xf) * 4);
		pbuf_remove_header(copy, header);
	}
	if (socket->base.type == SOCK_DGRAM && (copy->len < 8 ||
	    *(uint8_t *)copy->payload != (IP_IS_V6_VAL(*from) ? ECHO6_REPLY : ECHO_REPLY) ||
	    memcmp((uint8_t *)copy->payload + 4, &socket->ping_number, 2))) {
		pbuf_free(copy);
		return 0;
	}
	keep(socket, copy, from, 0);
	return 0;
}

void inet_datagram_unreachable(uint16_t local_port, const ip_addr_t *to, uint16_t port,
    int error)
{
	struct datagram_socket *socket;

	for (socket = all; socket; socket = socket->next)
		if (socket->connected && socket->udp && socket->udp->local_port == local_port &&
		    socket->udp->remote_port == port && ip_addr_cmp(&socket->udp->remote_ip, to))
			net_socket_fail(&socket->base, error);
}

static void drop_first(struct datagram_socket *socket)
{
	struct datagram *first = socket->first;

	socket->first = first->next;
	if (!socket->first)
		socket->last = &socket->first;
	socket->queued_bytes -= first->data->tot_len + sizeof *first;
	pbuf_free(first->data);
	kern_free(first);
}

static long put_message(struct pbuf *data, struct net_message *message)
{
	size_t done = 0, moved;

	for (; data && message->io->left_bytes; data = data->next) {
		size_t step = data->len;

		if (step > message->io->left_bytes)
			step = message->io->left_bytes;
		moved = vfs_io_put(message->io, data->payload, step);
		done += moved;
		if (moved < step)
			return -EFAULT;
	}
	return (long)done;
}

long datagram_receive(struct net_socket *base, struct net_message *message)
{
	struct datagram_socket *socket = datagram_of(base);
	struct datagram *first = socket->first;
	size_t bytes;
	long got;
	int error;

	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (message->flags & MSG_ERRQUEUE)
		return -EAGAIN;
	error = net_socket_take_error(base);
	if (error)
		return error;
	if (!first)
		return base->receives_not ? 0 : -EAGAIN;
	bytes = first->data->tot_len;
	if (message->address)
		inet_address_put(base, &first->from, first->port, message->address);
	datagram_tell(socket, first, message);
	got = put_message(first->data, message);
	if (!(message->flags & MSG_PEEK))
		drop_first(socket);
	if (got < 0)
		return got;
	if ((size_t)got < bytes)
		message->result_flags |= MSG_TRUNC;
	return message->flags & MSG_TRUNC ? (long)bytes : got;
}

/* ---- making and ending ------------------------------------------------------------------------ */

static int make_pcb(struct datagram_socket *socket)
{
	uint8_t type = inet_any_type(&socket->base, socket->only_v6);

	if (socket->base.number == IPPROTO_UDP) {
		socket->udp = udp_new_ip_type(type);
		if (!socket->udp)
			return -ENOBUFS;
		udp_recv(socket->udp, on_udp, socket);
	} else {
		socket->raw = raw_new_ip_type(socket->base.family == AF_INET6 ? IPADDR_TYPE_V6 :
		    IPADDR_TYPE_V4, (uint8_t)socket->base.number);
		if (!socket->raw)
			return -ENOBUFS;
		raw_recv(socket->raw, on_raw, socket);
		socket->ping_number = (uint16_t)net_random();
		if (socket->base.number == IPPROTO_ICMPV6) {
			socket->raw->chksum_reqd = 1;
			socket->raw->chksum_offset = 2;
		}
	}
	return 0;
}

/* Raw sockets of any protocol; as messages UDP, and the ICMP of ping. */
static int number_of(int family, int type, int number)
{
	int icmp = family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	if (type == SOCK_RAW)
		return number ? number : -EPROTONOSUPPORT;
	if (type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (!number || number == IPPROTO_UDP)
		return IPPROTO_UDP;
	return number == icmp ? icmp : -EPROTONOSUPPORT;
}

int inet_datagram_make(int family, int type, int number, struct net_socket **made)
{
	struct datagram_socket *socket;
	int error;

	number = number_of(family, type, number);
	if (number < 0)
		return number;
	socket = kern_alloc(sizeof *socket);
	if (!socket)
		return -ENOMEM;
	net_socket_init(&socket->base, &inet_datagram_protocol, family, type, number);
	socket->last = &socket->first;
	socket->ttl = TTL;
	error = make_pcb(socket);
	if (error) {
		kern_free(socket);
		return error;
	}
	inet_datagram_protocol.changed(&socket->base);
	socket->next = all;
	socket->slot = &all;
	if (socket->next)
		socket->next->slot = &socket->next;
	all = socket;
	*made = &socket->base;
	return 0;
}

void datagram_destroy(struct net_socket *base, bool nonblocking)
{
	struct datagram_socket *socket = datagram_of(base);

	(void)nonblocking;
	if (socket->udp)
		udp_remove(socket->udp);
	if (socket->raw)
		raw_remove(socket->raw);
	while (socket->first)
		drop_first(socket);
	*socket->slot = socket->next;
	if (socket->next)
		socket->next->slot = socket->slot;
	kern_free(socket);
}
