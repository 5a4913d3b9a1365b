/*
 * unix.h - sockets between programs of this guest: unix(7).
 */
#ifndef NET_UNIX_H
#define NET_UNIX_H

#include "socket.h"

struct unix_socket;

/* What one send put in: whole messages are taken out whole, streams byte by byte. */
struct unix_packet {
	struct unix_packet *next;
	size_t bytes, taken;
	struct unix_socket *sender;  /* a reference; for the address */
	struct linux_ucred credentials;
	struct vfs_file **files;     /* SCM_RIGHTS: a reference each */
	unsigned file_count;
	uint8_t data[];
};

struct unix_name {
	struct unix_name *next;      /* of all bound names */
	struct unix_socket *owner;
	struct vfs_node *node;       /* a reference; NULL for abstract names */
	size_t bytes;                /* of the path, as getsockname(2) gives it */
	char path[LINUX_UNIX_PATH_BYTES + 1];
};

struct unix_socket {
	struct net_socket base;
	unsigned references;         /* its descriptor, peers, packets on their way */
	bool dead;                   /* its descriptor is closed */
	bool connected;
	bool sender_waits;           /* for room in a queue */
	struct unix_socket *peer;    /* a reference */
	struct unix_socket *next, **slot; /* of all that have a descriptor */
	struct unix_name *name;      /* a connection shows its listener's */
	bool owns_name;
	struct linux_ucred peer_credentials;
	struct unix_packet *first_packet, **last_packet;
	size_t queued_bytes;
	unsigned queued_packets;
	/* Listening: connections nobody has accepted yet. */
	struct unix_socket *first_waiting, **last_waiting, *next_waiting;
	unsigned waiting, backlog;
};

static inline struct unix_socket *unix_of(struct net_socket *socket)
{
	return (struct unix_socket *)socket;
}

struct unix_socket *unix_get(struct unix_socket *socket);
void unix_put(struct unix_socket *socket);
struct linux_ucred unix_own_credentials(void);

/* unix.c: a new socket, NULL without memory; and two that are each other's peers. */
struct unix_socket *unix_make(int type);
void unix_join(struct unix_socket *one, struct unix_socket *other);

/* connect.c */
int unix_bind(struct net_socket *socket, const struct net_address *address);
int unix_listen(struct net_socket *socket, int backlog);
int unix_accept(struct net_socket *socket, struct net_socket **accepted);
int unix_connect(struct net_socket *socket, const struct net_address *address);
bool unix_connecting(struct net_socket *socket);

/* name.c: addresses.  The errors of bind(2) and connect(2). */
int unix_name_bind(struct unix_socket *socket, const struct net_address *address);
int unix_name_find(const struct net_address *address, struct unix_socket **found);
void unix_name_put(struct unix_socket *socket, struct net_address *address);
/* The name is free again for others; it still tells where messages came from. */
void unix_name_give_up(struct unix_socket *socket);
void unix_name_drop(struct unix_socket *socket);

/* packet.c: the queue of what has arrived. */
long unix_send(struct net_socket *socket, struct net_message *message);
long unix_receive(struct net_socket *socket, struct net_message *message);
void unix_packets_drop(struct unix_socket *socket);
/* More would have to wait for a reader. */
bool unix_is_full(const struct unix_socket *to, const struct unix_socket *from);

/* rights.c: descriptors and credentials beside the bytes. */
int unix_rights_take(struct unix_packet *packet, const struct net_message *message);
void unix_rights_give(struct unix_socket *socket, struct unix_packet *packet,
    struct net_message *message);
void unix_rights_drop(struct unix_packet *packet);

/* Senders that wait for room in this queue may try again. */
void unix_wake_senders(struct unix_socket *socket);

#endif
