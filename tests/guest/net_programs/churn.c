/*
 * churn.c - many connections, opened and dropped in every way there is, over the loopback.
 *
 * churn ROUNDS prints how many there were, and how much memory stayed in use.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static struct sockaddr_in address;

static int client(void)
{
	int one = socket(AF_INET, SOCK_STREAM, 0);

	if (one < 0 || connect(one, (void *)&address, sizeof address)) {
		perror("connect");
		exit(1);
	}
	return one;
}

static void round_of(int listener, int way)
{
	struct linger hard = { 1, 0 };
	char text[1000];
	int one = client(), two = accept(listener, NULL, NULL);

	if (two < 0) {
		perror("accept");
		exit(1);
	}
	memset(text, 'x', sizeof text);
	if (way % 5 == 1)
		write(one, text, sizeof text); /* unread: a reset */
	if (way % 5 == 2)
		setsockopt(one, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	if (way % 5 == 3) {
		write(one, text, sizeof text);
		read(two, text, sizeof text);
		shutdown(one, SHUT_WR);
	}
	close(way & 1 ? one : two);
	close(way & 1 ? two : one);
	if (way % 50 == 4)
		client(); /* nobody accepts or closes this one */
}

static unsigned long free_kib(void)
{
	struct sysinfo info;

	sysinfo(&info);
	return info.freeram * info.mem_unit / 1024;
}

static int listener_make(void)
{
	socklen_t bytes = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096) ||
	    getsockname(listener, (void *)&address, &bytes))
		perror("listener");
	return listener;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 10000, listener = listener_make(), i;
	unsigned long before = 0, after;

	for (i = 0; i < rounds; i++) {
		if (i == rounds / 10) /* what is kept for reuse is there by now */
			before = free_kib();
		round_of(listener, i);
		if (i % 50 == 4)
			close(accept(listener, NULL, NULL));
	}
	after = free_kib();
	close(listener);
	printf("%d connections\n", rounds);
	printf("%ld KiB less than before\n", before > after ? (long)(before - after) : 0l);
	return 0;
}
