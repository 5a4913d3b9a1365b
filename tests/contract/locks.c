/* locks.c - clauses L, V: mutexes, condition variables. */
#include "suite.h"

static struct rumpuser_mtx *mutex;
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
	struct lwp *mine = suite_lwp(5), *found = mine;

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

/* --- condition variables --- */

static int waiting, woken;

static void *wait_once(void *argument)
{
	rumpuser_mutex_enter(mutex);
	ADD(waiting, 1);
	if ((intptr_t)argument % 2)
		rumpuser_cv_wait(cv, mutex);
	else
		rumpuser_cv_wait_nowrap(cv, mutex);
	ADD(woken, 1);
	rumpuser_mutex_exit(mutex);
	return NULL;
}

static void start_waiters(void *cookies[], int count)
{
	waiting = woken = 0;
	for (intptr_t i = 0; i < count; i++)
		CHECK(rumpuser_thread_create(wait_once, (void *)i, "waiter", 1, -1, -1, &cookies[i]) == 0);
	WAIT_UNTIL(LOOK(waiting) == count);
	rumpuser_mutex_enter(mutex); /* the last one has given it up: it waits */
	rumpuser_mutex_exit(mutex);
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
	WAIT_UNTIL(LOOK(woken) == 1);
	suite_sleep_ms(5);
	CHECK(LOOK(woken) == 1);
	rumpuser_cv_broadcast(cv);
	for (int i = 0; i < 4; i++)
		rumpuser_thread_join(cookies[i]);
	CHECK(LOOK(woken) == 4);
	rumpuser_cv_destroy(cv);
	rumpuser_mutex_destroy(mutex);
}

static void timed_wait(void)
{
	int64_t start = suite_now_ms();
	struct lwp *mine = suite_lwp(6), *found = NULL;

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

static int timed_result = -1;

static void *wait_a_minute(void *argument)
{
	rumpuser_mutex_enter(mutex);
	ADD(waiting, 1);
	timed_result = rumpuser_cv_timedwait(cv, mutex, SUITE_PATIENCE_MS / 1000, 0);
	rumpuser_mutex_exit(mutex);
	return argument;
}

static void signalled_in_time(void)
{
	void *cookie;

	waiting = 0;
	rumpuser_mutex_init(&mutex, RUMPUSER_MTX_KMUTEX);
	rumpuser_cv_init(&cv);
	CHECK(rumpuser_thread_create(wait_a_minute, NULL, "timed", 1, -1, -1, &cookie) == 0);
	WAIT_UNTIL(LOOK(waiting));
	rumpuser_mutex_enter(mutex);
	rumpuser_cv_signal(cv);
	rumpuser_mutex_exit(mutex);
	rumpuser_thread_join(cookie);
	CHECK(timed_result == 0);
	rumpuser_cv_destroy(cv);
	rumpuser_mutex_destroy(mutex);
}

const struct suite_case lock_cases[] = {
	{ "L1 one thread at a time holds a mutex", mutual_exclusion },
	{ "L2 tryenter is 0 or EBUSY", try_enter },
	{ "L3 a kernel mutex knows its owner's lwp", owner },
	{ "V1 signal wakes one, broadcast all", signal_and_broadcast },
	{ "V2 timedwait is ETIMEDOUT in time, with the mutex held", timed_wait },
	{ "V3 timedwait is 0 for who was signalled", signalled_in_time },
	{ NULL, NULL },
};
