/*
 * server.h - a small HTTP/1.1 server: one thread, epoll, connections kept alive.
 */
#ifndef SERVER_H
#define SERVER_H

#include <stddef.h>

#define REQUEST_BYTES 8192

struct connection {
	int socket;
	size_t have;                 /* bytes of requests that are not yet complete */
	const char *answer;          /* the rest of what is to be sent */
	size_t answer_bytes;
	size_t answers_left;         /* how many more whole answers are due */
	int wants_output;            /* epoll watches for room */
	int closing;                 /* the last answer is to be the end */
	char request[REQUEST_BYTES];
};

/* Count the complete requests in it, forget them, and note if one asks to close. */
size_t requests_take(struct connection *connection);

#endif
