/*
 * bulk_client.c - has bulk.c take and send BYTES (a multiple of 65536), with checksums, and
 * says whether both ends saw the same.  Arguments: ADDRESS PORT BYTES.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 0x10000

static uint64_t piece[PIECE / 8], words, order;

static void add(void)
{
	for (size_t i = 0; i < PIECE / 8; i++) {
		words += piece[i];
		order += words;
	}
}

static int move(int socket, int out)
{
	for (size_t done = 0; done < PIECE;) {
		char *at = (char *)piece + done;
		ssize_t step = out ? send(socket, at, PIECE - done, 0) : recv(socket, at, PIECE - done, 0);

		if (step <= 0)
			return 0;
		done += (size_t)step;
	}
	return 1;
}

static int answer(int socket, uint64_t bytes)
{
	char line[64] = "", expected[64];
	size_t have = 0;

	while (have < sizeof(line) - 1 && recv(socket, line + have, 1, 0) == 1 && line[have] != '\n')
		have++;
	line[have] = '\0';
	snprintf(expected, sizeof(expected), "%lu %016lx%016lx", bytes, words, order);
	return !strcmp(line, expected);
}

static int transfer(const struct sockaddr_in *address, const char *way, uint64_t bytes)
{
	int link = socket(AF_INET, SOCK_STREAM, 0), taking = !strcmp(way, "take"), length, same;
	uint64_t state = 1;
	char line[64];

	words = order = 0;
	if (connect(link, (const struct sockaddr *)address, sizeof(*address)))
		return 0;
	length = snprintf(line, sizeof(line), "check %s %lu\n", way, bytes);
	same = send(link, line, (size_t)length, 0) == length;
	for (uint64_t left = bytes; same && left; left -= PIECE) {
		for (size_t i = 0; taking && i < PIECE / 8; i++)
			piece[i] = state = state * 6364136223846793005u + 1442695040888963407u;
		same = move(link, taking);
		add();
	}
	same = same && answer(link, bytes);
	close(link);
	return same;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	uint64_t bytes = strtoul(argv[3], NULL, 10);

	(void)argc;
	inet_pton(AF_INET, argv[1], &address.sin_addr);
	address.sin_port = htons((unsigned short)atoi(argv[2]));
	printf("take: %s\n", transfer(&address, "take", bytes) ? "the same" : "NOT THE SAME");
	printf("send: %s\n", transfer(&address, "send", bytes) ? "the same" : "NOT THE SAME");
	return 0;
}
