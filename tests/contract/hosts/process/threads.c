/*
 * threads.c - threads, mutexes and condition variables of a process, on POSIX's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "process.h"

#define NS_PER_S 1000000000ll

struct start {
	void *(*function)(void *);
	void *argument;
};

static _Thread_local struct lwp *current;

static void *run(void *argument)
{
	struct start start = *(struct start *)argument;

	free(argument);
	return start.function(start.argument);
}

int rumpuser_thread_create(void *(*function)(void *), void *argument, const char *name,
    int must_join, int priority, int cpu, void **cookie)
{
	struct start *start = malloc(sizeof *start);
	pthread_t thread;
	int error;

	(void)name;
	(void)priority;
	(void)cpu;
	*start = (struct start){ function, argument };
	error = pthread_create(&thread, NULL, run, start);
	if (error)
		free(start);
	else if (must_join)
		*cookie = (void *)thread;
	else
		pthread_detach(thread);
	return process_error(error);
}

void rumpuser_thread_exit(void)
{
	pthread_exit(NULL);
}

int rumpuser_thread_join(void *cookie)
{
	int locks = process_block_begin(NULL), error = pthread_join((pthread_t)cookie, NULL);

	process_block_end(locks, NULL);
	return process_error(error);
}

void rumpuser_curlwpop(int operation, struct lwp *lwp)
{
	if (operation == RUMPUSER_LWP_SET)
		current = lwp;
	if (operation == RUMPUSER_LWP_CLEAR)
		current = NULL;
}

struct lwp *rumpuser_curlwp(void)
{
	return current;
}

/* ---- mutexes --------------------------------------------------------------------------- */

struct rumpuser_mtx {
	pthread_mutex_t mutex;
	struct lwp *owner;
	int flags;
};

static void own(struct rumpuser_mtx *mutex)
{
	if (mutex->flags & RUMPUSER_MTX_KMUTEX)
		mutex->owner = current;
}

void rumpuser_mutex_init(struct rumpuser_mtx **mutex, int flags)
{
	*mutex = calloc(1, sizeof **mutex);
	pthread_mutex_init(&(*mutex)->mutex, NULL);
	(*mutex)->flags = flags;
}

void rumpuser_mutex_enter_nowrap(struct rumpuser_mtx *mutex)
{
	pthread_mutex_lock(&mutex->mutex);
	own(mutex);
}

void rumpuser_mutex_enter(struct rumpuser_mtx *mutex)
{
	int locks;

	if (!rumpuser_mutex_tryenter(mutex))
		return;
	if (mutex->flags & RUMPUSER_MTX_SPIN) {
		rumpuser_mutex_enter_nowrap(mutex);
		return;
	}
	locks = process_block_begin(NULL);
	pthread_mutex_lock(&mutex->mutex);
	process_block_end(locks, NULL);
	own(mutex);
}

int rumpuser_mutex_tryenter(struct rumpuser_mtx *mutex)
{
	int error = pthread_mutex_trylock(&mutex->mutex);

	if (!error)
		own(mutex);
	return process_error(error);
}

void rumpuser_mutex_exit(struct rumpuser_mtx *mutex)
{
	mutex->owner = NULL;
	pthread_mutex_unlock(&mutex->mutex);
}

void rumpuser_mutex_destroy(struct rumpuser_mtx *mutex)
{
	pthread_mutex_destroy(&mutex->mutex);
	free(mutex);
}

void rumpuser_mutex_owner(struct rumpuser_mtx *mutex, struct lwp **owner)
{
	*owner = mutex->owner;
}

int rumpuser_mutex_spin_p(struct rumpuser_mtx *mutex)
{
	return mutex->flags & RUMPUSER_MTX_SPIN ? 1 : 0;
}

/* ---- condition variables: a waiter each, as POSIX's wake without a reason ----------------- */

struct waiter {
	struct waiter *next;
	bool woken;
};

struct rumpuser_cv {
	pthread_mutex_t mutex; /* of the list */
	pthread_cond_t changed;
	struct waiter *first;
};

void rumpuser_cv_init(struct rumpuser_cv **cv)
{
	pthread_condattr_t attributes;

	*cv = calloc(1, sizeof **cv);
	pthread_mutex_init(&(*cv)->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&(*cv)->changed, &attributes);
}

void rumpuser_cv_destroy(struct rumpuser_cv *cv)
{
	pthread_cond_destroy(&cv->changed);
	pthread_mutex_destroy(&cv->mutex);
	free(cv);
}

/* Until it is woken, or the time has come (NULL: never); false for that. */
static bool wait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex, const struct timespec *until)
{
	struct waiter waiter = { NULL, false }, **end = &cv->first;
	int error = 0;

	pthread_mutex_lock(&cv->mutex);
	while (*end)
		end = &(*end)->next;
	*end = &waiter;
	rumpuser_mutex_exit(mutex);
	while (!waiter.woken && !error)
		error = until ? pthread_cond_timedwait(&cv->changed, &cv->mutex, until) :
		    pthread_cond_wait(&cv->changed, &cv->mutex);
	for (end = &cv->first; *end && *end != &waiter;)
		end = &(*end)->next;
	if (*end)
		*end = waiter.next;
	pthread_mutex_unlock(&cv->mutex);
	rumpuser_mutex_enter_nowrap(mutex);
	return waiter.woken;
}

void rumpuser_cv_wait_nowrap(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex)
{
	wait(cv, mutex, NULL);
}

void rumpuser_cv_wait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex)
{
	int locks = process_block_begin(mutex);

	wait(cv, mutex, NULL);
	process_block_end(locks, mutex);
}

int rumpuser_cv_timedwait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex, int64_t seconds,
    int64_t nanoseconds)
{
	struct timespec until;
	bool woken;
	int locks;

	clock_gettime(CLOCK_MONOTONIC, &until);
	nanoseconds += until.tv_nsec;
	until.tv_sec += seconds + nanoseconds / NS_PER_S;
	until.tv_nsec = nanoseconds % NS_PER_S;
	locks = process_block_begin(mutex);
	woken = wait(cv, mutex, &until);
	process_block_end(locks, mutex);
	return woken ? 0 : RUMPUSER_ETIMEDOUT;
}

static void wake(struct rumpuser_cv *cv, int count)
{
	pthread_mutex_lock(&cv->mutex);
	for (; cv->first && count; count--) {
		cv->first->woken = true;
		cv->first = cv->first->next;
	}
	pthread_cond_broadcast(&cv->changed);
	pthread_mutex_unlock(&cv->mutex);
}

void rumpuser_cv_signal(struct rumpuser_cv *cv)
{
	wake(cv, 1);
}

void rumpuser_cv_broadcast(struct rumpuser_cv *cv)
{
	wake(cv, -1);
}

void rumpuser_cv_has_waiters(struct rumpuser_cv *cv, int *waiters)
{
	pthread_mutex_lock(&cv->mutex);
	*waiters = cv->first != NULL;
	pthread_mutex_unlock(&cv->mutex);
}
