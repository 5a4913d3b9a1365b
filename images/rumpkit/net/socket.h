/*
 * socket.h - a socket, and what each protocol does for it.
 *
 * The operations of a protocol never block: they say -EAGAIN, and the layer above waits on
 * the socket's queue and asks again.  Only copies from and to the application, and what they
 * may fault in, can sleep in between.
 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "kern.h"
#include "net.h"
#include "rumplib.h"
#include "rumpuser.h"

#define NET_BUFFER_BYTES 212992 /* Linux's default of SO_SNDBUF and SO_RCVBUF */

struct net_socket;

struct net_protocol {
	int (*bind)(struct net_socket *socket, const struct net_address *address);
	int (*listen)(struct net_socket *socket, int backlog);
	int (*accept)(struct net_socket *socket, struct net_socket **accepted);
	/* -EINPROGRESS: poll says when it is done, and error how. */
	int (*connect)(struct net_socket *socket, const struct net_address *address);
	bool (*connecting)(struct net_socket *socket);
	/* Bytes moved, or the error. */
	long (*send)(struct net_socket *socket, struct net_message *message);
	long (*receive)(struct net_socket *socket, struct net_message *message);
	int (*poll)(struct net_socket *socket);
	int (*shutdown)(struct net_socket *socket, int how);
	int (*name)(struct net_socket *socket, bool peer, struct net_address *address);
	/* What is not one of SOL_SOCKET's; NULL: nothing. */
	int (*get_option)(struct net_socket *socket, int level, int name, void *value,
	    uint32_t *bytes);
	int (*set_option)(struct net_socket *socket, int level, int name, const void *value,
	    uint32_t bytes);
	/* An option of SOL_SOCKET was changed; NULL: nobody minds. */
	void (*changed)(struct net_socket *socket);
	long (*ioctl)(struct net_socket *socket, unsigned command, long argument);
	/* The descriptor is closed; nonblocking: do not linger.  The socket's memory goes. */
	void (*destroy)(struct net_socket *socket, bool nonblocking);
};

struct net_socket {
	const struct net_protocol *protocol;
	struct vfs_queue queue;
	uint16_t family, type, number; /* as socket(2) was given them; number is resolved */
	uint16_t error;                /* pending, for SO_ERROR and the next call; positive */
	bool sends_not, receives_not;  /* shut down */
	bool stream;                   /* bytes, not messages */
	bool listening;
	bool receiving, receive_wanted; /* a thread is taking bytes; another wants to */
	bool reuse_address, reuse_port, keep_alive, broadcast, out_of_band_inline, dont_route;
	bool pass_credentials;
	uint16_t timestamp;            /* SO_TIMESTAMP or SO_TIMESTAMPNS, what messages come with; 0 */
	int32_t linger_s;              /* -1: SO_LINGER is off */
	int32_t priority, receive_least;
	uint32_t send_limit, receive_limit; /* bytes, as getsockopt shows them */
	int64_t send_timeout_ns, receive_timeout_ns; /* 0: none */
};

/* Fill in what all sockets begin with. */
void net_socket_init(struct net_socket *socket, const struct net_protocol *protocol,
    int family, int type, int number);
/* An open file for a socket; the socket is destroyed if that fails. */
int net_socket_open(struct net_socket *socket, uint32_t flags, struct vfs_file **file);
/* The socket of an open file, NULL if it is something else. */
struct net_socket *net_socket_of(struct vfs_file *file);

/* When a wait that begins now has to end; 0 means never. */
int64_t net_deadline_after(int64_t timeout_ns);
/* Sleep until something changes; -EAGAIN if this call may not, or not any longer; -EINTR. */
int net_wait_for_change(struct net_socket *socket, bool nonblocking, int64_t deadline_ns);

/* Append one control message; false (and MSG_CTRUNC) if there is no room for all of it. */
bool net_control_put(struct net_message *message, int level, int type, const void *data,
    size_t bytes);
/* The next control message that was sent, NULL at the end; *at is 0 at first.  *error: -EINVAL
 * if what there is cannot be one. */
const struct linux_cmsghdr *net_control_next(const struct net_message *message, size_t *at,
    int *error);

/* Set the pending error and wake who waits. */
void net_socket_fail(struct net_socket *socket, int error);
/* The pending error as a result, and clear it; 0 if there is none. */
int net_socket_take_error(struct net_socket *socket);

/* Value of an integer option, and its length; cut to the room there is. */
void net_option_put(void *value, uint32_t *bytes, int number);
int net_option_take(const void *value, uint32_t bytes, int *number);

/* SOL_SOCKET; -ENOPROTOOPT for what it does not know. */
int net_option_get_any(struct net_socket *socket, int name, void *value, uint32_t *bytes);
int net_option_set_any(struct net_socket *socket, int name, const void *value, uint32_t bytes);

/* Families.  Each makes a socket, or says -EPROTONOSUPPORT, -ESOCKTNOSUPPORT, -ENOMEM. */
int net_unix_make(int type, int number, struct net_socket **socket);
int net_unix_pair(int type, int number, struct net_socket *pair[2]);
int net_netlink_make(int type, int number, struct net_socket **socket);
int net_inet_make(int family, int type, int number, struct net_socket **socket);

/* Without lwIP these do nothing. */
void net_inet_create(const char *config);
/* Of any socket: netdevice(7). */
long net_inet_ioctl(unsigned command, long argument);
/* Move what has arrived, and what this guest has sent to itself.  Does not block. */
void net_inet_run(void);

#endif
