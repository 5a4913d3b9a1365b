/*
 * clock.c - time: reading the clocks, sleeping.
 */
#include "bmk.h"
#include "lab_trace.h"
#include "rumpuser.h"
#include "upcalls.h"

#define NS_PER_S 1000000000ll

int rumpuser_clock_gettime(int clock, int64_t *seconds, long *nanoseconds)
{
	int64_t now;

	HYPERCALL_ENTER(rumpuser_clock_gettime, clock, seconds, nanoseconds, 0);
	if (clock != RUMPUSER_CLOCK_RELWALL && clock != RUMPUSER_CLOCK_ABSMONO)
		HYPERCALL_RETURN(rumpuser_clock_gettime, RUMPUSER_EINVAL);
	now = clock == RUMPUSER_CLOCK_RELWALL ? bmk_clock_wall_ns() : bmk_clock_ns();
	*seconds = now / NS_PER_S;
	*nanoseconds = (long)(now % NS_PER_S);
	HYPERCALL_RETURN(rumpuser_clock_gettime, 0);
}

int rumpuser_clock_sleep(int clock, int64_t seconds, long nanoseconds)
{
	int64_t deadline = seconds * NS_PER_S + nanoseconds;
	int locks;

	HYPERCALL_ENTER(rumpuser_clock_sleep, clock, seconds, nanoseconds, 0);
	if (clock != RUMPUSER_CLOCK_RELWALL && clock != RUMPUSER_CLOCK_ABSMONO)
		HYPERCALL_RETURN(rumpuser_clock_sleep, RUMPUSER_EINVAL);
	if (clock == RUMPUSER_CLOCK_RELWALL)
		deadline += bmk_clock_ns();
	locks = rumpuser_block_begin(NULL);
	if (deadline > bmk_clock_ns())
		bmk_waitq_sleep(NULL, deadline);
	rumpuser_block_end(locks, NULL);
	HYPERCALL_RETURN(rumpuser_clock_sleep, 0);
}
