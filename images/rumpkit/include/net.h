/*
 * net.h - what the network faction offers the others: sockets.
 *
 * A socket is an open file (vfs_file.h), so that descriptors, poll and epoll need know
 * nothing of networks.  Addresses, options and control data are in kernel memory here; what
 * a struct vfs_io points at is the application's.  Errors are negative Linux numbers, as the
 * manual pages in section 2 say; -ENOTSOCK for a file that is none.  Calls block unless the
 * file or MSG_DONTWAIT says no; -EINTR for a signal, -EAGAIN when a SO_*TIMEO has passed.
 */
#ifndef NET_H
#define NET_H

#include <stdbool.h>

#include "net_abi.h"
#include "rumplib.h"
#include "vfs_file.h"

/*
 * Once, before the application starts: the interfaces that the configuration names get their
 * addresses.  Waits for a DHCP server's answer, but not for ever; says on the console what
 * could not be had.
 */
RUMP_PART void net_create(void);

/* The guest is about to end: what was sent gets time to arrive, as long as some of it does. */
RUMP_PART void net_stop(void);

struct net_address {
	uint32_t bytes; /* 0: none */
	union {
		uint16_t family;
		uint8_t data[LINUX_SOCKADDR_BYTES];
		struct linux_sockaddr_in in;
		struct linux_sockaddr_in6 in6;
		struct linux_sockaddr_un un;
		struct linux_sockaddr_nl nl;
	};
};

struct net_message {
	struct vfs_io *io;
	struct net_address *address; /* where to; or filled with where from.  NULL: do not care */
	void *control;               /* NULL: none */
	size_t control_bytes;        /* given, or room */
	size_t control_used;         /* filled in by a receive */
	uint32_t flags;              /* MSG_* */
	uint32_t result_flags;       /* MSG_* that recvmsg(2) returns */
};

bool net_is_socket(struct vfs_file *file);

/* type without SOCK_NONBLOCK and SOCK_CLOEXEC; flags: O_NONBLOCK. */
int net_socket(int family, int type, int protocol, uint32_t flags, struct vfs_file **file);
int net_pair(int family, int type, int protocol, uint32_t flags, struct vfs_file *pair[2]);
int net_bind(struct vfs_file *file, const struct net_address *address);
int net_listen(struct vfs_file *file, int backlog);
int net_accept(struct vfs_file *file, uint32_t flags, struct vfs_file **accepted,
    struct net_address *peer);
int net_connect(struct vfs_file *file, const struct net_address *address);
long net_send(struct vfs_file *file, struct net_message *message);
long net_receive(struct vfs_file *file, struct net_message *message);
int net_shutdown(struct vfs_file *file, int how);
int net_name(struct vfs_file *file, bool peer, struct net_address *address);
/* *bytes: room for the value, then its length. */
int net_get_option(struct vfs_file *file, int level, int name, void *value, uint32_t *bytes);
int net_set_option(struct vfs_file *file, int level, int name, const void *value,
    uint32_t bytes);

#endif
