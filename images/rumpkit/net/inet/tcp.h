/*
 * tcp.h - a TCP socket.
 */
#ifndef NET_TCP_H
#define NET_TCP_H

#include "inet/inet.h"

#include "lwip/tcp.h"

enum tcp_stage { TCP_FRESH, TCP_LISTENING, TCP_CONNECTING, TCP_CONNECTED, TCP_OVER };

struct tcp_socket {
	struct net_socket base;
	enum tcp_stage stage;
	struct tcp_pcb *pcb;         /* NULL once the connection is over */
	bool only_v6, bound;
	bool peer_closed;            /* its FIN has arrived */
	bool connect_told;           /* connect(2) has said that it is done */
	bool no_delay, cork;
	uint16_t keep_idle_s, keep_interval_s, keep_count;
	uint8_t ttl, tos;
	uint32_t user_timeout_ms;
	ip_addr_t local_ip, remote_ip;   /* what the names are; the pcb may be gone */
	uint16_t local_port, remote_port;
	/* What has arrived: pbufs linked by next; tot_len means nothing here. */
	struct pbuf *first_input, *last_input;
	size_t input_offset;         /* bytes of the first that are read */
	size_t input_bytes;
	/* Listening: connections nobody has accepted yet. */
	struct tcp_socket *first_waiting, **last_waiting, *next_waiting;
	unsigned waiting, backlog;
};

static inline struct tcp_socket *tcp_of(struct net_socket *socket)
{
	return (struct tcp_socket *)socket;
}

#define TCP_FIRST_RTO (1000 / TCP_SLOW_INTERVAL) /* RFC 6298: one second */

/* Both sides have said that they send no more, and know it. */
static inline bool tcp_is_closed(const struct tcp_socket *socket)
{
	return !socket->pcb || socket->pcb->state == TIME_WAIT;
}

extern const struct net_protocol inet_tcp_protocol;

struct tcp_socket *tcp_socket_make(int family);
/* Make a pcb tell this socket of what happens. */
void tcp_attach(struct tcp_socket *socket, struct tcp_pcb *pcb);
/* The pcb forgets the socket. */
void tcp_detach(struct tcp_socket *socket);
/* Pass the socket's options on to its pcb. */
void tcp_apply(struct net_socket *socket);
/* Bytes that may be written now. */
size_t tcp_room(const struct tcp_socket *socket);

/* Keep the pcb's addresses, for when it is gone. */
void tcp_note_names(struct tcp_socket *socket);

/* tcp_connect.c */
int tcp_socket_connect(struct net_socket *socket, const struct net_address *address);
bool tcp_connecting(struct net_socket *socket);
/* lwIP's callback. */
err_t tcp_on_connected(void *argument, struct tcp_pcb *pcb, err_t error);

/* tcp_end.c */
int tcp_socket_shutdown(struct net_socket *socket, int how);
void tcp_socket_destroy(struct net_socket *socket, bool nonblocking);

/* tcp_listen.c */
int tcp_socket_bind(struct net_socket *socket, const struct net_address *address);
int tcp_socket_listen(struct net_socket *socket, int backlog);
int tcp_socket_accept(struct net_socket *socket, struct net_socket **accepted);
void tcp_stop_listening(struct tcp_socket *socket);

/* time_wait.c: of too many of those that wait for stray segments the longest waiting goes. */
void tcp_trim_time_wait(void);

/* tcp_io.c */
long tcp_socket_send(struct net_socket *socket, struct net_message *message);
long tcp_socket_receive(struct net_socket *socket, struct net_message *message);
void tcp_drop_input(struct tcp_socket *socket);
/* lwIP's receive callback. */
err_t tcp_on_input(void *argument, struct tcp_pcb *pcb, struct pbuf *input, err_t error);

/* tcp_options.c */
int tcp_get_option(struct net_socket *socket, int level, int name, void *value,
    uint32_t *bytes);
int tcp_set_option(struct net_socket *socket, int level, int name, const void *value,
    uint32_t bytes);

#endif
