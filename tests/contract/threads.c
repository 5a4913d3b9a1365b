/* threads.c - clauses T: threads and lwps. */
#include "suite.h"

static int trail[8];
static int steps;

static void *append(void *argument)
{
	trail[steps++] = (int)(intptr_t)argument;
	return NULL;
}

static void joined(void)
{
	void *cookies[4];

	steps = 0;
	for (intptr_t i = 0; i < 4; i++)
		CHECK(rumpuser_thread_create(append, (void *)i, "joined", 1, -1, -1, &cookies[i]) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(rumpuser_thread_join(cookies[i]) == 0);
	CHECK(steps == 4);
}

static void *exits(void *argument)
{
	append(argument);
	rumpuser_thread_exit();
}

static void exit_and_join(void)
{
	void *cookie;

	steps = 0;
	CHECK(rumpuser_thread_create(exits, (void *)7, "exits", 1, -1, -1, &cookie) == 0);
	suite_sleep_ms(5);
	CHECK(rumpuser_thread_join(cookie) == 0);
	CHECK(steps == 1 && trail[0] == 7);
}

/* Threads nobody joins give everything back: RAM would not hold this many stacks. */
static void detached(void)
{
	steps = 0;
	for (int i = 0; i < 4000; i++) {
		steps = 0;
		if (rumpuser_thread_create(append, NULL, "detached", 0, -1, -1, NULL)) {
			CHECK(!"no more threads");
			return;
		}
		while (!steps)
			suite_sleep_ms(0), rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, 0, 1000);
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
	struct lwp *mine = (struct lwp *)0x1000, *other = (struct lwp *)0x2000;
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
