/*
 * flood.c - more sockets and more unread bytes than there is memory for: errors, no end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 20000

static struct sockaddr_in address = { .sin_family = AF_INET };
static int sockets[MOST];

static int connected(int listener)
{
	int one = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (one < 0)
		return -1;
	if (connect(one, (void *)&address, sizeof address) && errno != EINPROGRESS) {
		close(one);
		return -1;
	}
	return one;
}

int main(void)
{
	static char bytes[65536];
	struct rlimit limit = { MOST, MOST };
	int listener = socket(AF_INET, SOCK_STREAM, 0), count = 0, one, two;
	socklen_t length = sizeof address;

	setrlimit(RLIMIT_NOFILE, &limit);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bind(listener, (void *)&address, sizeof address);
	listen(listener, 4096);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	getsockname(listener, (void *)&address, &length);
	/* Each holds what nobody reads. */
	while (count + 2 < MOST) {
		one = connected(listener);
		if (one < 0)
			break;
		sockets[count++] = one;
		two = accept(listener, NULL, NULL);
		if (two >= 0)
			sockets[count++] = two;
		while (write(one, bytes, sizeof bytes) > 0)
			;
	}
	printf("sockets: %s\n", strerror(errno));
	while (count)
		close(sockets[--count]);
	while ((two = accept(listener, NULL, NULL)) >= 0)
		close(two);
	one = connected(listener);
	two = accept(listener, NULL, NULL);
	memset(bytes, 0, 8);
	if (one >= 0 && two >= 0 && write(one, "again", 5) == 5 && read(two, bytes, 8) == 5)
		printf("then it works %s\n", bytes);
	return 0;
}
