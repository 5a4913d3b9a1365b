/*
 * suite.c - run all cases, in the place of a rump kernel.
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

int suite_run(void)
{
	int count = run_all(start_cases) + run_all(memory_cases) + run_all(time_cases) +
	    run_all(host_cases) + run_all(thread_cases) + run_all(lock_cases) + run_all(rw_cases) +
	    run_all(block_cases);

	rumpuser_dprintf("%d cases, %d failures\n", count, suite_failures);
	return suite_failures ? 1 : 0;
}
