/*
 * net_abi.h - the numbers and structures of Linux's sockets, x86-64.
 *
 * Written from the section 2 and 7 manual pages: socket(2), socket(7), ip(7), ipv6(7),
 * tcp(7), udp(7), unix(7), netlink(7), rtnetlink(7), netdevice(7).  The tests run the same
 * programs on Linux, where a wrong number here shows as a difference.
 */
#ifndef NET_ABI_H
#define NET_ABI_H

#include <stddef.h>
#include <stdint.h>

#include "linux_abi.h"

#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16

#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define SOCK_SEQPACKET 5
#define SOCK_TYPE_MASK 0xf
#define SOCK_NONBLOCK O_NONBLOCK
#define SOCK_CLOEXEC O_CLOEXEC

#define IPPROTO_IP 0
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_IPV6 41
#define IPPROTO_ICMPV6 58
#define IPPROTO_MAX 256

#define SHUT_RD 0
#define SHUT_WR 1
#define SHUT_RDWR 2

#define MSG_OOB 0x1u
#define MSG_PEEK 0x2u
#define MSG_DONTROUTE 0x4u
#define MSG_CTRUNC 0x8u
#define MSG_TRUNC 0x20u
#define MSG_DONTWAIT 0x40u
#define MSG_EOR 0x80u
#define MSG_WAITALL 0x100u
#define MSG_ERRQUEUE 0x2000u
#define MSG_NOSIGNAL 0x4000u
#define MSG_MORE 0x8000u
#define MSG_WAITFORONE 0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u

#define SOL_SOCKET 1
#define SO_DEBUG 1
#define SO_REUSEADDR 2
#define SO_TYPE 3
#define SO_ERROR 4
#define SO_DONTROUTE 5
#define SO_BROADCAST 6
#define SO_SNDBUF 7
#define SO_RCVBUF 8
#define SO_KEEPALIVE 9
#define SO_OOBINLINE 10
#define SO_PRIORITY 12
#define SO_LINGER 13
#define SO_REUSEPORT 15
#define SO_PASSCRED 16
#define SO_PEERCRED 17
#define SO_RCVLOWAT 18
#define SO_SNDLOWAT 19
#define SO_RCVTIMEO 20
#define SO_SNDTIMEO 21
#define SO_BINDTODEVICE 25
#define SO_TIMESTAMP 29
#define SO_TIMESTAMPNS 35
#define SO_ACCEPTCONN 30
#define SO_PEERSEC 31
#define SO_SNDBUFFORCE 32
#define SO_RCVBUFFORCE 33
#define SO_PROTOCOL 38
#define SO_DOMAIN 39

#define SCM_RIGHTS 1
#define SCM_CREDENTIALS 2

#define TCP_NODELAY 1
#define TCP_MAXSEG 2
#define TCP_CORK 3
#define TCP_KEEPIDLE 4
#define TCP_KEEPINTVL 5
#define TCP_KEEPCNT 6
#define TCP_SYNCNT 7
#define TCP_LINGER2 8
#define TCP_DEFER_ACCEPT 9
#define TCP_INFO 11
#define TCP_QUICKACK 12
#define TCP_CONGESTION 13
#define TCP_USER_TIMEOUT 18
#define TCP_FASTOPEN 23

#define IP_TOS 1
#define IP_TTL 2
#define IP_PKTINFO 8
#define IP_MTU_DISCOVER 10
#define IP_RECVERR 11
#define IP_RECVTTL 12
#define IP_RECVTOS 13
#define IP_MTU 14
#define IP_MULTICAST_IF 32
#define IP_MULTICAST_TTL 33
#define IP_MULTICAST_LOOP 34
#define IPV6_UNICAST_HOPS 16
#define IPV6_RECVERR 25
#define IPV6_V6ONLY 26
#define IPV6_RECVPKTINFO 49
#define IPV6_PKTINFO 50
#define IPV6_RECVHOPLIMIT 51
#define IPV6_HOPLIMIT 52
#define IPV6_RECVTCLASS 66
#define IPV6_TCLASS 67

struct linux_sockaddr_in {
	uint16_t family;
	uint16_t port;    /* network order */
	uint32_t address; /* network order */
	uint8_t zero[8];
};

struct linux_sockaddr_in6 {
	uint16_t family;
	uint16_t port;    /* network order */
	uint32_t flow;
	uint32_t address[4]; /* network order */
	uint32_t scope;
};

#define LINUX_UNIX_PATH_BYTES 108
struct linux_sockaddr_un {
	uint16_t family;
	char path[LINUX_UNIX_PATH_BYTES]; /* "" first: an abstract name of all bytes given */
};

struct linux_sockaddr_nl {
	uint16_t family;
	uint16_t pad;
	uint32_t port;
	uint32_t groups;
};

#define LINUX_SOCKADDR_BYTES 128 /* sockaddr_storage */

struct linux_msghdr {
	void *name;
	uint32_t name_bytes;
	uint32_t pad0;
	struct linux_iovec *vector;
	size_t vector_count;
	void *control;
	size_t control_bytes;
	uint32_t flags;
	uint32_t pad1;
};

struct linux_mmsghdr {
	struct linux_msghdr header;
	uint32_t bytes;
	uint32_t pad;
};

struct linux_cmsghdr {
	size_t bytes; /* with this header */
	int32_t level;
	int32_t type;
};
#define LINUX_CMSG_ALIGN(bytes) (((bytes) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))

/* Where a datagram came to, or is to come from: ip(7), ipv6(7). */
struct linux_in_pktinfo {
	int32_t interface;
	uint32_t local, address; /* network order */
};
struct linux_in6_pktinfo {
	uint32_t address[4]; /* network order */
	uint32_t interface;
};

struct linux_ucred {
	int32_t pid;
	uint32_t uid, gid;
};

struct linux_linger {
	int32_t on;
	int32_t seconds;
};

/* ---- netdevice(7) ------------------------------------------------------------------ */

#define SIOCOUTQ 0x5411
#define SIOCINQ 0x541b
#define SIOCATMARK 0x8905
#define SIOCGIFNAME 0x8910
#define SIOCGIFCONF 0x8912
#define SIOCGIFFLAGS 0x8913
#define SIOCGIFADDR 0x8915
#define SIOCGIFDSTADDR 0x8917
#define SIOCGIFBRDADDR 0x8919
#define SIOCGIFNETMASK 0x891b
#define SIOCGIFMETRIC 0x891d
#define SIOCGIFMTU 0x8921
#define SIOCGIFHWADDR 0x8927
#define SIOCGIFINDEX 0x8933
#define SIOCGIFTXQLEN 0x8942

#define LINUX_IFNAMSIZ 16
struct linux_ifreq {
	char name[LINUX_IFNAMSIZ];
	union {
		struct linux_sockaddr_in address;
		struct { uint16_t family; uint8_t bytes[14]; } hardware;
		int16_t flags;
		int32_t number;
		uint8_t room[24];
	};
};

struct linux_ifconf {
	int32_t bytes;
	int32_t pad;
	struct linux_ifreq *requests;
};

#define IFF_UP 0x1
#define IFF_BROADCAST 0x2
#define IFF_LOOPBACK 0x8
#define IFF_RUNNING 0x40
#define IFF_MULTICAST 0x1000
#define IFF_LOWER_UP 0x10000
#define ARPHRD_ETHER 1
#define ARPHRD_LOOPBACK 772

_Static_assert(sizeof(struct linux_sockaddr_in) == 16, "struct sockaddr_in");
_Static_assert(sizeof(struct linux_sockaddr_in6) == 28, "struct sockaddr_in6");
_Static_assert(sizeof(struct linux_sockaddr_un) == 110, "struct sockaddr_un");
_Static_assert(sizeof(struct linux_msghdr) == 56, "struct msghdr");
_Static_assert(sizeof(struct linux_mmsghdr) == 64, "struct mmsghdr");
_Static_assert(sizeof(struct linux_ifreq) == 40, "struct ifreq");

#endif
