/*
 * interfaces.c - what getifaddrs(3) finds of the loopback: on Linux and in a guest the same.
 */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static void show(const struct sockaddr *address, const struct sockaddr *mask)
{
	char text[INET6_ADDRSTRLEN], bits[INET6_ADDRSTRLEN];

	if (address->sa_family == AF_INET)
		printf(" %s %s", inet_ntop(AF_INET, &((struct sockaddr_in *)address)->sin_addr, text,
		    sizeof text), inet_ntop(AF_INET, &((struct sockaddr_in *)mask)->sin_addr, bits,
		    sizeof bits));
	else if (address->sa_family == AF_INET6)
		printf(" %s %s", inet_ntop(AF_INET6, &((struct sockaddr_in6 *)address)->sin6_addr, text,
		    sizeof text), inet_ntop(AF_INET6, &((struct sockaddr_in6 *)mask)->sin6_addr, bits,
		    sizeof bits));
}

int main(void)
{
	struct ifaddrs *all, *at;

	if (getifaddrs(&all)) {
		perror("getifaddrs");
		return 1;
	}
	for (at = all; at; at = at->ifa_next) {
		if (strcmp(at->ifa_name, "lo"))
			continue;
		printf("%s %d %#x", at->ifa_name, at->ifa_addr->sa_family,
		    at->ifa_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING));
		show(at->ifa_addr, at->ifa_netmask);
		printf("\n");
	}
	freeifaddrs(all);
	return 0;
}
