/*
 * suite.c - run all cases, in the place where the factions would start.
 */
#include "suite.h"

int suite_failures;

int64_t suite_now_ms(void)
{
	int64_t seconds;
	long nanoseconds;

	rumpuser_clock_gettime(RUMPUSER_CLOCK_ABSMONO, &seconds, &nanoseconds);
	return seconds * 1000 + nanoseconds / 1000000;
}

void suite_sleep_ms(int64_t ms)
{
	rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, ms / 1000, ms % 1000 * 1000000);
}

static int run_all(const struct suite_case *cases)
{
	int count = 0;

	for (; cases->clause; cases++, count++) {
		int before = suite_failures;

		cases->run();
		rumpuser_dprintf("%s %s\n", suite_failures == before ? "ok" : "FAIL", cases->clause);
	}
	return count;
}

/* The host starts what it takes for the factions. */
void bmk_start_factions(void);
void bmk_start_factions(void)
{
	static const struct rumpuser_hyperup upcalls;
	int count;

	CHECK(rumpuser_init(RUMPUSER_VERSION + 1, &upcalls) != 0);
	CHECK(rumpuser_init(RUMPUSER_VERSION, &upcalls) == 0);
	count = run_all(memory_cases) + run_all(time_cases) + run_all(host_cases) +
	    run_all(thread_cases) + run_all(lock_cases) + run_all(block_cases);
	rumpuser_dprintf("%d cases, %d failures\n", count, suite_failures);
	rumpuser_exit(suite_failures ? 1 : 0);
}

/* A host links a program's entry; this image has none. */
void _start(void);
void _start(void)
{
}
