/*
 * options.c - the options of level SOL_SOCKET, as socket(7) lists them.
 */
#include "socket.h"

#define NS_PER_S 1000000000ll
#define NS_PER_US 1000ll
#define SMALLEST_BUFFER_BYTES 2304 /* Linux's least of SO_RCVBUF */
#define LARGEST_BUFFER_BYTES (4u << 20)

void net_option_put(void *value, uint32_t *bytes, int number)
{
	if (*bytes > sizeof number)
		*bytes = sizeof number;
	memcpy(value, &number, *bytes);
}

int net_option_take(const void *value, uint32_t bytes, int *number)
{
	if (bytes < sizeof *number)
		return -EINVAL;
	memcpy(number, value, sizeof *number);
	return 0;
}

static int put_bytes(void *value, uint32_t *bytes, const void *from, size_t size)
{
	if (*bytes > size)
		*bytes = (uint32_t)size;
	memcpy(value, from, *bytes);
	return 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

static int put_timeout(void *value, uint32_t *bytes, int64_t timeout_ns)
{
	struct linux_timeval time = { timeout_ns / NS_PER_S, timeout_ns % NS_PER_S / NS_PER_US };

	return put_bytes(value, bytes, &time, sizeof time);
}

static int put_linger(struct net_socket *socket, void *value, uint32_t *bytes)
{
	struct linux_linger linger = { socket->linger_s >= 0,
	    socket->linger_s < 0 ? 0 : socket->linger_s };

	return put_bytes(value, bytes, &linger, sizeof linger);
}

/* The options that are one number; -ENOPROTOOPT for the others. */
static int number_of(struct net_socket *socket, int name)
{
	switch (name) {
	case SO_REUSEADDR: return socket->reuse_address;
	case SO_REUSEPORT: return socket->reuse_port;
	case SO_KEEPALIVE: return socket->keep_alive;
	case SO_BROADCAST: return socket->broadcast;
	case SO_OOBINLINE: return socket->out_of_band_inline;
	case SO_DONTROUTE: return socket->dont_route;
	case SO_PASSCRED: return socket->pass_credentials;
	case SO_TIMESTAMP:
	case SO_TIMESTAMPNS: return socket->timestamp == name;
	case SO_DEBUG: return 0;
	case SO_TYPE: return socket->type;
	case SO_DOMAIN: return socket->family;
	case SO_PROTOCOL: return socket->number;
	case SO_ACCEPTCONN: return socket->listening;
	case SO_PRIORITY: return socket->priority;
	case SO_SNDBUF: return (int)socket->send_limit;
	case SO_RCVBUF: return (int)socket->receive_limit;
	case SO_RCVLOWAT: return socket->receive_least;
	case SO_SNDLOWAT: return 1;
	case SO_ERROR: return -net_socket_take_error(socket);
	default: return -ENOPROTOOPT;
	}
}

int net_option_get_any(struct net_socket *socket, int name, void *value, uint32_t *bytes)
{
	int number;

	switch (name) {
	case SO_RCVTIMEO:
		return put_timeout(value, bytes, socket->receive_timeout_ns);
	case SO_SNDTIMEO:
		return put_timeout(value, bytes, socket->send_timeout_ns);
	case SO_LINGER:
		return put_linger(socket, value, bytes);
	case SO_BINDTODEVICE:
		*bytes = 0;
		return 0;
	default:
		number = number_of(socket, name);
		if (number < 0)
			return number;
		net_option_put(value, bytes, number);
		return 0;
	}
}

/* ---- setting -------------------------------------------------------------------------------- */

static int take_timeout(const void *value, uint32_t bytes, int64_t *timeout_ns)
{
	struct linux_timeval time;

	if (bytes < sizeof time)
		return -EINVAL;
	memcpy(&time, value, sizeof time);
	if (time.tv_usec < 0 || time.tv_usec >= 1000000)
		return -EDOM;
	if (time.tv_sec < 0 || time.tv_sec > INT64_MAX / NS_PER_S / 2)
		*timeout_ns = 0;
	else
		*timeout_ns = time.tv_sec * NS_PER_S + time.tv_usec * NS_PER_US;
	return 0;
}

static int take_linger(struct net_socket *socket, const void *value, uint32_t bytes)
{
	struct linux_linger linger;

	if (bytes < sizeof linger)
		return -EINVAL;
	memcpy(&linger, value, sizeof linger);
	socket->linger_s = linger.on ? linger.seconds & 0x7fffffff : -1;
	return 0;
}

/* Linux doubles what it is given, for what it keeps beside the bytes, and shows that. */
static uint32_t buffer_bytes(int asked)
{
	uint32_t bytes = asked < 0 ? LARGEST_BUFFER_BYTES : (uint32_t)asked;

	if (bytes > NET_BUFFER_BYTES)
		bytes = NET_BUFFER_BYTES;
	bytes *= 2;
	return bytes < SMALLEST_BUFFER_BYTES ? SMALLEST_BUFFER_BYTES : bytes;
}

static int set_number(struct net_socket *socket, int name, int number)
{
	switch (name) {
	case SO_REUSEADDR: socket->reuse_address = number; break;
	case SO_REUSEPORT: socket->reuse_port = number; break;
	case SO_KEEPALIVE: socket->keep_alive = number; break;
	case SO_BROADCAST: socket->broadcast = number; break;
	case SO_OOBINLINE: socket->out_of_band_inline = number; break;
	case SO_DONTROUTE: socket->dont_route = number; break;
	case SO_PASSCRED: socket->pass_credentials = number; break;
	case SO_TIMESTAMP:
	case SO_TIMESTAMPNS: socket->timestamp = number ? (uint16_t)name : 0; break;
	case SO_DEBUG: break;
	case SO_PRIORITY: socket->priority = number; break;
	case SO_SNDBUF:
	case SO_SNDBUFFORCE: socket->send_limit = buffer_bytes(number); break;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE: socket->receive_limit = buffer_bytes(number); break;
	case SO_RCVLOWAT:
		socket->receive_least = number < 0 ? INT32_MAX : number ? number : 1;
		break;
	default: return -ENOPROTOOPT;
	}
	if (socket->protocol->changed)
		socket->protocol->changed(socket);
	return 0;
}

int net_option_set_any(struct net_socket *socket, int name, const void *value, uint32_t bytes)
{
	int number, error;

	if (name == SO_BINDTODEVICE)
		return 0; /* there is one way out */
	error = net_option_take(value, bytes, &number);
	if (error)
		return error;
	switch (name) {
	case SO_RCVTIMEO:
		return take_timeout(value, bytes, &socket->receive_timeout_ns);
	case SO_SNDTIMEO:
		return take_timeout(value, bytes, &socket->send_timeout_ns);
	case SO_LINGER:
		return take_linger(socket, value, bytes);
	default:
		return set_number(socket, name, number);
	}
}

int net_get_option(struct vfs_file *file, int level, int name, void *value, uint32_t *bytes)
{
	struct net_socket *socket = net_socket_of(file);

	if (!socket)
		return -ENOTSOCK;
	if (level == SOL_SOCKET && name != SO_PEERCRED)
		return net_option_get_any(socket, name, value, bytes);
	return socket->protocol->get_option ?
	    socket->protocol->get_option(socket, level, name, value, bytes) : -EOPNOTSUPP;
}

int net_set_option(struct vfs_file *file, int level, int name, const void *value,
    uint32_t bytes)
{
	struct net_socket *socket = net_socket_of(file);
	int result;

	if (!socket)
		return -ENOTSOCK;
	if (level == SOL_SOCKET)
		return net_option_set_any(socket, name, value, bytes);
	result = socket->protocol->set_option ?
	    socket->protocol->set_option(socket, level, name, value, bytes) : -EOPNOTSUPP;
	net_inet_run(); /* the end of TCP_CORK sends */
	return result;
}
