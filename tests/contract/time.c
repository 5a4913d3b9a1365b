/* time.c - clauses C: clocks and sleeping. */
#include "suite.h"

static void monotonic(void)
{
	int64_t before = 0, seconds;
	long nanoseconds;

	for (int i = 0; i < 1000; i++) {
		int64_t now;

		CHECK(rumpuser_clock_gettime(RUMPUSER_CLOCK_ABSMONO, &seconds, &nanoseconds) == 0);
		CHECK(nanoseconds >= 0 && nanoseconds < 1000000000);
		now = seconds * 1000000000 + nanoseconds;
		CHECK(now >= before);
		before = now;
	}
}

/* The lab's image cannot know today's date, but it is not before this was written. */
static void wall(void)
{
	int64_t seconds = 0;
	long nanoseconds;

	CHECK(rumpuser_clock_gettime(RUMPUSER_CLOCK_RELWALL, &seconds, &nanoseconds) == 0);
	CHECK(seconds > 1750000000);
}

static void bad_clock(void)
{
	int64_t seconds;
	long nanoseconds;

	CHECK(rumpuser_clock_gettime(7, &seconds, &nanoseconds) == RUMPUSER_EINVAL);
	CHECK(rumpuser_clock_sleep(7, 0, 0) == RUMPUSER_EINVAL);
}

static void relative_sleep(void)
{
	int64_t start = suite_now_ms();

	suite_sleep_ms(20);
	CHECK(suite_now_ms() - start >= 20);
}

static void absolute_sleep(void)
{
	int64_t until = suite_now_ms() + 20;

	CHECK(rumpuser_clock_sleep(RUMPUSER_CLOCK_ABSMONO, until / 1000, until % 1000 * 1000000) == 0);
	CHECK(suite_now_ms() >= until);
	/* One that has passed returns at once. */
	CHECK(rumpuser_clock_sleep(RUMPUSER_CLOCK_ABSMONO, 0, 0) == 0);
}

const struct suite_case time_cases[] = {
	{ "C1 the monotonic clock does not go back", monotonic },
	{ "C2 the wall clock tells the date", wall },
	{ "C3 an unknown clock is EINVAL", bad_clock },
	{ "C4 a relative sleep lasts", relative_sleep },
	{ "C5 an absolute sleep ends at its time", absolute_sleep },
	{ NULL, NULL },
};
