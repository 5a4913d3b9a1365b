/*
 * wait.c - places where threads sleep, and the clocks.
 *
 * Each thread has one condition variable.  kern_wake may be called from interrupts,
 * which is safe because the factions never run with interrupts on.
 */
#include "process.h"

struct rumpuser_mtx *kern_lock;

int64_t kern_monotonic_ns(void)
{
	int64_t seconds;
	long nanoseconds;

	rumpuser_clock_gettime(RUMPUSER_CLOCK_ABSMONO, &seconds, &nanoseconds);
	return seconds * KERN_NS_PER_S + nanoseconds;
}

int64_t kern_wall_ns(void)
{
	int64_t seconds;
	long nanoseconds;

	rumpuser_clock_gettime(RUMPUSER_CLOCK_RELWALL, &seconds, &nanoseconds);
	return seconds * KERN_NS_PER_S + nanoseconds;
}

bool kern_interrupted(void)
{
	return kern_signal_pending(kern_current()) || kern_current()->must_exit;
}

static void link_waiter(struct kern_wait *where, struct kern_waiter *waiter)
{
	struct kern_waiter **end = &where->first;

	while (*end)
		end = &(*end)->next;
	waiter->next = NULL;
	waiter->where = where;
	waiter->woken = false;
	*end = waiter;
}

static void unlink_waiter(struct kern_waiter *waiter)
{
	struct kern_waiter **at = &waiter->where->first;

	while (*at && *at != waiter)
		at = &(*at)->next;
	if (*at)
		*at = waiter->next;
	waiter->where = NULL;
}

static int sleep_until(struct kern_thread *thread, int64_t deadline_ns)
{
	int64_t left;

	if (deadline_ns == KERN_FOREVER) {
		rumpuser_cv_wait(thread->cv, kern_lock);
		return 0;
	}
	left = deadline_ns - kern_monotonic_ns();
	if (left <= 0)
		return -ETIMEDOUT;
	rumpuser_cv_timedwait(thread->cv, kern_lock, left / KERN_NS_PER_S, left % KERN_NS_PER_S);
	return 0;
}

int kern_wait(struct kern_wait *where, int64_t deadline_ns)
{
	struct kern_thread *thread = kern_current();
	struct kern_waiter *waiter = &thread->waiter;
	int result = 0;

	rumpuser_mutex_enter(kern_lock);
	link_waiter(where, waiter);
	while (!waiter->woken && !result) {
		if (kern_signal_pending(thread) || thread->must_exit)
			result = -EINTR;
		else
			result = sleep_until(thread, deadline_ns);
	}
	if (waiter->woken)
		result = 0;
	else
		unlink_waiter(waiter);
	rumpuser_mutex_exit(kern_lock);
	return result;
}

void kern_wait_uninterrupted(struct kern_wait *where)
{
	struct kern_waiter *waiter = &kern_current()->waiter;

	rumpuser_mutex_enter(kern_lock);
	link_waiter(where, waiter);
	while (!waiter->woken)
		rumpuser_cv_wait(waiter->thread->cv, kern_lock);
	rumpuser_mutex_exit(kern_lock);
}

void kern_wake(struct kern_wait *where, int count)
{
	while (where->first && count-- > 0) {
		struct kern_waiter *waiter = where->first;

		where->first = waiter->next;
		waiter->where = NULL;
		waiter->woken = true;
		rumpuser_cv_signal(waiter->thread->cv);
	}
}
