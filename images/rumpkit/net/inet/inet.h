/*
 * inet.h - Internet sockets over lwIP's raw interface.
 *
 * lwIP is not re-entered: its functions are called by system calls and by the network's
 * thread, none of which is preempted, and nothing that may sleep (a copy from or to the
 * application) happens between a look at one of its objects and the use of it.
 */
#ifndef NET_INET_H
#define NET_INET_H

#include "socket.h"

#include "lwip/ip.h"
#include "lwip/pbuf.h"

struct netif;

/* Make lwIP ready, with the loopback interface; once is enough.  0 or -ENOMEM. */
int inet_start(void);

/* lwIP's error numbers as Linux's, negative. */
int inet_error(err_t error);

/*
 * An address of the application for a socket of a family; IPv4 addresses written as IPv6 ones
 * become IPv4 again.  -EINVAL, -EAFNOSUPPORT.
 */
int inet_address_get(const struct net_socket *socket, const struct net_address *address,
    ip_addr_t *ip, uint16_t *port);
/* The other way, in the form of the socket's family. */
void inet_address_put(const struct net_socket *socket, const ip_addr_t *ip, uint16_t port,
    struct net_address *address);
/* Is this address one of the guest's, or any of them? */
bool inet_is_own(const ip_addr_t *ip);
/* The type of lwIP address an unbound socket of a family has. */
uint8_t inet_any_type(const struct net_socket *socket, bool only_v6);

/* tcp.c, datagram.c: making sockets. */
int inet_tcp_make(int family, struct net_socket **socket);
int inet_datagram_make(int family, int type, int number, struct net_socket **socket);

/* A message says that what a local port sent did not arrive: errno. */
void inet_tcp_unreachable(uint16_t local_port, const ip_addr_t *to, uint16_t port, int error);
void inet_datagram_unreachable(uint16_t local_port, const ip_addr_t *to, uint16_t port,
    int error);
int inet_errors_listen(void);

/* interface.c: the virtio interface.  hostname stays the caller's.  -ENODEV: there is none. */
int inet_interface_open(const char *hostname);
/* NULL if it is not open. */
struct netif *inet_interface(void);
/* What programs call an interface by: the loopback is 1. */
int inet_interface_number(const struct netif *netif);
/* Feed what has come in; true: so much that more may be there. */
bool inet_interface_receive(void);
void inet_interface_flush(void);
/* From now on inet_thread_input is called when frames come in; false: some are there. */
bool inet_interface_may_sleep(void);

/* thread.c */
int inet_thread_start(void);
/* lwIP may have a timer that is due before the thread's sleep ends. */
void inet_thread_remind(void);
/* From interrupts too: frames have come in. */
void inet_thread_input(void *unused);

/* system.c: the clock stands still for lwIP, for two looks at it that are one. */
void inet_clock_hold(void);
void inet_clock_go_on(void);

/* resolver.c: name servers, for /etc/resolv.conf, and the other files resolvers read. */
void inet_resolver_add(const char *address);
int inet_files_make(void);

#endif
