/*
 * unix.c - what unix sockets do: on Linux and in a guest the same lines.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "report.h"

static struct sockaddr_un at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	return address;
}

static void pairs(int type)
{
	char text[64];
	int pair[2];

	section("pair of type %d", type);
	note(socketpair(AF_UNIX, type, 0, pair));
	note(mask(pair[0]));
	note(write(pair[0], "hello", 5));
	note(write(pair[0], "world", 5));
	note(mask(pair[1]));
	note(number(ioctl(pair[1], FIONREAD, text), text));
	note(recv(pair[1], text, 3, MSG_PEEK));
	note(recv(pair[1], text, 3, 0));
	show(text, 3);
	note(recv(pair[1], text, 64, 0));
	note(recv(pair[1], text, 64, MSG_DONTWAIT));
	note(send(pair[1], "", 0, 0));
	note(recv(pair[0], text, 64, MSG_DONTWAIT));
	note(shutdown(pair[0], SHUT_WR));
	note(mask(pair[0]));
	note(mask(pair[1]));
	note(write(pair[0], "x", 1));
	note(recv(pair[1], text, 64, MSG_DONTWAIT));
	note(close(pair[0]));
	note(mask(pair[1]));
	note(write(pair[1], "x", 1));
	note(recv(pair[1], text, 64, MSG_DONTWAIT));
	close(pair[1]);
}

static void reset(void)
{
	int pair[2];
	char byte;

	section("a pair closed with bytes unread");
	note(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	note(write(pair[0], "x", 1));
	close(pair[1]);
	note(mask(pair[0]));
	note(read(pair[0], &byte, 1));
	note(read(pair[0], &byte, 1));
	note(write(pair[0], "x", 1));
	close(pair[0]);
}

static void named(void)
{
	struct sockaddr_un address = at("/tmp/stream.socket"), got;
	socklen_t bytes = sizeof got;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), client, server, option;
	struct stat status;
	char text[16];

	section("a listener with a file");
	unlink(address.sun_path);
	note(connect(listener, (void *)&address, sizeof address));
	note(listen(listener, 1));
	note(bind(listener, (void *)&address, sizeof address));
	note(bind(listener, (void *)&address, sizeof address));
	note(mask(listener));
	note(stat(address.sun_path, &status));
	note(S_ISSOCK(status.st_mode));
	note(open(address.sun_path, O_RDWR));
	note(listen(listener, 1));
	fcntl(listener, F_SETFL, O_NONBLOCK);
	note(accept(listener, NULL, NULL));
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	note(bind(client, (void *)&address, sizeof address));
	note(connect(client, (void *)&address, sizeof address));
	note(mask(client));
	note(connect(client, (void *)&address, sizeof address));
	note(connect(client, (void *)&address, sizeof address));
	note(mask(listener));
	note(write(client, "early", 5));
	server = accept4(listener, (void *)&got, &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
	note(server >= 0);
	note(bytes);
	note(fcntl(server, F_GETFD));
	note(fcntl(server, F_GETFL) & O_NONBLOCK);
	bytes = sizeof got;
	note(getsockname(server, (void *)&got, &bytes));
	show(got.sun_path, strlen(got.sun_path) + 1);
	note(bytes);
	bytes = sizeof got;
	note(getpeername(client, (void *)&got, &bytes));
	note(bytes);
	bytes = sizeof got;
	note(getsockname(client, (void *)&got, &bytes));
	note(bytes);
	note(read(server, text, 16));
	note(read(server, text, 16));
	note(write(server, "late", 4));
	note(read(client, text, 16));
	bytes = sizeof option;
	note(getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &option, &bytes));
	note(option);
	close(client);
	note(mask(server));
	note(read(server, text, 16));
	close(server);
	close(listener);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	note(connect(client, (void *)&address, sizeof address));
	note(unlink(address.sun_path));
	note(connect(client, (void *)&address, sizeof address));
	address.sun_family = AF_INET;
	note(connect(client, (void *)&address, sizeof address));
	close(client);
}

static void abstract(void)
{
	struct sockaddr_un address = at(""), got;
	socklen_t bytes = offsetof(struct sockaddr_un, sun_path) + 6, length = sizeof got;
	int one = socket(AF_UNIX, SOCK_DGRAM, 0), two = socket(AF_UNIX, SOCK_DGRAM, 0);
	char text[16];

	section("abstract names and datagrams");
	memcpy(address.sun_path, "\0a b\0c", 6);
	note(bind(one, (void *)&address, bytes));
	note(bind(two, (void *)&address, bytes));
	note(send(two, "x", 1, 0));
	note(sendto(two, "lost", 4, 0, (void *)&address, bytes - 1));
	note(sendto(two, "found", 5, 0, (void *)&address, bytes));
	note(recvfrom(one, text, 3, MSG_PEEK | MSG_TRUNC, (void *)&got, &length));
	note(length);
	note(recvfrom(one, text, 16, 0, (void *)&got, &length));
	note(connect(two, (void *)&address, bytes));
	note(send(two, "again", 5, 0));
	note(recv(one, text, 16, 0));
	length = sizeof got;
	note(getpeername(two, (void *)&got, &length));
	note(length);
	show(got.sun_path, 6);
	address.sun_family = AF_UNIX;
	note(bind(two, (void *)&address, sizeof(sa_family_t)));
	length = sizeof got;
	note(getsockname(two, (void *)&got, &length));
	note(length);
	note(listen(two, 1));
	note(accept(two, NULL, NULL));
	close(one);
	note(send(two, "gone", 4, 0));
	note(send(two, "gone", 4, 0));
	one = socket(AF_UNIX, SOCK_DGRAM, 0);
	note(bind(one, (void *)&address, bytes));
	close(one);
	close(two);
}

static ssize_t send_file(int to, int file)
{
	char room[CMSG_SPACE(sizeof(int))] = "";
	struct iovec part = { "f", 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room,
		.msg_controllen = sizeof room };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &file, sizeof file);
	return sendmsg(to, &message, 0);
}

static int receive_file(int from, size_t room_bytes)
{
	char room[CMSG_SPACE(sizeof(int))] = "", text[8];
	struct iovec part = { text, 8 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room,
		.msg_controllen = room_bytes };
	struct cmsghdr *header;
	int file = -1;

	note(recvmsg(from, &message, MSG_CMSG_CLOEXEC));
	note(message.msg_flags & ~MSG_CMSG_CLOEXEC);
	note(message.msg_controllen);
	header = CMSG_FIRSTHDR(&message);
	if (header)
		memcpy(&file, CMSG_DATA(header), sizeof file);
	return file;
}

/* Two arrays in one message arrive as one. */
static void two_arrays(void)
{
	char room[2 * CMSG_SPACE(sizeof(int))] = "", space[CMSG_SPACE(2 * sizeof(int))] = "", text[8];
	struct iovec part = { "two", 3 }, into = { text, 8 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room,
		.msg_controllen = sizeof room };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int pair[2], descriptor = 0;

	section("two arrays of files");
	note(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	for (int i = 0; i < 2; i++, header = CMSG_NXTHDR(&message, header)) {
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
	}
	note(sendmsg(pair[0], &message, 0));
	message = (struct msghdr){ .msg_iov = &into, .msg_iovlen = 1, .msg_control = space,
		.msg_controllen = sizeof space };
	note(recvmsg(pair[1], &message, 0));
	note(message.msg_controllen);
	note(CMSG_FIRSTHDR(&message)->cmsg_len);
	close(pair[0]);
	close(pair[1]);
}

static void passing(int type)
{
	int pair[2], ends[2], file;
	char text[8];

	section("files through a pair of type %d", type);
	note(socketpair(AF_UNIX, type, 0, pair));
	note(pipe(ends));
	note(write(pair[0], "ab", 2));
	note(send_file(pair[0], ends[1]));
	note(write(pair[0], "cd", 2));
	note(send_file(pair[0], 999));
	close(ends[1]);
	note(recv(pair[1], text, 2, 0));
	file = receive_file(pair[1], CMSG_SPACE(sizeof(int)));
	note(file >= 0);
	note(fcntl(file, F_GETFD));
	note(recv(pair[1], text, 8, 0));
	note(write(file, "through", 7));
	note(read(ends[0], text, 8));
	note(send_file(pair[0], file));
	note(receive_file(pair[1], 0));
	note(send_file(pair[0], file));
	note(recv(pair[1], text, 8, 0));
	close(file);
	note(read(ends[0], text, 8));
	close(ends[0]);
	close(pair[0]);
	close(pair[1]);
}

static void credentials(void)
{
	struct ucred who;
	socklen_t bytes = sizeof who;
	int pair[2];

	section("credentials");
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	note(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &who, &bytes));
	note(who.pid == getpid());
	note(who.uid == getuid());
	note(bytes);
	close(pair[0]);
	close(pair[1]);
}

#define BULK_BYTES (3 << 20)

static void *writes(void *argument)
{
	static char bulk[BULK_BYTES];
	int to = *(int *)argument;
	size_t i;

	for (i = 0; i < sizeof bulk; i++)
		bulk[i] = (char)(i * 31 >> 3);
	if (write(to, bulk, sizeof bulk) != sizeof bulk)
		printf("a short write\n");
	shutdown(to, SHUT_WR);
	return NULL;
}

static void bulk(void)
{
	static char buffer[10007];
	unsigned sum = 0;
	size_t total = 0;
	ssize_t got;
	pthread_t writer;
	int pair[2];

	section("bulk");
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	pthread_create(&writer, NULL, writes, &pair[0]);
	while ((got = read(pair[1], buffer, sizeof buffer)) > 0)
		for (total += got; got; got--)
			sum = sum * 33 + (unsigned char)buffer[got - 1];
	(void)sum;
	pthread_join(writer, NULL);
	note(total);
	close(pair[0]);
	close(pair[1]);
}

static void edges(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET | EPOLLRDHUP };
	int pair[2], epoll = epoll_create1(0);
	char byte;

	section("edge-triggered epoll");
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
	note(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], &event));
	note(epoll_wait(epoll, &event, 1, 0));
	note(write(pair[0], "ab", 2));
	note(epoll_wait(epoll, &event, 1, 0));
	note(event.events);
	note(epoll_wait(epoll, &event, 1, 0));
	note(read(pair[1], &byte, 1));
	note(epoll_wait(epoll, &event, 1, 0));
	note(write(pair[0], "c", 1));
	note(epoll_wait(epoll, &event, 1, 0));
	close(pair[0]);
	note(epoll_wait(epoll, &event, 1, 0));
	note(event.events);
	close(pair[1]);
	close(epoll);
}

static void waits(void)
{
	struct timeval time = { 0, 50000 };
	int pair[2];
	char byte;

	section("time limits");
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	note(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
	note(read(pair[0], &byte, 1));
	note(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
	while (write(pair[0], &time, sizeof time) > 0)
		;
	note(-errno);
	note(mask(pair[0]) & POLLOUT);
	close(pair[0]);
	close(pair[1]);
}

static void errors(void)
{
	struct sockaddr_un address = at("/nowhere/at/all");
	int pair[2];

	section("errors");
	note(socket(AF_UNIX, 77, 0));
	note(socket(AF_UNIX, SOCK_STREAM, 5));
	note(socket(1234, SOCK_STREAM, 0));
	note(socketpair(AF_INET, SOCK_STREAM, 0, pair));
	note(socketpair(AF_UNIX, SOCK_STREAM, 0, NULL));
	note(bind(0, (void *)&address, sizeof address));
	note(listen(99, 1));
	pair[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	note(bind(pair[0], (void *)&address, sizeof address));
	note(bind(pair[0], (void *)&address, 200));
	note(bind(pair[0], NULL, 20));
	note(connect(pair[0], (void *)&address, 1));
	note(mask(pair[0]));
	note(send(pair[0], "x", 1, 0));
	note(recv(pair[0], &address, 1, 0));
	note(shutdown(pair[0], SHUT_RD));
	note(shutdown(pair[0], 3));
	note(getpeername(pair[0], (void *)&address, &(socklen_t){ 20 }));
	note(getsockopt(pair[0], SOL_SOCKET, 9999, &address, &(socklen_t){ 4 }));
	note(setsockopt(pair[0], SOL_SOCKET, SO_RCVBUF, &address, 2));
	close(pair[0]);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	signal(SIGPIPE, on_signal);
	pairs(SOCK_STREAM);
	pairs(SOCK_SEQPACKET);
	pairs(SOCK_DGRAM);
	reset();
	named();
	abstract();
	passing(SOCK_STREAM);
	two_arrays();
	passing(SOCK_DGRAM);
	credentials();
	bulk();
	edges();
	waits();
	errors();
	return 0;
}
