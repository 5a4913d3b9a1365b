/*
 * lwipopts.h - how lwIP is built into the runtime.
 *
 * Without an operating system below it (NO_SYS): the runtime is not preempted, so system
 * calls use the raw interface directly, and one thread runs the timers.  Every object comes
 * from the runtime's memory, within the limit that net_memory_limit sets.
 */
#ifndef NET_LWIPOPTS_H
#define NET_LWIPOPTS_H

#include "net_memory.h"

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_STATS 0
#define LWIP_SINGLE_NETIF 0

/* In this runtime sys_ is the prefix of system calls; lwIP's timers are of the layer net. */
#define sys_now net_now
#define sys_timeout net_timeout
#define sys_timeout_abs net_timeout_abs
#define sys_untimeout net_untimeout
#define sys_timeouts_init net_timeouts_init
#define sys_timeouts_sleeptime net_timeouts_sleeptime
#define sys_check_timeouts net_check_timeouts
#define sys_restart_timeouts net_restart_timeouts

/* Memory: no pools, so that nothing is reserved in a guest that uses no network. */
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8
#define mem_clib_malloc net_memory_alloc
#define mem_clib_calloc net_memory_calloc
#define mem_clib_free net_memory_free
#define PBUF_POOL_SIZE 0
#define LWIP_SUPPORT_CUSTOM_PBUF 1

/* Interfaces. */
#define LWIP_ETHERNET 1
#define LWIP_ARP 1
#define ARP_QUEUEING 1
#define ARP_TABLE_SIZE 64
#define ETHARP_TABLE_MATCH_NETIF 1
#define ETH_PAD_SIZE 0
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_LOOPBACK_MAX_PBUFS 0
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_TX_SINGLE_PBUF 0
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1

/* Internet protocol. */
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_IPV6_NUM_ADDRESSES 4
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0 /* a second of the start; the MAC is random */
#define LWIP_IPV6_MLD 0 /* its timer would wake an idle guest ten times a second */
#define LWIP_IPV6_DHCP6 0
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 3
#define IP_REASSEMBLY 1
#define IP_REASS_MAX_PBUFS 128
#define MEMP_NUM_REASSDATA 32
#define IP_FRAG 1
#define IPV6_FRAG_COPYHEADER 1 /* 64-bit pointers do not fit into a header */
#define LWIP_ICMP 1
#define LWIP_MULTICAST_PING 0
#define LWIP_BROADCAST_PING 0
#define LWIP_IGMP 0
#define LWIP_RAW 1
#define LWIP_UDP 1
#define LWIP_UDPLITE 0
#define IP_SOF_BROADCAST 1
#define IP_SOF_BROADCAST_RECV 0
#define SO_REUSE 1
#define LWIP_DHCP 1
#define DHCP_DOES_ARP_CHECK 0
#define LWIP_DHCP_DOES_ACD_CHECK 0
#define LWIP_ACD 0
#define LWIP_AUTOIP 0
#define LWIP_DHCP_MAX_DNS_SERVERS 3
#define DNS_MAX_SERVERS 3
#define LWIP_DNS 1 /* only to learn of servers: the C library asks them, see resolver.c */

/* TCP.  The window and the send buffer are what bulk transfer over 100 ms needs at best. */
#define LWIP_TCP 1
#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 3
#define TCP_WND (256 * 1024)
#define TCP_SND_BUF (256 * 1024)
#define TCP_SND_QUEUELEN 1024
#define TCP_SNDLOWAT (48 * 1024)
#define TCP_SNDQUEUELOWAT (TCP_SND_QUEUELEN / 3)
#define MEMP_NUM_TCP_SEG 2048
#define TCP_OVERSIZE TCP_MSS
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_BYTES TCP_WND
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 0
#define LWIP_TCP_KEEPALIVE 1
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1 /* tells when a pcb goes, also from TIME_WAIT */
#define TCP_LISTEN_BACKLOG 1
#define TCP_TMR_INTERVAL 100 /* ms: delayed acknowledgements; lost segments after 200 */
#define TCP_MSL 30000        /* ms: Linux's TIME_WAIT is a minute */
#define TCP_SYNMAXRTX 6
#define TCP_MAXRTX 12
#define TCP_CALCULATE_EFF_SEND_MSS 1
#define LWIP_HOOK_FILENAME "net_hooks.h"
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1

#define LWIP_CHKSUM net_checksum

#endif
