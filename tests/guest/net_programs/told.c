/*
 * told.c - what is told with a datagram: control messages, both ways.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "report.h"

static void tell(struct cmsghdr *one)
{
	unsigned char *data = CMSG_DATA(one);
	char text[64];

	printf("  level %d type %d, %zu bytes", one->cmsg_level, one->cmsg_type,
	    (size_t)(one->cmsg_len - CMSG_LEN(0)));
	if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo *place = (void *)data;

		printf(": %d", place->ipi_ifindex);
		printf(" %s", inet_ntop(AF_INET, &place->ipi_spec_dst, text, sizeof text));
		printf(" %s", inet_ntop(AF_INET, &place->ipi_addr, text, sizeof text));
	} else if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo *place = (void *)data;

		printf(": %u %s", place->ipi6_ifindex, inet_ntop(AF_INET6, &place->ipi6_addr, text,
		    sizeof text));
	} else if (one->cmsg_level == SOL_SOCKET) {
		long now = time(NULL), then = *(long *)data;

		printf(": %s", then >= now - 60 && then <= now + 1 ? "now" : "another time");
	} else {
		printf(": %d", data[0]);
	}
	printf("\n");
}

static void receive(int socket, size_t room)
{
	char text[16], control[512] __attribute__((aligned(8)));
	struct sockaddr_storage from;
	struct iovec vector = { text, sizeof text };
	struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &vector,
		.msg_iovlen = 1, .msg_control = control, .msg_controllen = room };
	struct cmsghdr *one;

	note(recvmsg(socket, &message, 0));
	printf("flags %x, %zu bytes of control\n", message.msg_flags, (size_t)message.msg_controllen);
	for (one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one))
		tell(one);
}

static int set(int socket, int level, int name)
{
	int one = 1, value = -1;
	socklen_t bytes = sizeof value;

	note(setsockopt(socket, level, name, &one, sizeof one));
	note(getsockopt(socket, level, name, &value, &bytes));
	return value;
}

static int receiver(int family, void *address, socklen_t bytes)
{
	int one = socket(family, SOCK_DGRAM, 0);

	note(bind(one, address, bytes));
	note(getsockname(one, address, &bytes));
	return one;
}

static void four(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int in = receiver(AF_INET, &to, sizeof to), out = socket(AF_INET, SOCK_DGRAM, 0);

	section("IPv4");
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sendto(out, "none", 4, 0, (void *)&to, sizeof to);
	receive(in, 512);
	note(set(in, IPPROTO_IP, IP_PKTINFO));
	note(set(in, IPPROTO_IP, IP_RECVTTL));
	note(set(in, IPPROTO_IP, IP_RECVTOS));
	sendto(out, "three", 5, 0, (void *)&to, sizeof to);
	receive(in, 512);
	sendto(out, "one fits", 8, 0, (void *)&to, sizeof to);
	receive(in, CMSG_SPACE(sizeof(struct in_pktinfo)));
	note(set(in, SOL_SOCKET, SO_TIMESTAMPNS));
	note(set(in, SOL_SOCKET, SO_TIMESTAMP));
	sendto(out, "four", 4, 0, (void *)&to, sizeof to);
	receive(in, 512);
}

static void six(void)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	struct sockaddr_in mapped = { .sin_family = AF_INET };
	int in = receiver(AF_INET6, &to, sizeof to), out = socket(AF_INET6, SOCK_DGRAM, 0);
	int out4 = socket(AF_INET, SOCK_DGRAM, 0);

	section("IPv6");
	to.sin6_addr = in6addr_loopback;
	note(set(in, IPPROTO_IPV6, IPV6_RECVPKTINFO));
	note(set(in, IPPROTO_IPV6, IPV6_RECVHOPLIMIT));
	sendto(out, "six", 3, 0, (void *)&to, sizeof to);
	receive(in, 512);
	section("IPv4 at a socket of IPv6");
	mapped.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	mapped.sin_port = to.sin6_port;
	sendto(out4, "four", 4, 0, (void *)&mapped, sizeof mapped);
	receive(in, 512);
}

/* Sends from an address by IP_PKTINFO, and says where it was from. */
static void from(const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET }, seen;
	char control[CMSG_SPACE(sizeof(struct in_pktinfo))] __attribute__((aligned(8))) = { 0 };
	struct iovec vector = { "x", 1 };
	struct msghdr message = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &vector,
		.msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	int in = receiver(AF_INET, &to, sizeof to), out = socket(AF_INET, SOCK_DGRAM, 0);
	struct cmsghdr *one = CMSG_FIRSTHDR(&message);
	struct in_pktinfo *place = (void *)CMSG_DATA(one);
	socklen_t bytes = sizeof seen;
	char text[16];

	section("from %s", address);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	one->cmsg_level = IPPROTO_IP;
	one->cmsg_type = IP_PKTINFO;
	one->cmsg_len = CMSG_LEN(sizeof *place);
	inet_pton(AF_INET, address, &place->ipi_spec_dst);
	note(sendmsg(out, &message, 0));
	one->cmsg_len = 3;
	note(sendmsg(out, &message, 0));
	if (recvfrom(in, text, sizeof text, MSG_DONTWAIT, (void *)&seen, &bytes) > 0)
		printf("it came from %s\n", inet_ntop(AF_INET, &seen.sin_addr, text, sizeof text));
	close(in);
	close(out);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	four();
	six();
	from("127.0.0.1");
	from("127.0.0.9");
	from("192.0.2.77");
	return 0;
}
