/*
 * server.c - answers every GET with the same page.  Arguments: [PORT [BYTES]], how many
 * bytes the page has.
 *
 * One thread and poll(2): nothing but POSIX, so that the same text is a program for Linux,
 * for rumpkit and for NetBSD, which has no epoll.
 */
#include "../page.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 64
#define REQUEST_BYTES 2048

/* What belongs to the descriptor of the same place in `polled`; place 0 is the listener. */
struct connection {
	size_t have;            /* bytes of requests that are not yet complete */
	size_t left;            /* of an answer that did not go at once */
	char request[REQUEST_BYTES + 1];
};

static struct pollfd polled[CONNECTIONS + 1];
static struct connection connections[CONNECTIONS + 1];
static nfds_t count;

static int listen_at(unsigned short port)
{
	struct sockaddr_in address;
	int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	if (listener < 0)
		die("socket");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 128))
		die("listen");
	fcntl(listener, F_SETFL, O_NONBLOCK);
	return listener;
}

static void watch(int descriptor)
{
	connections[count].have = connections[count].left = 0;
	connections[count].request[0] = '\0';
	polled[count].fd = descriptor;
	polled[count].events = POLLIN;
	polled[count].revents = 0;
	count++;
}

static void accept_one(int listener)
{
	int one = 1, descriptor = accept(listener, NULL, NULL);

	if (descriptor < 0)
		return;
	if (count > CONNECTIONS) {
		close(descriptor);
		return;
	}
	fcntl(descriptor, F_SETFL, O_NONBLOCK);
	setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	watch(descriptor);
}

/* The last place moves into the one that is free. */
static void end(nfds_t place)
{
	close(polled[place].fd);
	if (place != --count) {
		polled[place] = polled[count];
		connections[place] = connections[count];
	}
}

/* Send what is due, as much as goes; -1 if the connection is over. */
static int send_rest(nfds_t place)
{
	struct connection *one = &connections[place];

	while (one->left) {
		ssize_t sent = write(polled[place].fd, answer + answer_bytes - one->left, one->left);

		if (sent < 0)
			return errno == EAGAIN ? 0 : -1;
		one->left -= (size_t)sent;
	}
	return 0;
}

/* Answer the complete requests; a client that asks again before it has read waits. */
static int answer_requests(nfds_t place)
{
	struct connection *one = &connections[place];
	char *tail;

	for (;;) {
		if (send_rest(place))
			return -1;
		tail = one->left ? NULL : strstr(one->request, "\r\n\r\n");
		if (!tail)
			return 0;
		tail += 4;
		one->have -= (size_t)(tail - one->request);
		memmove(one->request, tail, one->have + 1);
		one->left = answer_bytes;
	}
}

static int receive(nfds_t place)
{
	struct connection *one = &connections[place];
	ssize_t got = read(polled[place].fd, one->request + one->have, REQUEST_BYTES - one->have);

	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	one->have += (size_t)got;
	one->request[one->have] = '\0';
	return got && !answer_requests(place) && one->have < REQUEST_BYTES ? 0 : -1;
}

static int serve(nfds_t place)
{
	short events = polled[place].revents;

	if (events & POLLOUT ? answer_requests(place) : events & ~POLLOUT ? receive(place) : 0)
		return -1;
	polled[place].events = connections[place].left ? POLLOUT : POLLIN;
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	make_answer(argc > 2 ? (size_t)atol(argv[2]) : 128);
	watch(listen_at((unsigned short)(argc > 1 ? atoi(argv[1]) : 80)));
	puts("ready");
	fflush(stdout);
	for (;;) {
		if (poll(polled, count, -1) < 0)
			die("poll");
		/* From the last on: one that ends is replaced by one that was served. */
		for (nfds_t place = count; place-- > 1;)
			if (serve(place))
				end(place);
		if (polled[0].revents)
			accept_one(polled[0].fd);
	}
}
