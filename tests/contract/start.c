/* start.c - clauses S: the beginning, and the upcalls around what blocks. */
#include "suite.h"

static struct suite_context contexts[SUITE_LWPS + 1];

struct lwp *suite_lwp(int number)
{
	return (struct lwp *)(uintptr_t)(number * 0x1000);
}

struct suite_context *suite_context_of(struct lwp *lwp)
{
	uintptr_t number = (uintptr_t)lwp / 0x1000;

	return &contexts[number <= SUITE_LWPS ? number : 0];
}

static void released(int locks, int *counted, void *interlock)
{
	(void)interlock;
	*counted = locks + 3; /* what is to be given back */
	ADD(suite_context_of(rumpuser_curlwp())->released, 1);
}

static void taken(int locks, void *interlock)
{
	(void)interlock;
	CHECK(locks == 3);
	ADD(suite_context_of(rumpuser_curlwp())->taken, 1);
}

static void version(void)
{
	static const struct rumpuser_hyperup upcalls = {
		.hyp_backend_unschedule = released, .hyp_backend_schedule = taken,
	};

	CHECK(rumpuser_init(RUMPUSER_VERSION + 1, &upcalls) != 0);
	CHECK(rumpuser_init(RUMPUSER_VERSION, &upcalls) == 0);
}

static struct rumpuser_mtx *mutex;
static struct rumpuser_cv *cv;
static int entered;

static void *enter(void *lwp)
{
	rumpuser_curlwpop(RUMPUSER_LWP_SET, lwp);
	rumpuser_mutex_enter(mutex);
	rumpuser_mutex_exit(mutex);
	return NULL;
}

static void *enter_nowrap(void *lwp)
{
	rumpuser_curlwpop(RUMPUSER_LWP_SET, lwp);
	ADD(entered, 1);
	rumpuser_mutex_enter_nowrap(mutex);
	rumpuser_mutex_exit(mutex);
	return NULL;
}

/* Waits for a signal, with the context let go and without. */
static void *wait_twice(void *lwp)
{
	struct suite_context *context = suite_context_of(lwp);
	int before;

	rumpuser_curlwpop(RUMPUSER_LWP_SET, lwp);
	rumpuser_mutex_enter_nowrap(mutex);
	before = context->released;
	rumpuser_cv_wait(cv, mutex);
	CHECK(context->released == before + 1 && context->taken == context->released);
	rumpuser_cv_wait_nowrap(cv, mutex);
	CHECK(context->released == before + 1);
	rumpuser_mutex_exit(mutex);
	return NULL;
}

static void signal_waiter(void)
{
	int has = 0;

	while (!has) {
		rumpuser_mutex_enter(mutex);
		rumpuser_cv_has_waiters(cv, &has);
		rumpuser_cv_signal(cv);
		rumpuser_mutex_exit(mutex);
		suite_sleep_ms(1);
	}
}

static void context(void)
{
	struct lwp *first = suite_lwp(1), *second = suite_lwp(2), *third = suite_lwp(3);
	void *cookies[2];

	rumpuser_mutex_init(&mutex, RUMPUSER_MTX_KMUTEX);
	rumpuser_cv_init(&cv);
	rumpuser_mutex_enter_nowrap(mutex);
	CHECK(rumpuser_thread_create(enter, first, "first", 1, -1, -1, &cookies[0]) == 0);
	CHECK(rumpuser_thread_create(enter_nowrap, second, "second", 1, -1, -1, &cookies[1]) == 0);
	WAIT_UNTIL(LOOK(suite_context_of(first)->released) == 1 && LOOK(entered));
	CHECK(LOOK(suite_context_of(first)->taken) == 0);
	rumpuser_mutex_exit(mutex);
	for (int i = 0; i < 2; i++)
		rumpuser_thread_join(cookies[i]);
	CHECK(suite_context_of(first)->taken == 1);
	CHECK(suite_context_of(second)->released == 0 && suite_context_of(second)->taken == 0);
	CHECK(rumpuser_thread_create(wait_twice, third, "third", 1, -1, -1, cookies) == 0);
	signal_waiter();
	signal_waiter();
	rumpuser_thread_join(cookies[0]);
	rumpuser_cv_destroy(cv);
	rumpuser_mutex_destroy(mutex);
}

static void sleeping(void)
{
	struct suite_context *mine = suite_context_of(suite_lwp(4)), before = *mine;

	rumpuser_curlwpop(RUMPUSER_LWP_SET, suite_lwp(4));
	suite_sleep_ms(1);
	CHECK(mine->released == before.released + 1 && mine->taken == before.taken + 1);
	rumpuser_curlwpop(RUMPUSER_LWP_CLEAR, suite_lwp(4));
}

const struct suite_case start_cases[] = {
	{ "S1 another version is refused", version },
	{ "S2 locks let the context go while they wait, but nowrap", context },
	{ "S3 a sleep lets the context go", sleeping },
	{ NULL, NULL },
};
