/*
 * sockets_address.h - socket addresses of the application.
 */
#ifndef SYS_SOCKETS_ADDRESS_H
#define SYS_SOCKETS_ADDRESS_H

#include "net.h"

/* -EINVAL for an impossible length, -EFAULT. */
int sys_address_get(struct net_address *address, long user, uint32_t bytes);
/*
 * Write an address where the application wants it; *user_bytes is the room there, and becomes
 * the address's full length.  user may be 0: not wanted.
 */
int sys_address_put(const struct net_address *address, long user, long user_bytes);

#endif
