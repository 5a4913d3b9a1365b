/*
 * lookup.c - ask the C library for names, and print what it says, a line each.
 *
 * lookup TEXT WORD...: TEXT is what /etc/resolv.conf shall be, or if it names no server is
 * added to what is there.  A word is 4:NAME, 6:NAME, any:NAME or back:ADDRESS.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRESSES 64

static char texts[ADDRESSES][INET6_ADDRSTRLEN];

static void configure(const char *text)
{
	FILE *file = fopen("/etc/resolv.conf", strstr(text, "nameserver") ? "w" : "a");

	if (!file) {
		perror("/etc/resolv.conf");
		exit(1);
	}
	fputs(text, file);
	fclose(file);
}

static int compare(const void *one, const void *other)
{
	return strcmp(one, other);
}

/* The order is the C library's guess at what can be reached best: not printed. */
static void print_found(const struct addrinfo *found)
{
	const struct addrinfo *at;
	unsigned count = 0, i;

	for (at = found; at && count < ADDRESSES; at = at->ai_next)
		getnameinfo(at->ai_addr, at->ai_addrlen, texts[count++], sizeof *texts, NULL, 0,
		    NI_NUMERICHOST);
	qsort(texts, count, sizeof *texts, compare);
	for (i = 0; i < count; i++)
		printf(" %s", texts[i]);
	if (found->ai_canonname)
		printf(" (%s)", found->ai_canonname);
}

static void forward(const char *name, int family)
{
	struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_CANONNAME }, *found;
	int error = getaddrinfo(name, NULL, &hints, &found);

	if (error) {
		printf(" %s", gai_strerror(error));
		return;
	}
	print_found(found);
	freeaddrinfo(found);
}

static void backward(const char *address)
{
	struct sockaddr_in four = { .sin_family = AF_INET };
	char name[256];
	int error;

	inet_pton(AF_INET, address, &four.sin_addr);
	error = getnameinfo((void *)&four, sizeof four, name, sizeof name, NULL, 0, NI_NAMEREQD);
	printf(" %s", error ? gai_strerror(error) : name);
}

int main(int argc, char **argv)
{
	int i;

	configure(argv[1]);
	for (i = 2; i < argc; i++) {
		const char *name = strchr(argv[i], ':') + 1;

		printf("%s", argv[i]);
		if (argv[i][0] == 'b')
			backward(name);
		else
			forward(name, argv[i][0] == '4' ? AF_INET : argv[i][0] == '6' ? AF_INET6 : AF_UNSPEC);
		printf("\n");
		fflush(stdout);
	}
	return 0;
}
