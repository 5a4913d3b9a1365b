/*
 * udp.c - what UDP and ICMP sockets do over the loopback: on Linux and in a guest the same
 * lines.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "report.h"

static struct sockaddr_in at(const char *ip, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, ip, &address.sin_addr);
	return address;
}

static struct sockaddr_in name_of(int descriptor)
{
	struct sockaddr_in address;
	socklen_t bytes = sizeof address;

	memset(&address, 0, sizeof address);
	getsockname(descriptor, (void *)&address, &bytes);
	return address;
}

static long soon(int descriptor, int events)
{
	struct pollfd entry = { descriptor, events, 0 };

	poll(&entry, 1, 1000);
	return mask(descriptor);
}

static void messages(void)
{
	struct sockaddr_in here = at("127.0.0.1", 16000), there, from;
	socklen_t bytes = sizeof from;
	int one = socket(AF_INET, SOCK_DGRAM, 0), two = socket(AF_INET, SOCK_DGRAM, 0);
	char text[64];
	int count;

	section("messages");
	note(mask(one));
	note(send(two, "x", 1, 0));
	note(name_of(two).sin_port != 0);
	note(recv(one, text, 1, MSG_DONTWAIT));
	note(getpeername(one, (void *)&from, &bytes));
	note(bind(one, (void *)&here, sizeof here));
	note(bind(one, (void *)&here, sizeof here));
	note(bind(two, (void *)&here, sizeof here));
	note(sendto(two, "hello", 5, 0, (void *)&here, sizeof here));
	note(sendto(two, "", 0, 0, (void *)&here, sizeof here));
	there = name_of(two);
	note(ntohl(there.sin_addr.s_addr));
	note(there.sin_port != 0);
	note(soon(one, POLLIN));
	note(number(ioctl(one, FIONREAD, &count), &count));
	note(recvfrom(one, text, 3, MSG_PEEK | MSG_TRUNC, (void *)&from, &bytes));
	note(recvfrom(one, text, 64, 0, (void *)&from, &bytes));
	note(ntohl(from.sin_addr.s_addr));
	note(from.sin_port == there.sin_port);
	note(bytes);
	note(recv(one, text, 64, MSG_DONTWAIT));
	note(recv(one, text, 64, MSG_DONTWAIT));
	note(connect(two, (void *)&here, sizeof here));
	there = name_of(two);
	note(ntohl(there.sin_addr.s_addr));
	note(write(two, "connected", 9));
	note(soon(one, POLLIN) & POLLIN);
	note(read(one, text, 4));
	show(text, 4);
	close(one);
	close(two);
}

static void refused(void)
{
	struct sockaddr_in nobody = at("127.0.0.1", 16001);
	int one = socket(AF_INET, SOCK_DGRAM, 0);
	char text[8];

	section("nobody there");
	note(sendto(one, "x", 1, 0, (void *)&nobody, sizeof nobody));
	note(recv(one, text, 8, MSG_DONTWAIT));
	note(connect(one, (void *)&nobody, sizeof nobody));
	note(write(one, "x", 1));
	note(soon(one, POLLIN));
	note(recv(one, text, 8, 0));
	note(write(one, "x", 1));
	note(write(one, "x", 1));
	note(write(one, "x", 1));
	nobody.sin_family = AF_UNSPEC;
	note(connect(one, (void *)&nobody, sizeof nobody));
	note(write(one, "x", 1));
	close(one);
}

static void sizes(void)
{
	static char big[70000];
	struct sockaddr_in here = at("127.0.0.1", 16002);
	int one = socket(AF_INET, SOCK_DGRAM, 0), two = socket(AF_INET, SOCK_DGRAM, 0);

	section("sizes");
	note(bind(one, (void *)&here, sizeof here));
	note(sendto(two, big, 65507, 0, (void *)&here, sizeof here));
	note(sendto(two, big, 65508, 0, (void *)&here, sizeof here));
	note(recv(one, big, sizeof big, 0));
	note(sendto(two, big, 10, MSG_OOB, (void *)&here, sizeof here));
	note(sendto(two, big, 10, 0, (void *)&here, 3));
	here.sin_port = 0;
	note(sendto(two, big, 10, 0, (void *)&here, sizeof here));
	here = at("255.255.255.255", 9);
	note(sendto(two, big, 10, 0, (void *)&here, sizeof here) == -1 && errno != 0);
	note(listen(two, 1));
	note(accept(two, NULL, NULL));
	note(shutdown(two, SHUT_RD));
	close(one);
	close(two);
}

static void several(void)
{
	struct sockaddr_in here = at("127.0.0.1", 16003), from[3];
	int one = socket(AF_INET, SOCK_DGRAM, 0), two = socket(AF_INET, SOCK_DGRAM, 0);
	struct iovec out[3] = { { "a", 1 }, { "bb", 2 }, { "ccc", 3 } }, in[3];
	struct mmsghdr send[3] = { 0 }, receive[3] = { 0 };
	char text[3][8];
	int i;

	section("several at once");
	bind(one, (void *)&here, sizeof here);
	for (i = 0; i < 3; i++) {
		send[i].msg_hdr = (struct msghdr){ &here, sizeof here, &out[i], 1 };
		in[i] = (struct iovec){ text[i], 2 };
		receive[i].msg_hdr = (struct msghdr){ &from[i], sizeof from[i], &in[i], 1 };
	}
	note(sendmmsg(two, send, 3, 0));
	note(send[2].msg_len);
	note(recvmmsg(one, receive, 3, MSG_WAITFORONE, NULL));
	note(receive[1].msg_len);
	note(receive[2].msg_len);
	note(receive[2].msg_hdr.msg_flags);
	note(receive[2].msg_hdr.msg_namelen);
	note(ntohl(from[2].sin_addr.s_addr));
	close(one);
	close(two);
}

static void six(void)
{
	struct sockaddr_in6 here = { .sin6_family = AF_INET6, .sin6_port = htons(16004) }, from;
	struct sockaddr_in four = at("127.0.0.1", 16004);
	socklen_t bytes = sizeof from;
	int one = socket(AF_INET6, SOCK_DGRAM, 0), two = socket(AF_INET, SOCK_DGRAM, 0);
	char text[INET6_ADDRSTRLEN];

	section("version 6");
	note(bind(one, (void *)&here, sizeof here));
	note(bind(two, (void *)&four, sizeof four));
	note(sendto(two, "x", 1, 0, (void *)&four, sizeof four));
	note(recvfrom(one, text, 8, 0, (void *)&from, &bytes));
	printf("%s\n", inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof text));
	close(two);
	two = socket(AF_INET6, SOCK_DGRAM, 0);
	here.sin6_addr = in6addr_loopback;
	note(sendto(two, "yy", 2, 0, (void *)&here, sizeof here));
	note(recvfrom(one, text, 8, 0, (void *)&from, &bytes));
	printf("%s\n", inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof text));
	note(connect(two, (void *)&here, sizeof here));
	note(write(two, "z", 1));
	note(recv(one, text, 8, 0));
	close(one);
	note(write(two, "z", 1));
	note(soon(two, POLLIN) & POLLERR);
	note(write(two, "z", 1));
	close(two);
}

static unsigned short checksum(const void *data, size_t bytes)
{
	const unsigned short *at = data;
	unsigned sum = 0;

	for (; bytes > 1; bytes -= 2)
		sum += *at++;
	sum = (sum & 0xffff) + (sum >> 16);
	return (unsigned short)~(sum + (sum >> 16));
}

static void ping(void)
{
	struct icmphdr ask = { .type = ICMP_ECHO, .un.echo = { htons(77), htons(1) } };
	struct sockaddr_in here = at("127.0.0.1", 0);
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), i;
	unsigned char packet[256];
	ssize_t got;

	section("ping");
	note(raw >= 0);
	ask.checksum = checksum(&ask, sizeof ask);
	note(sendto(raw, &ask, sizeof ask, 0, (void *)&here, sizeof here));
	for (i = 0; i < 2; i++) { /* the question is seen as well */
		got = recv(raw, packet, sizeof packet, 0);
		note(got);
		note(packet[0]);
		note(packet[9]);
		note(packet[20]);
		note(packet[24] << 8 | packet[25]);
	}
	close(raw);
}

static void interfaces(void)
{
	struct ifreq request;
	int one = socket(AF_INET, SOCK_DGRAM, 0);

	section("the loopback");
	memset(&request, 0, sizeof request);
	strcpy(request.ifr_name, "lo");
	note(ioctl(one, SIOCGIFINDEX, &request));
	note(request.ifr_ifindex);
	note(ioctl(one, SIOCGIFADDR, &request));
	note(ntohl(((struct sockaddr_in *)&request.ifr_addr)->sin_addr.s_addr));
	note(ioctl(one, SIOCGIFNETMASK, &request));
	note(ntohl(((struct sockaddr_in *)&request.ifr_addr)->sin_addr.s_addr));
	note(ioctl(one, SIOCGIFFLAGS, &request));
	note(request.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING));
	note(ioctl(one, SIOCGIFMTU, &request));
	note(request.ifr_mtu);
	note(if_nametoindex("lo"));
	strcpy(request.ifr_name, "nothing");
	note(ioctl(one, SIOCGIFINDEX, &request));
	close(one);
}

static void names(void)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_INET }, *found;
	struct servent *service;

	section("names");
	note(getaddrinfo("localhost", "http", &hints, &found));
	note(ntohs(((struct sockaddr_in *)found->ai_addr)->sin_port));
	note(ntohl(((struct sockaddr_in *)found->ai_addr)->sin_addr.s_addr));
	freeaddrinfo(found);
	service = getservbyname("domain", "udp");
	note(service ? ntohs(service->s_port) : 0);
	note(getprotobyname("icmp") ? getprotobyname("icmp")->p_proto : -2);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	signal(SIGPIPE, on_signal);
	messages();
	refused();
	sizes();
	several();
	six();
	ping();
	interfaces();
	names();
	return 0;
}
