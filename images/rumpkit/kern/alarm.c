/*
 * alarm.c - ITIMER_REAL: a signal to the process when its time has come.
 *
 * One kernel thread, made for the first timer there is, sleeps until the next is due.
 */
#include "process.h"

#define SIGALRM 14
#define SI_KERNEL 0x80

static struct rumpuser_cv *changed;

static int64_t fire_due(void)
{
	const struct kern_siginfo info = { .code = SI_KERNEL };
	int64_t now = kern_monotonic_ns(), next = KERN_FOREVER;

	for (struct kern_process *process = kern_processes; process; process = process->next) {
		if (process->alarm_ns && process->alarm_ns <= now) {
			kern_signal_send_process(process, SIGALRM, &info);
			process->alarm_ns = process->alarm_interval_ns ?
			    now + process->alarm_interval_ns : 0;
		}
		if (process->alarm_ns && process->alarm_ns < next)
			next = process->alarm_ns;
	}
	return next;
}

static void *run(void *argument)
{
	(void)argument;
	rumpuser_mutex_enter(kern_lock);
	for (;;) {
		int64_t next = fire_due(), left;

		if (next == KERN_FOREVER) {
			rumpuser_cv_wait(changed, kern_lock);
			continue;
		}
		left = next - kern_monotonic_ns();
		if (left > 0)
			rumpuser_cv_timedwait(changed, kern_lock, left / KERN_NS_PER_S,
			    left % KERN_NS_PER_S);
	}
	return NULL;
}

void kern_alarm_get(const struct kern_process *process, int64_t *left_ns, int64_t *interval_ns)
{
	*left_ns = process->alarm_ns ? process->alarm_ns - kern_monotonic_ns() : 0;
	/* One that is due this moment is not yet none. */
	if (process->alarm_ns && *left_ns < 1000)
		*left_ns = 1000;
	*interval_ns = process->alarm_interval_ns;
}

int kern_alarm_set(struct kern_process *process, int64_t first_ns, int64_t interval_ns)
{
	process->alarm_ns = first_ns ? kern_monotonic_ns() + first_ns : 0;
	process->alarm_interval_ns = interval_ns;
	if (!first_ns && !changed)
		return 0;
	if (!changed) {
		rumpuser_cv_init(&changed);
		if (rumpuser_thread_create(run, NULL, "timers", 0, 0, -1, NULL))
			return -EAGAIN;
	}
	rumpuser_cv_signal(changed);
	return 0;
}
