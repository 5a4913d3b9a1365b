/*
 * http.c - a small web server: one process, epoll, HTTP/1.1 with keep-alive.
 *
 * GET / says where it runs; GET /bytes/N gives N bytes; POST / counts the body's bytes and
 * sums them; GET /quit ends the guest.  A request that is none gets 400.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#define REQUEST_BYTES 4096
#define EVENTS 64
#define PAGE "a unikernel says hello\n"

struct client {
	int descriptor;
	size_t used;            /* of request */
	size_t body_left;       /* of a POST, still to come */
	unsigned long total, sum;
	size_t answer_left;     /* of /bytes/N, still to go */
	int posting, closing;
	char request[REQUEST_BYTES + 1];
};

static int watcher, quit;

static void client_close(struct client *client)
{
	close(client->descriptor);
	free(client);
}

static void watch(struct client *client, int events)
{
	struct epoll_event event = { .events = (unsigned)events, .data.ptr = client };

	epoll_ctl(watcher, EPOLL_CTL_MOD, client->descriptor, &event);
}

static int send_all(struct client *client, const char *text, size_t bytes)
{
	return send(client->descriptor, text, bytes, MSG_NOSIGNAL) == (ssize_t)bytes ? 0 : -1;
}

static int answer(struct client *client, const char *status, const char *body)
{
	char text[512];
	int bytes = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nServer: rumpkit\r\n"
	    "Content-Type: text/plain\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body),
	    client->closing ? "Connection: close\r\n" : "", body);

	return send_all(client, text, (size_t)bytes);
}

/* As much of /bytes/N as goes now. */
static int answer_more(struct client *client)
{
	static char block[65536];
	ssize_t sent = 0;

	if (!block[0])
		memset(block, 'x', sizeof block);
	while (client->answer_left && sent >= 0) {
		size_t bytes = client->answer_left < sizeof block ? client->answer_left : sizeof block;

		sent = send(client->descriptor, block, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0)
			client->answer_left -= (size_t)sent;
	}
	if (sent < 0 && errno != EAGAIN)
		return -1;
	watch(client, client->answer_left ? EPOLLOUT : EPOLLIN);
	return client->answer_left || !client->closing ? 0 : -1;
}

static int answer_bytes(struct client *client, const char *number)
{
	char text[128];

	client->answer_left = strtoul(number, NULL, 10);
	snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
	    client->answer_left);
	return send_all(client, text, strlen(text)) ? -1 : answer_more(client);
}

static int answer_post(struct client *client)
{
	char text[64];

	client->posting = 0;
	snprintf(text, sizeof text, "%lu bytes, sum %lu\n", client->total, client->sum);
	return answer(client, "200 OK", text);
}

static void take_body(struct client *client, const char *body, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		client->sum += (unsigned char)body[i];
	client->total += bytes;
	client->body_left -= bytes;
}

/* A POST: what of the body came with the request. */
static int begin_post(struct client *client, char *body, size_t *rest)
{
	const char *length = strcasestr(client->request, "\r\nContent-Length:");
	size_t here;

	client->posting = 1;
	client->total = client->sum = 0;
	client->body_left = length ? strtoul(length + 17, NULL, 10) : 0;
	here = *rest < client->body_left ? *rest : client->body_left;
	take_body(client, body, here);
	*rest -= here;
	return client->body_left ? 0 : answer_post(client);
}

static int serve(struct client *client, char *body, size_t *rest)
{
	static struct utsname machine;

	client->closing = strcasestr(client->request, "\r\nConnection: close") != NULL;
	if (!strncmp(client->request, "POST ", 5))
		return begin_post(client, body, rest);
	if (strncmp(client->request, "GET /", 5))
		return answer(client, "400 Bad Request", "GET or POST, please\n");
	if (!strncmp(client->request + 5, "bytes/", 6))
		return answer_bytes(client, client->request + 11);
	if (!strncmp(client->request + 5, "quit ", 5)) {
		quit = 1;
		return answer(client, "200 OK", "good bye\n");
	}
	if (client->request[5] != ' ') {
		uname(&machine);
		return answer(client, strncmp(client->request + 5, "machine ", 8) ?
		    "404 Not Found" : "200 OK", machine.machine);
	}
	return answer(client, "200 OK", PAGE);
}

/* Serve every whole request in the buffer. */
static int serve_all(struct client *client)
{
	char *end;

	while (!client->answer_left && !client->posting &&
	    (end = strstr(client->request, "\r\n\r\n"))) {
		char *body = end + 4;
		size_t rest = client->used - (size_t)(body - client->request);
		size_t before = rest;

		end[2] = 0;
		if (serve(client, body, &rest))
			return -1;
		memmove(client->request, body + (before - rest), rest);
		client->used = rest;
		client->request[rest] = 0;
		if (client->closing && !client->answer_left && !client->posting)
			return -1;
	}
	return client->used == REQUEST_BYTES ? -1 : 0;
}

static int receive(struct client *client)
{
	char body[16384];
	ssize_t got;

	if (client->posting) {
		size_t wanted = client->body_left < sizeof body ? client->body_left : sizeof body;

		got = recv(client->descriptor, body, wanted, 0);
		if (got > 0)
			take_body(client, body, (size_t)got);
		if (got > 0 && !client->body_left)
			return answer_post(client);
		return got > 0 ? 0 : -1;
	}
	got = recv(client->descriptor, client->request + client->used,
	    REQUEST_BYTES - client->used, 0);
	if (got <= 0)
		return -1;
	client->used += (size_t)got;
	client->request[client->used] = 0;
	return serve_all(client);
}

static void client_open(int listener)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct client *client = calloc(1, sizeof *client);
	int one = 1;

	if (!client)
		return;
	client->descriptor = accept(listener, NULL, NULL);
	if (client->descriptor < 0) {
		free(client);
		return;
	}
	setsockopt(client->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	event.data.ptr = client;
	epoll_ctl(watcher, EPOLL_CTL_ADD, client->descriptor, &event);
}

static int listen_at(int port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int listener = socket(AF_INET6, SOCK_STREAM, 0), one = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (void *)&address, sizeof address) || listen(listener, 1024)) {
		perror("http");
		exit(1);
	}
	return listener;
}

int main(int argc, char **argv)
{
	int port = argc > 1 ? atoi(argv[1]) : 80, listener = listen_at(port);
	struct epoll_event events[EVENTS], event = { .events = EPOLLIN };

	watcher = epoll_create1(0);
	epoll_ctl(watcher, EPOLL_CTL_ADD, listener, &event);
	printf("serving at port %d\n", port);
	fflush(stdout);
	while (!quit) {
		int count = epoll_wait(watcher, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			struct client *client = events[i].data.ptr;

			if (!client)
				client_open(listener);
			else if (events[i].events & EPOLLOUT ? answer_more(client) : receive(client))
				client_close(client);
		}
	}
	return 0;
}
