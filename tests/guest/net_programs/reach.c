/*
 * reach.c - connect to an address and port, ask "who?", print what comes back, and from
 * which address it was asked.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	struct sockaddr_storage here;
	socklen_t bytes = sizeof here;
	char text[256] = "", own[64] = "";
	int one;

	if (getaddrinfo(argv[1], argv[2], &hints, &found))
		return 2;
	one = socket(found->ai_family, SOCK_STREAM, 0);
	if (connect(one, found->ai_addr, found->ai_addrlen)) {
		perror("connect");
		return 1;
	}
	write(one, "who?", 4);
	read(one, text, sizeof text - 1);
	getsockname(one, (void *)&here, &bytes);
	getnameinfo((void *)&here, bytes, own, sizeof own, NULL, 0, NI_NUMERICHOST);
	printf("%s says %s to %s\n", argv[1], text, own);
	return 0;
}
