/*
 * datagram_names.c - addresses and options of UDP and raw sockets.
 */
#include "inet/datagram.h"

#include "lwip/netif.h"

static bool may_share(const struct net_socket *socket)
{
	return socket->reuse_address || socket->reuse_port;
}

static void apply(struct net_socket *base)
{
	struct datagram_socket *socket = datagram_of(base);
	struct ip_pcb *pcb = socket->udp ? (struct ip_pcb *)socket->udp :
	    (struct ip_pcb *)socket->raw;

	if (may_share(base))
		ip_set_option(pcb, SOF_REUSEADDR);
	else
		ip_reset_option(pcb, SOF_REUSEADDR);
	if (base->broadcast)
		ip_set_option(pcb, SOF_BROADCAST);
	else
		ip_reset_option(pcb, SOF_BROADCAST);
	pcb->ttl = socket->ttl;
	pcb->tos = socket->tos;
}

/* An IPv6 socket for both has the ports of both: lwIP compares like with like only. */
static bool port_is_taken(struct datagram_socket *socket, const ip_addr_t *ip, uint16_t port)
{
	struct udp_pcb *pcb;

	for (pcb = udp_pcbs; pcb; pcb = pcb->next) {
		if (pcb == socket->udp || pcb->local_port != port)
			continue;
		if (may_share(&socket->base) && ip_get_option(pcb, SOF_REUSEADDR))
			continue;
		if (IP_GET_TYPE(ip) == IPADDR_TYPE_ANY || IP_GET_TYPE(&pcb->local_ip) == IPADDR_TYPE_ANY)
			return true;
		if (IP_GET_TYPE(ip) == IP_GET_TYPE(&pcb->local_ip) && (ip_addr_isany(ip) ||
		    ip_addr_isany(&pcb->local_ip) || ip_addr_cmp(ip, &pcb->local_ip)))
			return true;
	}
	return false;
}

/* Datagrams are also received at the addresses of groups, and of all. */
static bool may_bind(const ip_addr_t *ip)
{
	return ip_addr_ismulticast(ip) || inet_is_own(ip) ||
	    (IP_IS_V4(ip) && ip4_addr_get_u32(ip_2_ip4(ip)) == IPADDR_BROADCAST);
}

static int datagram_bind(struct net_socket *base, const struct net_address *address)
{
	struct datagram_socket *socket = datagram_of(base);
	ip_addr_t ip;
	uint16_t port;
	int error = inet_address_get(base, address, &ip, &port);

	if (error)
		return error;
	if (!may_bind(&ip))
		return -EADDRNOTAVAIL;
	if (base->family == AF_INET6 && ip_addr_isany_val(ip))
		IP_SET_TYPE_VAL(ip, inet_any_type(base, socket->only_v6));
	if (socket->raw)
		return inet_error(raw_bind(socket->raw, &ip));
	if (socket->udp->local_port)
		return -EINVAL;
	if (port && port_is_taken(socket, &ip, port))
		return -EADDRINUSE;
	ip_set_option(socket->udp, SOF_REUSEADDR);
	error = inet_error(udp_bind(socket->udp, &ip, port));
	apply(base);
	socket->bound = !error;
	return error;
}

static int datagram_connect(struct net_socket *base, const struct net_address *address)
{
	struct datagram_socket *socket = datagram_of(base);
	ip_addr_t ip;
	uint16_t port;
	int error;

	if (address->bytes < sizeof address->family)
		return -EINVAL;
	if (address->family == AF_UNSPEC) {
		if (socket->udp)
			udp_disconnect(socket->udp);
		else
			raw_disconnect(socket->raw);
		socket->connected = false;
		return 0;
	}
	error = inet_address_get(base, address, &ip, &port);
	if (error)
		return error;
	if (ip_addr_isany_val(ip)) {
		if (IP_IS_V6_VAL(ip))
			ip_addr_set_loopback_val(1, ip);
		else
			ip_addr_set_loopback_val(0, ip);
	}
	if (!ip_route(socket->udp ? &socket->udp->local_ip : &socket->raw->local_ip, &ip))
		return -ENETUNREACH;
	base->error = 0;
	error = inet_error(socket->udp ? udp_connect(socket->udp, &ip, port) :
	    raw_connect(socket->raw, &ip));
	socket->connected = !error;
	return error;
}

static bool datagram_connecting(struct net_socket *socket)
{
	(void)socket;
	return false;
}

static int datagram_name(struct net_socket *base, bool peer, struct net_address *address)
{
	struct datagram_socket *socket = datagram_of(base);
	const struct ip_pcb *pcb = socket->udp ? (struct ip_pcb *)socket->udp :
	    (struct ip_pcb *)socket->raw;
	ip_addr_t local = pcb->local_ip;
	const ip_addr_t *source;
	struct netif *netif;

	if (peer && !socket->connected)
		return -ENOTCONN;
	if (peer) {
		inet_address_put(base, &pcb->remote_ip,
		    socket->udp ? socket->udp->remote_port : 0, address);
		return 0;
	}
	/* Connected, a socket shows the address it sends from. */
	if (socket->connected && ip_addr_isany_val(local)) {
		netif = ip_route(&pcb->local_ip, &pcb->remote_ip);
		source = netif ? ip_netif_get_local_ip(netif, &pcb->remote_ip) : NULL;
		if (netif && IP_IS_V4_VAL(pcb->remote_ip) &&
		    ip4_addr_isloopback(ip_2_ip4(&pcb->remote_ip)))
			ip_addr_set_loopback_val(0, local);
		else if (source)
			local = *source;
	}
	inet_address_put(base, &local, socket->udp ? socket->udp->local_port : 0, address);
	return 0;
}

static int datagram_poll(struct net_socket *base)
{
	int mask = POLLOUT | POLLWRNORM | POLLWRBAND | (base->error ? POLLERR : 0);

	if (datagram_of(base)->first || base->receives_not)
		mask |= POLLIN | POLLRDNORM;
	if (base->receives_not)
		mask |= POLLRDHUP;
	if (base->receives_not && base->sends_not)
		mask |= POLLHUP;
	return mask;
}

static int datagram_shutdown(struct net_socket *base, int how)
{
	if (!datagram_of(base)->connected)
		return -ENOTCONN;
	if (how != SHUT_WR)
		base->receives_not = true;
	if (how != SHUT_RD)
		base->sends_not = true;
	vfs_wake(&base->queue);
	return 0;
}

static long datagram_ioctl(struct net_socket *base, unsigned command, long argument)
{
	struct datagram_socket *socket = datagram_of(base);
	int32_t bytes;

	if (command == SIOCINQ)
		bytes = socket->first ? socket->first->data->tot_len : 0;
	else if (command == SIOCOUTQ)
		bytes = 0;
	else
		return net_inet_ioctl(command, argument);
	return kern_copyout(&bytes, (void *)argument, sizeof bytes);
}

/* ---- options ---------------------------------------------------------------------------------- */

static int datagram_get_option(struct net_socket *base, int level, int name, void *value,
    uint32_t *bytes)
{
	struct datagram_socket *socket = datagram_of(base);
	unsigned bit;
	int number;

	if (level == IPPROTO_IPV6 && base->family == AF_INET6 && name == IPV6_V6ONLY)
		number = socket->only_v6;
	else if (datagram_tells(level, name, &bit))
		number = (socket->told & bit) != 0;
	else if ((level == IPPROTO_IP && name == IP_TTL) ||
	    (level == IPPROTO_IPV6 && name == IPV6_UNICAST_HOPS))
		number = socket->ttl;
	else if (level == IPPROTO_IP && name == IP_TOS)
		number = socket->tos;
	else if (level == IPPROTO_IP && name == IP_MTU_DISCOVER)
		number = 1;
	else
		return level == IPPROTO_IP || level == IPPROTO_IPV6 || level == SOL_SOCKET ||
		    level == IPPROTO_UDP ? -ENOPROTOOPT : -EOPNOTSUPP;
	net_option_put(value, bytes, number);
	return 0;
}

static int datagram_set_option(struct net_socket *base, int level, int name,
    const void *value, uint32_t bytes)
{
	struct datagram_socket *socket = datagram_of(base);
	unsigned bit;
	int number;

	if (net_option_take(value, bytes, &number)) {
		if (!bytes)
			return -EINVAL;
		number = *(const uint8_t *)value;
	}
	if (level == IPPROTO_IPV6 && base->family == AF_INET6 && name == IPV6_V6ONLY) {
		if (socket->bound)
			return -EINVAL;
		socket->only_v6 = number;
		if (socket->udp)
			IP_SET_TYPE_VAL(socket->udp->local_ip, inet_any_type(base, number));
	} else if ((level == IPPROTO_IP && name == IP_TTL) ||
	    (level == IPPROTO_IPV6 && name == IPV6_UNICAST_HOPS)) {
		if (number < -1 || number == 0 || number > 255)
			return -EINVAL;
		socket->ttl = number < 0 ? 64 : (uint8_t)number;
	} else if (datagram_tells(level, name, &bit)) {
		socket->told = number ? socket->told | bit : socket->told & ~bit;
	} else if (level == IPPROTO_IP && name == IP_TOS) {
		socket->tos = (uint8_t)number;
	} else if ((level == IPPROTO_IP && (name == IP_RECVERR || name == IP_MTU_DISCOVER)) ||
	    (level == IPPROTO_IPV6 && name == IPV6_RECVERR)) {
		return 0; /* errors come without their details */
	} else {
		return -ENOPROTOOPT;
	}
	apply(base);
	return 0;
}

const struct net_protocol inet_datagram_protocol = {
	.bind = datagram_bind,
	.connect = datagram_connect,
	.connecting = datagram_connecting,
	.send = datagram_send,
	.receive = datagram_receive,
	.poll = datagram_poll,
	.shutdown = datagram_shutdown,
	.name = datagram_name,
	.get_option = datagram_get_option,
	.set_option = datagram_set_option,
	.changed = apply,
	.ioctl = datagram_ioctl,
	.destroy = datagram_destroy,
};
