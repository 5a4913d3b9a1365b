/*
 * requests.c - requests in a connection's bytes: GETs without a body, one after another
 * (RFC 9112, 9.3.2: a client may send the next before it has the answer).
 */
#define _GNU_SOURCE
#include "server.h"

#include <string.h>
#include <strings.h>

static int asks_to_close(const char *request, size_t bytes)
{
	static const char words[] = "\r\nConnection: close";

	for (size_t i = 0; i + sizeof(words) - 1 <= bytes; i++)
		if (request[i] == '\r' && !strncasecmp(request + i, words, sizeof(words) - 1))
			return 1;
	return 0;
}

size_t requests_take(struct connection *connection)
{
	char *begin = connection->request, *end;
	size_t left = connection->have, count = 0;

	while (!connection->closing && (end = memmem(begin, left, "\r\n\r\n", 4))) {
		end += 4;
		connection->closing = asks_to_close(begin, (size_t)(end - begin));
		left -= (size_t)(end - begin);
		begin = end;
		count++;
	}
	memmove(connection->request, begin, left);
	connection->have = left;
	return count;
}
