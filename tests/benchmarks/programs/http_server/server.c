/*
 * server.c - answers every GET with the same page.  Arguments: [PORT [BYTES]], how many
 * bytes the page has.
 */
#define _GNU_SOURCE
#include "server.h"
#include "../page.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64

static int poller;

static int listen_at(unsigned short port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (listener < 0)
		die("socket");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1024))
		die("listen");
	return listener;
}

static void watch(int operation, int socket, unsigned events, void *what)
{
	struct epoll_event event = { .events = events, .data.ptr = what };

	if (epoll_ctl(poller, operation, socket, &event))
		die("epoll_ctl");
}

static void accept_all(int listener)
{
	int socket, one = 1;

	while ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct connection *connection = calloc(1, sizeof(*connection));

		if (!connection) {
			close(socket);
			continue;
		}
		connection->socket = socket;
		setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		watch(EPOLL_CTL_ADD, socket, EPOLLIN, connection);
	}
}

static void end(struct connection *connection)
{
	close(connection->socket);
	free(connection);
}

/* Send what is due; 0 if the connection is over. */
static int send_answers(struct connection *connection)
{
	while (connection->answer_bytes || connection->answers_left) {
		ssize_t sent;

		if (!connection->answer_bytes) {
			connection->answers_left--;
			connection->answer = answer;
			connection->answer_bytes = answer_bytes;
		}
		sent = send(connection->socket, connection->answer, connection->answer_bytes,
		    MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN;
		connection->answer += sent;
		connection->answer_bytes -= (size_t)sent;
	}
	return !connection->closing;
}

static int receive(struct connection *connection)
{
	ssize_t got = recv(connection->socket, connection->request + connection->have,
	    REQUEST_BYTES - connection->have, 0);

	if (got <= 0)
		return got < 0 && errno == EAGAIN;
	connection->have += (size_t)got;
	connection->answers_left += requests_take(connection);
	return connection->have < REQUEST_BYTES; /* longer than any request that is answered */
}

static void serve(struct connection *connection, unsigned events)
{
	int waiting;

	if ((events & EPOLLIN && !receive(connection)) || !send_answers(connection)) {
		end(connection);
		return;
	}
	waiting = connection->answer_bytes != 0;
	if (waiting != connection->wants_output)
		watch(EPOLL_CTL_MOD, connection->socket, waiting ? EPOLLIN | EPOLLOUT : EPOLLIN,
		    connection);
	connection->wants_output = waiting;
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	int listener = listen_at((unsigned short)(argc > 1 ? atoi(argv[1]) : 80));

	make_answer(argc > 2 ? (size_t)atol(argv[2]) : 128);
	poller = epoll_create1(0);
	watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int count = epoll_wait(poller, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				serve(events[i].data.ptr, events[i].events);
			else
				accept_all(listener);
		}
	}
}
