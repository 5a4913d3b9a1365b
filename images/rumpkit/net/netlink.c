/*
 * netlink.c - AF_NETLINK as far as getifaddrs(3) and if_nameindex(3) need it: the lists of
 * links and addresses, RTM_GETLINK and RTM_GETADDR of rtnetlink(7).
 *
 * An answer is made when it is asked for and kept until it is read.
 */
#include "netlink.h"

#define RTM_NEWLINK 16
#define RTM_GETLINK 18
#define RTM_NEWADDR 20
#define RTM_GETADDR 22
#define NLMSG_ERROR 2
#define NLMSG_DONE 3
#define NLM_F_MULTI 2
#define NLM_F_DUMP 0x300
#define IFLA_ADDRESS 1
#define IFLA_BROADCAST 2
#define IFLA_IFNAME 3
#define IFLA_MTU 4
#define IFA_ADDRESS 1
#define IFA_LOCAL 2
#define IFA_LABEL 3
#define ANSWER_BYTES 4096

struct netlink_header {
	uint32_t bytes;
	uint16_t type, flags;
	uint32_t sequence, port;
};

struct link_message {
	uint8_t family, pad;
	uint16_t type;
	int32_t index;
	uint32_t flags, change;
};

struct address_message {
	uint8_t family, prefix_bits, flags, scope;
	uint32_t index;
};

struct netlink_socket {
	struct net_socket base;
	uint32_t port;
	size_t bytes, read;          /* of the answer */
	uint8_t answer[ANSWER_BYTES];
};

static const struct net_protocol netlink_protocol;

static struct netlink_socket *netlink_of(struct net_socket *socket)
{
	return (struct netlink_socket *)socket;
}

/* Room for more bytes of the answer, aligned; NULL if it is full. */
static void *grow(struct netlink_socket *socket, size_t bytes)
{
	void *at = socket->answer + socket->bytes;

	bytes = (bytes + 3) & ~(size_t)3;
	if (socket->bytes + bytes > ANSWER_BYTES)
		return NULL;
	memset(at, 0, bytes);
	socket->bytes += bytes;
	return at;
}

static void attribute(struct netlink_socket *socket, uint16_t type, const void *data,
    size_t bytes)
{
	uint16_t *at = grow(socket, 4 + bytes);

	if (!at)
		return;
	at[0] = (uint16_t)(4 + bytes);
	at[1] = type;
	memcpy(at + 2, data, bytes);
}

static struct netlink_header *begin(struct netlink_socket *socket, uint16_t type,
    const struct netlink_header *request)
{
	struct netlink_header *header = grow(socket, sizeof *header);

	if (!header)
		return NULL;
	header->type = type;
	header->flags = NLM_F_MULTI;
	header->sequence = request->sequence;
	header->port = socket->port;
	return header;
}

static void end(struct netlink_socket *socket, struct netlink_header *header)
{
	header->bytes = (uint32_t)(socket->answer + socket->bytes - (uint8_t *)header);
}

static void put_link(struct netlink_socket *socket, const struct netlink_header *request,
    const struct net_link *link)
{
	struct netlink_header *header = begin(socket, RTM_NEWLINK, request);
	struct link_message *message = header ? grow(socket, sizeof *message) : NULL;

	if (!message)
		return;
	message->type = link->loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
	message->index = link->index;
	message->flags = link->flags;
	attribute(socket, IFLA_IFNAME, link->name, strlen(link->name) + 1);
	attribute(socket, IFLA_MTU, &link->mtu, sizeof link->mtu);
	attribute(socket, IFLA_ADDRESS, link->hardware, sizeof link->hardware);
	attribute(socket, IFLA_BROADCAST, link->loopback ? "\0\0\0\0\0\0" :
	    "\377\377\377\377\377\377", sizeof link->hardware);
	end(socket, header);
}

static void put_address(struct netlink_socket *socket, const struct netlink_header *request,
    const struct net_link *link, const struct net_link_address *address)
{
	size_t bytes = address->family == AF_INET ? 4 : 16;
	struct netlink_header *header = begin(socket, RTM_NEWADDR, request);
	struct address_message *message = header ? grow(socket, sizeof *message) : NULL;

	if (!message)
		return;
	message->family = (uint8_t)address->family;
	message->prefix_bits = address->prefix_bits;
	message->index = (uint32_t)link->index;
	message->scope = link->loopback ? 254 : address->link_only ? 253 : 0;
	attribute(socket, IFA_ADDRESS, address->bytes, bytes);
	if (address->family == AF_INET) {
		attribute(socket, IFA_LOCAL, address->bytes, bytes);
		attribute(socket, IFA_LABEL, link->name, strlen(link->name) + 1);
	}
	end(socket, header);
}

static void put_all(struct netlink_socket *socket, const struct netlink_header *request,
    uint8_t family)
{
	struct net_link links[NET_LINKS_MAX];
	unsigned count = net_inet_links(links), i, j;

	for (i = 0; i < count; i++) {
		if (request->type == RTM_GETLINK)
			put_link(socket, request, &links[i]);
		else
			for (j = 0; j < links[i].address_count; j++)
				if (!family || family == links[i].addresses[j].family)
					put_address(socket, request, &links[i],
					    &links[i].addresses[j]);
	}
}

static long netlink_send(struct net_socket *base, struct net_message *message)
{
	struct netlink_socket *socket = netlink_of(base);
	size_t bytes = message->io->left_bytes;
	struct {
		struct netlink_header header;
		uint8_t family;
	} request = { .family = AF_UNSPEC };
	struct netlink_header *last;
	int32_t *error;
	bool known;

	if (vfs_io_take(message->io, &request, sizeof request) < sizeof request.header)
		return bytes < sizeof request.header ? (long)bytes : -EFAULT;
	known = (request.header.type == RTM_GETLINK || request.header.type == RTM_GETADDR) &&
	    (request.header.flags & NLM_F_DUMP);
	socket->bytes = socket->read = 0;
	if (known)
		put_all(socket, &request.header, request.family);
	last = begin(socket, known ? NLMSG_DONE : NLMSG_ERROR, &request.header);
	error = last ? grow(socket, known ? sizeof *error : sizeof *error + sizeof *last) : NULL;
	if (!error)
		return -ENOBUFS;
	*error = known ? 0 : -EOPNOTSUPP;
	end(socket, last);
	vfs_wake(&base->queue);
	return (long)bytes;
}

/* Whole messages, as many as fit. */
static long netlink_receive(struct net_socket *base, struct net_message *message)
{
	struct netlink_socket *socket = netlink_of(base);
	size_t left = socket->bytes - socket->read, moved;
	struct linux_sockaddr_nl from = { .family = AF_NETLINK };

	if (!left)
		return -EAGAIN;
	if (message->address) {
		message->address->bytes = sizeof from;
		message->address->nl = from;
	}
	moved = vfs_io_put(message->io, socket->answer + socket->read,
	    left < message->io->left_bytes ? left : message->io->left_bytes);
	if (moved < left)
		message->result_flags |= MSG_TRUNC;
	if (!(message->flags & MSG_PEEK))
		socket->read = socket->bytes;
	return message->flags & MSG_TRUNC ? (long)left : (long)moved;
}

static int netlink_bind(struct net_socket *base, const struct net_address *address)
{
	if (address->bytes < sizeof address->nl || address->family != AF_NETLINK)
		return -EINVAL;
	netlink_of(base)->port = address->nl.port ? address->nl.port : (uint32_t)kern_own_pid();
	return 0;
}

static int netlink_name(struct net_socket *base, bool peer, struct net_address *address)
{
	memset(address, 0, sizeof *address);
	address->bytes = sizeof address->nl;
	address->family = AF_NETLINK;
	address->nl.port = peer ? 0 : netlink_of(base)->port;
	return 0;
}

static int netlink_poll(struct net_socket *base)
{
	struct netlink_socket *socket = netlink_of(base);

	return POLLOUT | POLLWRNORM | (socket->read < socket->bytes ? POLLIN | POLLRDNORM : 0);
}

static int netlink_set_option(struct net_socket *socket, int level, int name,
    const void *value, uint32_t bytes)
{
	(void)socket;
	(void)level;
	(void)name;
	(void)value;
	(void)bytes;
	return 0; /* none of them changes these answers */
}

static void netlink_destroy(struct net_socket *socket, bool nonblocking)
{
	(void)nonblocking;
	kern_free(socket);
}

static const struct net_protocol netlink_protocol = {
	.bind = netlink_bind,
	.send = netlink_send,
	.receive = netlink_receive,
	.poll = netlink_poll,
	.name = netlink_name,
	.set_option = netlink_set_option,
	.destroy = netlink_destroy,
};

int net_netlink_make(int type, int number, struct net_socket **made)
{
	struct netlink_socket *socket;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (number) /* NETLINK_ROUTE is 0 */
		return -EPROTONOSUPPORT;
	socket = kern_alloc(sizeof *socket);
	if (!socket)
		return -ENOMEM;
	net_socket_init(&socket->base, &netlink_protocol, AF_NETLINK, type, number);
	socket->port = (uint32_t)kern_own_pid();
	*made = &socket->base;
	return 0;
}
