/*
 * net_hooks.h - where lwIP asks the runtime.
 */
#ifndef NET_HOOKS_H
#define NET_HOOKS_H

#include <stdint.h>

struct netif;
struct ip_addr;

/* A connection's first sequence number, which a stranger shall not guess (RFC 6528). */
uint32_t net_random(void);
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) net_random()

#endif
