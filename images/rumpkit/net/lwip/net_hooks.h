/*
 * net_hooks.h - where lwIP asks the runtime.
 */
#ifndef NET_HOOKS_H
#define NET_HOOKS_H

#include <stdint.h>

struct netif;
struct ip_addr;
struct pbuf;

/* A connection's first sequence number, which a stranger shall not guess (RFC 6528). */
uint32_t net_random(void);
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) net_random()

/* A packet has come in, of which nothing is checked but the version.  0: lwIP goes on. */
int net_packet4(struct pbuf *packet);
int net_packet6(struct pbuf *packet);
#define LWIP_HOOK_IP4_INPUT(packet, netif) net_packet4(packet)
#define LWIP_HOOK_IP6_INPUT(packet, netif) net_packet6(packet)

#endif
