/* threads.c - clauses T: threads and lwps. */
#include "suite.h"

static int ran[8];

static void *run(void *argument)
{
	ADD(ran[(intptr_t)argument], 1);
	return NULL;
}

static void joined(void)
{
	void *cookies[4];

	for (intptr_t i = 0; i < 4; i++)
		CHECK(rumpuser_thread_create(run, (void *)i, "joined", 1, -1, -1, &cookies[i]) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(rumpuser_thread_join(cookies[i]) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(ran[i] == 1);
}

static void *exits(void *argument)
{
	run(argument);
	rumpuser_thread_exit();
}

static void exit_and_join(void)
{
	void *cookie;

	CHECK(rumpuser_thread_create(exits, (void *)7, "exits", 1, -1, -1, &cookie) == 0);
	suite_sleep_ms(5);
	CHECK(rumpuser_thread_join(cookie) == 0);
	CHECK(ran[7] == 1);
}

/* Threads nobody joins give everything back: RAM would not hold this many stacks. */
static void detached(void)
{
	for (int i = 1; i <= 4000; i++) {
		if (rumpuser_thread_create(run, (void *)5, "detached", 0, -1, -1, NULL)) {
			CHECK(!"no more threads");
			return;
		}
		while (LOOK(ran[5]) < i)
			rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, 0, 1000);
	}
}

static struct lwp *seen;

static void *look(void *argument)
{
	seen = rumpuser_curlwp();
	rumpuser_curlwpop(RUMPUSER_LWP_SET, argument);
	CHECK(rumpuser_curlwp() == argument);
	rumpuser_curlwpop(RUMPUSER_LWP_CLEAR, argument);
	CHECK(rumpuser_curlwp() == NULL);
	return NULL;
}

static void current_lwp(void)
{
	struct lwp *mine = suite_lwp(1), *other = suite_lwp(2);
	void *cookie;

	rumpuser_curlwpop(RUMPUSER_LWP_CREATE, mine);
	rumpuser_curlwpop(RUMPUSER_LWP_SET, mine);
	seen = mine;
	CHECK(rumpuser_thread_create(look, other, "look", 1, -1, -1, &cookie) == 0);
	rumpuser_thread_join(cookie);
	/* A new thread has none, and what it set is its own. */
	CHECK(seen == NULL);
	CHECK(rumpuser_curlwp() == mine);
	rumpuser_curlwpop(RUMPUSER_LWP_CLEAR, mine);
	rumpuser_curlwpop(RUMPUSER_LWP_DESTROY, mine);
	CHECK(rumpuser_curlwp() == NULL);
}

const struct suite_case thread_cases[] = {
	{ "T1 created threads run and are joined", joined },
	{ "T2 thread_exit ends a thread that is then joined", exit_and_join },
	{ "T3 threads that are not joined leave nothing", detached },
	{ "T4 each thread has its own current lwp", current_lwp },
	{ NULL, NULL },
};
