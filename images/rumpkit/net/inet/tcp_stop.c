/*
 * tcp_stop.c - the end of the guest: connections are closed, and their last bytes arrive.
 *
 * A kernel goes on sending for a program that has ended; this one ends with it.
 */
#include "inet/tcp.h"

#include "lwip/priv/tcp_priv.h"

#define WITHOUT_PROGRESS_NS 500000000ll
#define AT_MOST_NS 5000000000ll
#define STEP_NS 1000000l

/* Segments that are not acknowledged; what takes the loopback is no loss. */
static unsigned segments_left(void)
{
	unsigned left = 0;
	struct tcp_pcb *pcb;

	for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
		if (pcb->state != SYN_SENT && (pcb->unsent || pcb->unacked))
			left += pcb->snd_queuelen + 1u;
	return left;
}

static void close_all(void)
{
	struct tcp_pcb *pcb, *next;

	for (pcb = tcp_active_pcbs; pcb; pcb = next) {
		next = pcb->next;
		if (pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT)
			tcp_shutdown(pcb, 0, 1);
	}
}

void net_stop(void)
{
	int64_t start_ns = kern_monotonic_ns(), progress_ns = start_ns, now_ns = start_ns;
	unsigned left, before = ~0u;

	if (!inet_interface())
		return;
	close_all();
	net_inet_run();
	while ((left = segments_left()) && now_ns - progress_ns < WITHOUT_PROGRESS_NS &&
	    now_ns - start_ns < AT_MOST_NS) {
		if (left != before)
			progress_ns = now_ns;
		before = left;
		rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, 0, STEP_NS);
		net_inet_run();
		now_ns = kern_monotonic_ns();
	}
}
