/*
 * bulk.c - sends and takes as many bytes as a peer wants, one connection at a time.
 *
 * A client sends a line: "send BYTES" is answered with that many bytes, "take BYTES" is
 * followed by that many; then comes a line "BYTES SUM".  After "check send" and "check
 * take" the sum is over the content, else it is 0 and costs nothing.  BYTES is a multiple
 * of 8.  The sum is Fletcher's, of 64-bit words modulo 2^64 (RFC 1146 has it with bytes):
 * the second half depends on the order.  Argument: [PORT].
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 0x10000

struct sum {
	uint64_t words, order;
};

static uint64_t piece[PIECE / 8];

static void add(struct sum *sum, const uint64_t *words, size_t bytes)
{
	for (size_t i = 0; i < bytes / 8; i++) {
		sum->words += words[i];
		sum->order += sum->words;
	}
}

static int all_out(int socket, const void *data, size_t bytes)
{
	while (bytes) {
		ssize_t sent = send(socket, data, bytes, MSG_NOSIGNAL);

		if (sent <= 0)
			return 0;
		data = (const char *)data + sent;
		bytes -= (size_t)sent;
	}
	return 1;
}

static int all_in(int socket, void *data, size_t bytes)
{
	while (bytes) {
		ssize_t got = recv(socket, data, bytes, 0);

		if (got <= 0)
			return 0;
		data = (char *)data + got;
		bytes -= (size_t)got;
	}
	return 1;
}

/* The same pseudo-random words each time, so that no two pieces are alike. */
static void fill(uint64_t *state)
{
	for (size_t i = 0; i < PIECE / 8; i++)
		piece[i] = *state = *state * 6364136223846793005u + 1442695040888963407u;
}

static int transfer(int socket, int sending, uint64_t bytes, struct sum *sum)
{
	uint64_t state = bytes;

	while (bytes) {
		size_t part = bytes < PIECE ? (size_t)bytes : PIECE;

		if (sending && sum)
			fill(&state);
		if (!(sending ? all_out(socket, piece, part) : all_in(socket, piece, part)))
			return 0;
		if (sum)
			add(sum, piece, part);
		bytes -= part;
	}
	return 1;
}

static void serve(int socket)
{
	char line[64];
	const char *words = line;
	size_t have = 0;
	struct sum sum = { 0, 0 };
	uint64_t bytes;
	int checked;

	while (have < sizeof(line) - 1 && recv(socket, line + have, 1, 0) == 1 && line[have] != '\n')
		have++;
	line[have] = '\0';
	checked = !strncmp(words, "check ", 6);
	words += checked ? 6 : 0;
	if (sscanf(words, "%*s %lu", &bytes) != 1)
		return;
	if (transfer(socket, !strncmp(words, "send", 4), bytes, checked ? &sum : NULL)) {
		int length = snprintf(line, sizeof(line), "%lu %016lx%016lx\n", bytes, sum.words,
		    sum.order);

		all_out(socket, line, (size_t)length);
	}
}

int main(int argc, char **argv)
{
	unsigned short port = (unsigned short)(argc > 1 ? atoi(argv[1]) : 5000);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int one = 1, socket_, listener = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 16)) {
		perror("listen");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while ((socket_ = accept(listener, NULL, NULL)) >= 0) {
		serve(socket_);
		close(socket_);
	}
	return 0;
}
