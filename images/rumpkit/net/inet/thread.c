/*
 * thread.c - the network's thread: timers, and frames that come in while nobody asks.
 *
 * A system call moves packets itself (net_inet_run); the thread is for the time in which all
 * other threads sleep.  It sleeps until lwIP's next timer is due, or for ever while there is
 * no interface but the loopback and no connection: an idle guest is to be idle.
 */
#include "inet/inet.h"

#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"

#define NS_PER_MS 1000000ll
#define MS_PER_S 1000

static struct rumpuser_mtx *mutex;
static struct rumpuser_cv *something;
static bool started, running;
static bool input_is_there;
static uint32_t sleeps_until_ms; /* lwIP's time, while the thread sleeps */
static bool sleeps, sleeps_for_ever, sleeps_with_tcp;

/* Once a sleep: until it runs, frames and timers may come many times. */
static void wake(void)
{
	if (sleeps)
		rumpuser_cv_signal(something);
	sleeps = false;
}

void inet_thread_input(void *unused)
{
	(void)unused;
	input_is_there = true;
	wake();
}

static bool has_tcp_timer(void)
{
	return tcp_active_pcbs || tcp_tw_pcbs;
}

static bool has_timers(void)
{
	return inet_interface() || has_tcp_timer();
}

/*
 * lwIP's timers run all the time, but for TCP's, which begins with the first connection:
 * if there was one when the thread fell asleep, nothing is due earlier now.
 */
void inet_thread_remind(void)
{
	uint32_t next_ms;

	if (!sleeps || sleeps_with_tcp || !has_timers())
		return;
	next_ms = sys_now() + sys_timeouts_sleeptime();
	if (sleeps_for_ever || (int32_t)(sleeps_until_ms - next_ms) > 0)
		wake();
}

/* Packets of the loopback are delivered here, not inside the call that sent them. */
void net_inet_run(void)
{
	bool more;

	if (!started || running)
		return;
	running = true;
	do {
		more = inet_interface_receive();
		netif_poll_all();
	} while (more);
	inet_interface_flush();
	running = false;
	inet_thread_remind();
}

static void sleep(void)
{
	uint32_t for_ms;

	if (input_is_there || !inet_interface_may_sleep())
		return;
	sleeps = true;
	sleeps_for_ever = !has_timers();
	sleeps_with_tcp = has_tcp_timer();
	if (sleeps_for_ever) {
		rumpuser_cv_wait(something, mutex);
	} else {
		inet_clock_hold();
		for_ms = sys_timeouts_sleeptime();
		sleeps_until_ms = sys_now() + for_ms;
		inet_clock_go_on();
		if (for_ms)
			rumpuser_cv_timedwait(something, mutex, for_ms / MS_PER_S,
			    for_ms % MS_PER_S * NS_PER_MS);
	}
	sleeps = false;
}

static void *work(void *unused)
{
	(void)unused;
	rumpuser_mutex_enter(mutex);
	for (;;) {
		input_is_there = false;
		running = true;
		sys_check_timeouts();
		running = false;
		net_inet_run();
		sleep();
	}
	return NULL;
}

int inet_start(void)
{
	void *cookie;

	if (started)
		return 0;
	rumpuser_mutex_init(&mutex, RUMPUSER_MTX_KMUTEX);
	rumpuser_cv_init(&something);
	lwip_init();
	NETIF_SET_CHECKSUM_CTRL(netif_list, NETIF_CHECKSUM_DISABLE_ALL);
	started = true;
	if (inet_errors_listen() ||
	    rumpuser_thread_create(work, NULL, "network", 0, 0, -1, &cookie))
		return -ENOMEM;
	return 0;
}

int net_inet_make(int family, int type, int number, struct net_socket **socket)
{
	int error = inet_start();

	if (error)
		return error;
	if (type == SOCK_STREAM) {
		if (number && number != IPPROTO_TCP)
			return number < IPPROTO_MAX && number > 0 ? -EPROTONOSUPPORT : -EINVAL;
		return inet_tcp_make(family, socket);
	}
	if (number < 0 || number >= IPPROTO_MAX)
		return -EINVAL;
	return inet_datagram_make(family, type, number, socket);
}
