/*
 * tcp.c - what TCP sockets do over the loopback: on Linux and in a guest the same lines.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "report.h"

static struct sockaddr_in at(const char *ip, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, ip, &address.sin_addr);
	return address;
}

static int port_of(int descriptor)
{
	struct sockaddr_in address;
	socklen_t bytes = sizeof address;

	getsockname(descriptor, (void *)&address, &bytes);
	return ntohs(address.sin_port);
}

static int option(int descriptor, int level, int name)
{
	int value = 0;
	socklen_t bytes = sizeof value;

	if (getsockopt(descriptor, level, name, &value, &bytes))
		return -errno;
	return value;
}

static int set(int descriptor, int level, int name, int value)
{
	return setsockopt(descriptor, level, name, &value, sizeof value);
}

static int listener_at(int port)
{
	struct sockaddr_in address = at("127.0.0.1", port);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	set(listener, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(listener, (void *)&address, sizeof address) || listen(listener, 8))
		perror("listener");
	return listener;
}

static void connected(int pair[2])
{
	int listener = listener_at(0);
	struct sockaddr_in address = at("127.0.0.1", port_of(listener));

	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(pair[0], (void *)&address, sizeof address))
		perror("connect");
	pair[1] = accept(listener, NULL, NULL);
	close(listener);
}

/* Wait a little for what takes its way through the stack. */
static long soon(int descriptor, int events)
{
	struct pollfd entry = { descriptor, events, 0 };

	poll(&entry, 1, 2000);
	return mask(descriptor);
}

static void binding(void)
{
	/* Below the ports that Linux gives to connections: on the host somebody may have one. */
	struct sockaddr_in address = at("127.0.0.1", 15000), got;
	socklen_t bytes = sizeof got;
	int one = socket(AF_INET, SOCK_STREAM, 0), two = socket(AF_INET, SOCK_STREAM, 0);

	section("binding");
	note(mask(one));
	note(bind(one, (void *)&address, sizeof address));
	note(bind(one, (void *)&address, sizeof address));
	note(bind(two, (void *)&address, sizeof address));
	note(set(two, SOL_SOCKET, SO_REUSEADDR, 1));
	note(bind(two, (void *)&address, sizeof address));
	note(set(one, SOL_SOCKET, SO_REUSEADDR, 1));
	note(bind(two, (void *)&address, sizeof address));
	note(listen(one, 5));
	note(listen(one, 5));
	note(listen(two, 5));
	note(getsockname(one, (void *)&got, &bytes));
	note(bytes);
	note(ntohs(got.sin_port));
	note(ntohl(got.sin_addr.s_addr));
	close(two);
	two = socket(AF_INET, SOCK_STREAM, 0);
	address = at("10.99.99.99", 15001);
	note(bind(two, (void *)&address, sizeof address));
	address = at("127.0.0.1", 15000);
	note(bind(two, (void *)&address, sizeof address - 1));
	address.sin_family = AF_INET6;
	note(bind(two, (void *)&address, sizeof address));
	address = at("0.0.0.0", 15000);
	note(bind(two, (void *)&address, sizeof address));
	note(listen(two, 1));
	note(port_of(two) >= 1024);
	note(option(two, SOL_SOCKET, SO_ACCEPTCONN));
	note(accept(0, NULL, NULL));
	close(one);
	one = socket(AF_INET, SOCK_STREAM, 0);
	note(accept(one, NULL, NULL));
	note(getpeername(one, (void *)&got, &bytes));
	note(send(one, "x", 1, 0));
	note(recv(one, &got, 1, 0));
	note(shutdown(one, SHUT_WR));
	close(one);
	close(two);
}

static void refused(void)
{
	struct sockaddr_in address = at("127.0.0.1", 15002);
	int one = socket(AF_INET, SOCK_STREAM, 0);

	section("nobody listens");
	note(connect(one, (void *)&address, sizeof address));
	note(option(one, SOL_SOCKET, SO_ERROR));
	note(connect(one, (void *)&address, sizeof address));
	close(one);
	one = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	errno = 0;
	connect(one, (void *)&address, sizeof address);
	note(errno == EINPROGRESS || errno == ECONNREFUSED);
	note(soon(one, POLLOUT) & (POLLERR | POLLHUP | POLLOUT));
	note(option(one, SOL_SOCKET, SO_ERROR));
	note(option(one, SOL_SOCKET, SO_ERROR));
	close(one);
}

static void conversation(void)
{
	struct sockaddr_in name;
	socklen_t bytes = sizeof name;
	char text[64];
	int pair[2], count;
	struct iovec parts[2] = { { "gather", 6 }, { "ed", 2 } };

	section("a conversation");
	connected(pair);
	note(mask(pair[0]));
	note(mask(pair[1]));
	note(getpeername(pair[0], (void *)&name, &bytes));
	note(ntohs(name.sin_port) == port_of(pair[1]));
	note(getpeername(pair[1], (void *)&name, &bytes));
	note(ntohs(name.sin_port) == port_of(pair[0]));
	note(write(pair[0], "hello", 5));
	note(soon(pair[1], POLLIN));
	note(number(ioctl(pair[1], FIONREAD, &count), &count));
	note(recv(pair[1], text, 3, MSG_PEEK));
	note(recv(pair[1], text, 3, 0));
	note(recv(pair[1], text, 64, 0));
	show(text, 2);
	note(recv(pair[1], text, 64, MSG_DONTWAIT));
	note(writev(pair[1], parts, 2));
	note(soon(pair[0], POLLIN));
	note(recv(pair[0], text, 8, MSG_WAITALL));
	show(text, 8);
	note(send(pair[0], "x", 1, MSG_MORE));
	note(send(pair[0], "y", 1, 0));
	note(recv(pair[1], text, 2, MSG_WAITALL));
	note(recv(pair[1], text, 2, MSG_OOB));
	bytes = sizeof name;
	note(sendto(pair[1], "z", 1, 0, (void *)&name, sizeof name));
	note(recv(pair[0], text, 2, 0));
	note(connect(pair[0], (void *)&name, sizeof name));
	note(listen(pair[0], 1));
	note(shutdown(pair[0], SHUT_WR));
	note(soon(pair[1], POLLIN));
	note(mask(pair[0]));
	note(read(pair[1], text, 2));
	note(read(pair[1], text, 2));
	note(write(pair[0], "x", 1));
	note(send(pair[0], "x", 1, MSG_NOSIGNAL));
	note(write(pair[1], "half", 4));
	note(soon(pair[0], POLLIN) & POLLIN);
	note(read(pair[0], text, 64));
	close(pair[1]);
	note(soon(pair[0], POLLHUP));
	note(read(pair[0], text, 64));
	note(shutdown(pair[0], SHUT_RDWR));
	close(pair[0]);
}

static void resets(void)
{
	struct linger hard = { 1, 0 };
	char text[8];
	int pair[2];

	section("closed with bytes unread");
	connected(pair);
	note(write(pair[0], "unread", 6));
	note(soon(pair[1], POLLIN) & POLLIN);
	close(pair[1]);
	note(soon(pair[0], POLLHUP));
	note(read(pair[0], text, 8));
	note(read(pair[0], text, 8));
	note(write(pair[0], "x", 1));
	note(getpeername(pair[0], (void *)&(struct sockaddr_in){ 0 }, &(socklen_t){ 16 }));
	close(pair[0]);

	section("closed hard");
	connected(pair);
	note(setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &hard, sizeof hard));
	note(write(pair[1], "last", 4));
	note(soon(pair[0], POLLIN) & POLLIN);
	close(pair[1]);
	note(soon(pair[0], POLLHUP));
	note(write(pair[0], "x", 1));
	note(write(pair[0], "x", 1));
	note(read(pair[0], text, 8));
	note(read(pair[0], text, 8));
	note(option(pair[0], SOL_SOCKET, SO_ERROR));
	close(pair[0]);

	section("written to after the peer closed");
	connected(pair);
	close(pair[1]);
	note(soon(pair[0], POLLIN));
	note(write(pair[0], "x", 1));
	note(soon(pair[0], POLLHUP));
	note(write(pair[0], "x", 1));
	note(write(pair[0], "x", 1));
	note(read(pair[0], text, 8));
	close(pair[0]);
}

static void nonblocking(void)
{
	int listener = listener_at(0), one = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), two;
	struct sockaddr_in address = at("127.0.0.1", port_of(listener));
	char text[8];

	section("without blocking");
	fcntl(listener, F_SETFL, O_NONBLOCK);
	note(accept(listener, NULL, NULL));
	note(mask(listener));
	note(connect(one, (void *)&address, sizeof address));
	note(soon(one, POLLOUT));
	note(option(one, SOL_SOCKET, SO_ERROR));
	note(connect(one, (void *)&address, sizeof address));
	note(connect(one, (void *)&address, sizeof address));
	note(soon(listener, POLLIN));
	two = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	note(two >= 0);
	note(fcntl(two, F_GETFL) & O_NONBLOCK);
	note(fcntl(two, F_GETFD));
	note(recv(two, text, 8, 0));
	while (write(one, text, 8) > 0)
		;
	note(errno == EAGAIN);
	note(mask(one) & POLLOUT);
	close(two);
	close(one);
	close(listener);
}

static void options(void)
{
	struct timeval time = { 1, 500000 };
	socklen_t bytes = sizeof time;
	int pair[2];

	section("options");
	connected(pair);
	note(option(pair[0], SOL_SOCKET, SO_TYPE));
	note(option(pair[0], SOL_SOCKET, SO_DOMAIN));
	note(option(pair[0], SOL_SOCKET, SO_PROTOCOL));
	note(option(pair[0], SOL_SOCKET, SO_REUSEADDR));
	note(option(pair[1], SOL_SOCKET, SO_REUSEADDR));
	note(option(pair[0], SOL_SOCKET, SO_KEEPALIVE));
	note(set(pair[0], SOL_SOCKET, SO_KEEPALIVE, 5));
	note(option(pair[0], SOL_SOCKET, SO_KEEPALIVE));
	note(option(pair[0], IPPROTO_TCP, TCP_NODELAY));
	note(set(pair[0], IPPROTO_TCP, TCP_NODELAY, 1));
	note(option(pair[0], IPPROTO_TCP, TCP_NODELAY));
	note(option(pair[0], IPPROTO_TCP, TCP_KEEPIDLE));
	note(set(pair[0], IPPROTO_TCP, TCP_KEEPIDLE, 60));
	note(option(pair[0], IPPROTO_TCP, TCP_KEEPIDLE));
	note(set(pair[0], IPPROTO_TCP, TCP_KEEPIDLE, 0));
	note(option(pair[0], IPPROTO_TCP, TCP_KEEPCNT));
	note(option(pair[0], IPPROTO_TCP, TCP_KEEPINTVL));
	note(set(pair[0], SOL_SOCKET, SO_SNDBUF, 10000));
	note(option(pair[0], SOL_SOCKET, SO_SNDBUF));
	note(set(pair[0], SOL_SOCKET, SO_RCVBUF, 20000));
	note(option(pair[0], SOL_SOCKET, SO_RCVBUF));
	note(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
	memset(&time, 0, sizeof time);
	note(getsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, &bytes));
	note(time.tv_sec * 1000000 + time.tv_usec);
	note(option(pair[0], IPPROTO_IP, IP_TTL));
	note(set(pair[0], IPPROTO_IP, IP_TTL, 300));
	note(set(pair[0], IPPROTO_TCP, 999, 1));
	note(option(pair[0], IPPROTO_TCP, 999));
	note(option(pair[0], 999, 1));
	note(set(pair[0], SOL_SOCKET, 9999, 1));
	note(setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, NULL, 4));
	note(setsockopt(0, IPPROTO_TCP, TCP_NODELAY, NULL, 4));
	note(option(99, IPPROTO_TCP, TCP_NODELAY));
	note(option(pair[0], SOL_SOCKET, SO_ERROR));
	close(pair[0]);
	close(pair[1]);
}

static void limits(void)
{
	struct timeval time = { 0, 100000 };
	char text[512] = "";
	int pair[2];

	section("time limits");
	connected(pair);
	note(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
	note(read(pair[0], text, 1));
	note(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
	while (write(pair[0], text, sizeof text) > 0)
		;
	note(errno == EAGAIN);
	close(pair[0]);
	close(pair[1]);
}

#define BULK_BYTES (8 << 20)

static unsigned char byte_at(size_t position)
{
	return (unsigned char)((position * 2654435761u) >> 13);
}

static void *writes(void *argument)
{
	unsigned char *bulk = malloc(BULK_BYTES);
	int to = *(int *)argument;
	size_t i, done = 0;
	ssize_t sent;

	for (i = 0; i < BULK_BYTES; i++)
		bulk[i] = byte_at(i);
	while (done < BULK_BYTES && (sent = write(to, bulk + done, BULK_BYTES - done)) > 0)
		done += (size_t)sent;
	shutdown(to, SHUT_WR);
	free(bulk);
	return NULL;
}

static void bulk(void)
{
	static unsigned char buffer[70001];
	size_t total = 0, wrong = 0;
	pthread_t writer;
	ssize_t got;
	int pair[2];

	section("bulk");
	connected(pair);
	pthread_create(&writer, NULL, writes, &pair[0]);
	while ((got = read(pair[1], buffer, sizeof buffer)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			wrong += buffer[i] != byte_at(total + (size_t)i);
		total += (size_t)got;
	}
	pthread_join(writer, NULL);
	note(total);
	note(wrong);
	close(pair[0]);
	close(pair[1]);
}

static void file_sending(void)
{
	char name[] = "/tmp/fileXXXXXX", text[16];
	int pair[2], file = mkstemp(name);
	off_t offset = 2;

	section("sendfile");
	connected(pair);
	note(write(file, "0123456789", 10));
	note(sendfile(pair[0], file, &offset, 100));
	note(offset);
	note(soon(pair[1], POLLIN) & POLLIN);
	note(recv(pair[1], text, 8, MSG_WAITALL));
	show(text, 8);
	close(file);
	unlink(name);
	close(pair[0]);
	close(pair[1]);
}

static void edges(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP };
	int pair[2], epoll = epoll_create1(0);
	char text[8];

	section("edge-triggered epoll");
	connected(pair);
	note(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], &event));
	note(epoll_wait(epoll, &event, 1, 0));
	note(event.events);
	note(epoll_wait(epoll, &event, 1, 0));
	note(write(pair[0], "ab", 2));
	note(epoll_wait(epoll, &event, 1, 1000));
	note(event.events);
	note(epoll_wait(epoll, &event, 1, 0));
	note(read(pair[1], text, 1));
	note(epoll_wait(epoll, &event, 1, 0));
	note(write(pair[0], "c", 1));
	note(epoll_wait(epoll, &event, 1, 1000));
	note(event.events);
	note(shutdown(pair[0], SHUT_WR));
	note(epoll_wait(epoll, &event, 1, 1000));
	note(event.events);
	close(pair[0]);
	close(pair[1]);
	close(epoll);
}

static void selecting(void)
{
	fd_set reads, writes;
	int pair[2];

	section("select");
	connected(pair);
	FD_ZERO(&reads);
	FD_ZERO(&writes);
	FD_SET(pair[0], &reads);
	FD_SET(pair[0], &writes);
	note(select(pair[0] + 1, &reads, &writes, NULL, &(struct timeval){ 0, 0 }));
	note(FD_ISSET(pair[0], &reads));
	note(FD_ISSET(pair[0], &writes));
	write(pair[1], "x", 1);
	FD_SET(pair[0], &reads);
	note(select(pair[0] + 1, &reads, NULL, NULL, &(struct timeval){ 2, 0 }));
	note(FD_ISSET(pair[0], &reads));
	close(pair[0]);
	close(pair[1]);
}

static void *accepts_late(void *argument)
{
	usleep(50000);
	close(accept(*(int *)argument, NULL, NULL));
	return NULL;
}

static void *connects_late(void *argument)
{
	struct sockaddr_in address = at("127.0.0.1", port_of(*(int *)argument));
	int one = socket(AF_INET, SOCK_STREAM, 0);

	usleep(50000);
	if (connect(one, (void *)&address, sizeof address))
		perror("connect");
	write(one, "late", 4);
	close(one);
	return NULL;
}

static void blocking(void)
{
	int listener = listener_at(0), one;
	pthread_t thread;
	char text[8];

	section("blocking");
	pthread_create(&thread, NULL, connects_late, &listener);
	one = accept(listener, NULL, NULL);
	note(one >= 0);
	note(read(one, text, 4));
	note(read(one, text, 4));
	pthread_join(thread, NULL);
	close(one);
	(void)accepts_late;
	close(listener);
}

static void versions(void)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 }, got;
	struct sockaddr_in four;
	socklen_t bytes = sizeof got;
	int listener = socket(AF_INET6, SOCK_STREAM, 0), one, two;
	char text[INET6_ADDRSTRLEN];

	section("both versions");
	note(option(listener, IPPROTO_IPV6, IPV6_V6ONLY));
	note(bind(listener, (void *)&address, sizeof address));
	note(listen(listener, 5));
	note(getsockname(listener, (void *)&got, &bytes));
	note(bytes);
	four = at("127.0.0.1", ntohs(got.sin6_port));
	one = socket(AF_INET, SOCK_STREAM, 0);
	note(connect(one, (void *)&four, sizeof four));
	bytes = sizeof got;
	two = accept(listener, (void *)&address, &bytes);
	note(bytes);
	printf("%s\n", inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text));
	note(getsockname(two, (void *)&address, &bytes));
	printf("%s\n", inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text));
	close(one);
	close(two);
	one = socket(AF_INET6, SOCK_STREAM, 0);
	got.sin6_addr = in6addr_loopback;
	note(connect(one, (void *)&got, sizeof got));
	two = accept(listener, (void *)&address, &bytes);
	printf("%s\n", inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text));
	note(write(one, "six", 3));
	note(read(two, text, 8));
	close(one);
	close(two);
	one = socket(AF_INET6, SOCK_STREAM, 0);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &got.sin6_addr);
	note(connect(one, (void *)&got, sizeof got));
	note(getpeername(one, (void *)&address, &bytes));
	printf("%s\n", inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text));
	close(one);
	close(listener);
	listener = socket(AF_INET6, SOCK_STREAM, 0);
	note(set(listener, IPPROTO_IPV6, IPV6_V6ONLY, 1));
	got.sin6_addr = in6addr_any;
	got.sin6_port = htons(15010);
	note(bind(listener, (void *)&got, sizeof got));
	note(listen(listener, 1));
	one = socket(AF_INET, SOCK_STREAM, 0);
	four = at("127.0.0.1", 15010);
	note(connect(one, (void *)&four, sizeof four));
	close(one);
	one = socket(AF_INET, SOCK_STREAM, 0);
	note(bind(one, (void *)&four, sizeof four));
	close(one);
	close(listener);
}

static void errors(void)
{
	section("errors");
	note(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	note(socket(AF_INET, SOCK_SEQPACKET, 0));
	note(socket(AF_INET, 99, 0));
	note(socket(AF_INET, SOCK_STREAM, 999));
	note(socket(AF_INET, SOCK_STREAM | 0x100000, 0));
	note(socket(AF_INET, SOCK_RAW, 0));
	note(connect(0, NULL, 0));
	note(send(0, "x", 1, 0));
	note(shutdown(99, 0));
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	signal(SIGPIPE, on_signal);
	binding();
	refused();
	conversation();
	resets();
	nonblocking();
	options();
	limits();
	bulk();
	file_sending();
	edges();
	selecting();
	blocking();
	versions();
	errors();
	return 0;
}
