/*
 * time.c - system calls about time.
 */
#include "sys.h"

#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID 3
#define CLOCK_MONOTONIC_RAW 4
#define CLOCK_REALTIME_COARSE 5
#define CLOCK_MONOTONIC_COARSE 6
#define CLOCK_BOOTTIME 7
#define TIMER_ABSTIME 1
#define TICKS_PER_S 100

struct seconds {
	int64_t seconds, rest;
};

int sys_copyin_timespec(const void *user, int64_t *ns)
{
	struct seconds time;

	if (kern_copyin(user, &time, sizeof(time)))
		return -EFAULT;
	if (time.seconds < 0 || time.rest < 0 || time.rest >= KERN_NS_PER_S)
		return -EINVAL;
	*ns = time.seconds > INT64_MAX / KERN_NS_PER_S / 2 ? INT64_MAX / 2 :
	    time.seconds * KERN_NS_PER_S + time.rest;
	return 0;
}

int sys_copyout_timespec(int64_t ns, void *user)
{
	struct seconds time = { ns / KERN_NS_PER_S, ns % KERN_NS_PER_S };

	return kern_copyout(&time, user, sizeof(time));
}

static int read_clock(long clock, int64_t *ns)
{
	switch (clock) {
	case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE:
		*ns = kern_wall_ns();
		return 0;
	case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_RAW: case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = kern_monotonic_ns();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*ns = kern_process_cpu_ns(kern_process);
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = (int64_t)rumpcomp_thread_cpu_ns();
		return 0;
	}
	return -EINVAL;
}

long sys_clock_gettime(SYS2(clock, user))
{
	int64_t ns;

	if (read_clock(clock, &ns))
		return -EINVAL;
	return sys_copyout_timespec(ns, (void *)user);
}

long sys_clock_getres(SYS2(clock, user))
{
	int64_t ns;

	if (read_clock(clock, &ns))
		return -EINVAL;
	return user ? sys_copyout_timespec(1, (void *)user) : 0;
}

long sys_gettimeofday(SYS1(user))
{
	int64_t ns = kern_wall_ns();
	struct seconds time = { ns / KERN_NS_PER_S, ns % KERN_NS_PER_S / 1000 };

	return user ? kern_copyout(&time, (void *)user, sizeof(time)) : 0;
}

long sys_time(SYS1(user))
{
	int64_t seconds = kern_wall_ns() / KERN_NS_PER_S;

	if (user && kern_copyout(&seconds, (void *)user, sizeof(seconds)))
		return -EFAULT;
	return seconds;
}

/* Sleep until a monotonic deadline; what was left goes to the caller on a signal. */
static long sleep_until(int64_t deadline_ns, void *left_user)
{
	struct kern_wait nobody = { 0 };
	int64_t left;

	if (kern_wait(&nobody, deadline_ns) != -EINTR)
		return 0;
	left = deadline_ns - kern_monotonic_ns();
	if (left_user && sys_copyout_timespec(left > 0 ? left : 0, left_user))
		return -EFAULT;
	return -EINTR;
}

long sys_nanosleep(SYS2(wanted, left))
{
	int64_t ns;
	int error = sys_copyin_timespec((const void *)wanted, &ns);

	return error ? error : sleep_until(kern_monotonic_ns() + ns, (void *)left);
}

long sys_clock_nanosleep(SYS4(clock, flags, wanted, left))
{
	int64_t ns, now;
	int error = sys_copyin_timespec((const void *)wanted, &ns);

	if (error)
		return error;
	if (clock == CLOCK_THREAD_CPUTIME_ID || read_clock(clock, &now))
		return -EINVAL;
	if (!(flags & TIMER_ABSTIME))
		return sleep_until(kern_monotonic_ns() + ns, (void *)left);
	return sleep_until(kern_monotonic_ns() + ns - now, NULL);
}

long sys_times(SYS1(user))
{
	int64_t per_tick = KERN_NS_PER_S / TICKS_PER_S;
	int64_t times[4] = {
		kern_process_cpu_ns(kern_process) / per_tick, 0,
		kern_process->cpu_ns_of_children / per_tick, 0,
	};

	if (user && kern_copyout(times, (void *)user, sizeof(times)))
		return -EFAULT;
	return kern_monotonic_ns() / per_tick;
}

long sys_getrusage(SYS2(who, user))
{
	int64_t usage[18] = { 0 };
	enum { CHILDREN = -1, SELF, THREAD };
	int64_t ns = who == THREAD ? (int64_t)rumpcomp_thread_cpu_ns() :
	    who == CHILDREN ? kern_process->cpu_ns_of_children : kern_process_cpu_ns(kern_process);

	usage[0] = ns / KERN_NS_PER_S;
	usage[1] = ns % KERN_NS_PER_S / 1000;
	/* ru_maxrss in KiB: what is in use now. */
	usage[4] = (int64_t)(rumpcomp_vm_total_pages() - rumpcomp_vm_free_pages()) * 4;
	return kern_copyout(usage, (void *)user, sizeof(usage));
}
