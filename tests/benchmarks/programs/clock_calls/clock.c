/*
 * clock.c - reads the clock over and over, and says after each round how long the fastest
 * batch took: the one in which the host left the guest alone.  It never ends.
 *
 * A reading is one system call that asks the host for the time once.  Through rumpkit's C
 * library it would be none, so the call is made by its number where it has one.
 */
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 400
#define CALLS 500

#ifdef SYS_clock_gettime
#define READ_CLOCK(now) syscall(SYS_clock_gettime, CLOCK_MONOTONIC, now)
#else
#define READ_CLOCK(now) clock_gettime(CLOCK_MONOTONIC, now)
#endif

static long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

static long batch_ns(void)
{
	struct timespec unused;
	long begun_ns = now_ns();

	for (int i = 0; i < CALLS; i++)
		READ_CLOCK(&unused);
	return now_ns() - begun_ns;
}

int main(void)
{
	for (long round = 0;; round++) {
		long best_ns = 0;

		for (int i = 0; i < BATCHES; i++) {
			long taken_ns = batch_ns();

			/* Upstream's clock is seen to go back for a moment where a second ends. */
			if (taken_ns > 0 && (!best_ns || taken_ns < best_ns))
				best_ns = taken_ns;
		}
		printf("round %ld: %ld ns\n", round, best_ns);
		fflush(stdout);
	}
}
