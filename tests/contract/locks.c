/* locks.c - clauses L, R, V: mutexes, reader/writer locks, condition variables. */
#include "suite.h"

static struct rumpuser_mtx *mutex;
static struct rumpuser_rw *rw;
static struct rumpuser_cv *cv;
static int counter, inside, most_inside;

static void run_threads(void *(*function)(void *), int count)
{
	void *cookies[8];

	for (intptr_t i = 0; i < count; i++)
		CHECK(rumpuser_thread_create(function, (void *)i, "worker", 1, -1, -1, &cookies[i]) == 0);
	for (int i = 0; i < count; i++)
		rumpuser_thread_join(cookies[i]);
}

/* --- mutexes --- */

static void *exclusive(void *argument)
{
	(void)argument;
	for (int i = 0; i < 5; i++) {
		rumpuser_mutex_enter(mutex);
		most_inside = ++inside > most_inside ? inside : most_inside;
		suite_sleep_ms(1);
		inside--;
		counter++;
		rumpuser_mutex_exit(mutex);
	}
	return NULL;
}

static void mutual_exclusion(void)
{
	counter = inside = most_inside = 0;
	rumpuser_mutex_init(&mutex, RUMPUSER_MTX_KMUTEX);
	run_threads(exclusive, 4);
	CHECK(counter == 20 && most_inside == 1);
	rumpuser_mutex_destroy(mutex);
}

static int try_result;

static void *try_it(void *argument)
{
	(void)argument;
	try_result = rumpuser_mutex_tryenter(mutex);
	if (!try_result)
		rumpuser_mutex_exit(mutex);
	return NULL;
}

static void try_enter(void)
{
	rumpuser_mutex_init(&mutex, RUMPUSER_MTX_KMUTEX);
	CHECK(rumpuser_mutex_tryenter(mutex) == 0);
	run_threads(try_it, 1);
	CHECK(try_result == RUMPUSER_EBUSY);
	rumpuser_mutex_exit(mutex);
	run_threads(try_it, 1);
	CHECK(try_result == 0);
	rumpuser_mutex_destroy(mutex);
}

static void owner(void)
{
	struct lwp *mine = (struct lwp *)0x3000, *found = mine;

	rumpuser_curlwpop(RUMPUSER_LWP_SET, mine);
	rumpuser_mutex_init(&mutex, RUMPUSER_MTX_KMUTEX);
	rumpuser_mutex_owner(mutex, &found);
	CHECK(found == NULL);
	rumpuser_mutex_enter_nowrap(mutex);
	rumpuser_mutex_owner(mutex, &found);
	CHECK(found == mine);
	rumpuser_mutex_exit(mutex);
	rumpuser_mutex_owner(mutex, &found);
	CHECK(found == NULL);
	CHECK(!rumpuser_mutex_spin_p(mutex));
	rumpuser_mutex_destroy(mutex);
	rumpuser_mutex_init(&mutex, RUMPUSER_MTX_SPIN | RUMPUSER_MTX_KMUTEX);
	CHECK(rumpuser_mutex_spin_p(mutex));
	rumpuser_mutex_destroy(mutex);
	rumpuser_curlwpop(RUMPUSER_LWP_CLEAR, mine);
}

/* --- reader/writer locks --- */

static void *reader(void *argument)
{
	(void)argument;
	rumpuser_rw_enter(RUMPUSER_RW_READER, rw);
	most_inside = ++inside > most_inside ? inside : most_inside;
	suite_sleep_ms(5);
	inside--;
	rumpuser_rw_exit(rw);
	return NULL;
}

static void *writer(void *argument)
{
	(void)argument;
	rumpuser_rw_enter(RUMPUSER_RW_WRITER, rw);
	CHECK(inside == 0);
	inside++;
	suite_sleep_ms(3);
	inside--;
	rumpuser_rw_exit(rw);
	return NULL;
}

static void *mixed(void *argument)
{
	return (intptr_t)argument % 2 ? writer(NULL) : reader(NULL);
}

static void readers_share(void)
{
	inside = most_inside = 0;
	rumpuser_rw_init(&rw);
	run_threads(reader, 4);
	CHECK(most_inside == 4);
	run_threads(mixed, 8);
	rumpuser_rw_destroy(rw);
}

static void rw_state(void)
{
	int held;

	rumpuser_rw_init(&rw);
	rumpuser_rw_held(RUMPUSER_RW_READER, rw, &held);
	CHECK(!held);
	CHECK(rumpuser_rw_tryenter(RUMPUSER_RW_READER, rw) == 0);
	rumpuser_rw_held(RUMPUSER_RW_READER, rw, &held);
	CHECK(held);
	CHECK(rumpuser_rw_tryenter(RUMPUSER_RW_WRITER, rw) == RUMPUSER_EBUSY);
	CHECK(rumpuser_rw_tryupgrade(rw) == 0);
	rumpuser_rw_held(RUMPUSER_RW_WRITER, rw, &held);
	CHECK(held);
	CHECK(rumpuser_rw_tryenter(RUMPUSER_RW_READER, rw) == RUMPUSER_EBUSY);
	rumpuser_rw_downgrade(rw);
	rumpuser_rw_held(RUMPUSER_RW_WRITER, rw, &held);
	CHECK(!held);
	CHECK(rumpuser_rw_tryenter(RUMPUSER_RW_READER, rw) == 0);
	CHECK(rumpuser_rw_tryupgrade(rw) == RUMPUSER_EBUSY);
	rumpuser_rw_exit(rw);
	rumpuser_rw_exit(rw);
	CHECK(rumpuser_rw_tryenter(RUMPUSER_RW_WRITER, rw) == 0);
	rumpuser_rw_exit(rw);
	rumpuser_rw_destroy(rw);
}

/* --- condition variables --- */

static int waiting, woken;

static void *wait_once(void *argument)
{
	rumpuser_mutex_enter(mutex);
	waiting++;
	if ((intptr_t)argument % 2)
		rumpuser_cv_wait(cv, mutex);
	else
		rumpuser_cv_wait_nowrap(cv, mutex);
	woken++;
	rumpuser_mutex_exit(mutex);
	return NULL;
}

static void start_waiters(void *cookies[], int count)
{
	waiting = woken = 0;
	for (intptr_t i = 0; i < count; i++)
		CHECK(rumpuser_thread_create(wait_once, (void *)i, "waiter", 1, -1, -1, &cookies[i]) == 0);
	while (waiting < count)
		suite_sleep_ms(1);
}

static void signal_and_broadcast(void)
{
	void *cookies[4];
	int has;

	rumpuser_mutex_init(&mutex, RUMPUSER_MTX_KMUTEX);
	rumpuser_cv_init(&cv);
	rumpuser_cv_has_waiters(cv, &has);
	CHECK(!has);
	start_waiters(cookies, 4);
	rumpuser_cv_has_waiters(cv, &has);
	CHECK(has);
	rumpuser_cv_signal(cv);
	suite_sleep_ms(5);
	CHECK(woken == 1);
	rumpuser_cv_broadcast(cv);
	for (int i = 0; i < 4; i++)
		rumpuser_thread_join(cookies[i]);
	CHECK(woken == 4);
	rumpuser_cv_destroy(cv);
	rumpuser_mutex_destroy(mutex);
}

static void timed_wait(void)
{
	int64_t start = suite_now_ms();
	struct lwp *mine = (struct lwp *)0x4000, *found = NULL;

	rumpuser_curlwpop(RUMPUSER_LWP_SET, mine);
	rumpuser_mutex_init(&mutex, RUMPUSER_MTX_KMUTEX);
	rumpuser_cv_init(&cv);
	rumpuser_mutex_enter(mutex);
	CHECK(rumpuser_cv_timedwait(cv, mutex, 0, 20000000) == RUMPUSER_ETIMEDOUT);
	CHECK(suite_now_ms() - start >= 20);
	rumpuser_mutex_owner(mutex, &found);
	CHECK(found == mine);
	rumpuser_mutex_exit(mutex);
	rumpuser_cv_destroy(cv);
	rumpuser_mutex_destroy(mutex);
	rumpuser_curlwpop(RUMPUSER_LWP_CLEAR, mine);
}

const struct suite_case lock_cases[] = {
	{ "L1 one thread at a time holds a mutex", mutual_exclusion },
	{ "L2 tryenter is 0 or EBUSY", try_enter },
	{ "L3 a kernel mutex knows its owner's lwp", owner },
	{ "R1 readers share, writers do not", readers_share },
	{ "R2 try, upgrade, downgrade, held", rw_state },
	{ "V1 signal wakes one, broadcast all", signal_and_broadcast },
	{ "V2 timedwait is ETIMEDOUT in time, with the mutex held", timed_wait },
	{ NULL, NULL },
};
