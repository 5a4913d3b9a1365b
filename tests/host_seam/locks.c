/*
 * locks.c - the seam's locks, condition variables and threads on pthreads.
 *
 * The processor's lock stands behind all of them, as no preemption does in a guest.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "rumpcomp.h"
#include "rumpuser.h"
#include "seam_inside.h"

#define NS_PER_S 1000000000ll

struct rumpuser_mtx {
	int held;
};
struct rumpuser_cv {
	pthread_cond_t condition;
};

void rumpuser_mutex_init(struct rumpuser_mtx **mutex, int flags)
{
	(void)flags;
	*mutex = calloc(1, sizeof **mutex);
}

void rumpuser_mutex_enter(struct rumpuser_mtx *mutex)
{
	if (mutex->held++)
		abort(); /* nobody sleeps while holding one */
}

void rumpuser_mutex_exit(struct rumpuser_mtx *mutex)
{
	mutex->held--;
}

void rumpuser_cv_init(struct rumpuser_cv **cv)
{
	pthread_condattr_t attributes;

	*cv = calloc(1, sizeof **cv);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&(*cv)->condition, &attributes);
}

void rumpuser_cv_destroy(struct rumpuser_cv *cv)
{
	pthread_cond_destroy(&cv->condition);
	free(cv);
}

void rumpuser_cv_wait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex)
{
	mutex->held--;
	pthread_cond_wait(&cv->condition, &processor);
	mutex->held++;
}

int rumpuser_cv_timedwait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex,
    int64_t seconds, int64_t nanoseconds)
{
	struct timespec until;
	int error;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += nanoseconds;
	until.tv_sec += seconds + until.tv_nsec / NS_PER_S;
	until.tv_nsec %= NS_PER_S;
	mutex->held--;
	error = pthread_cond_timedwait(&cv->condition, &processor, &until);
	mutex->held++;
	return error ? RUMPUSER_ETIMEDOUT : 0;
}

void rumpuser_cv_signal(struct rumpuser_cv *cv)
{
	pthread_cond_signal(&cv->condition);
}

void rumpuser_cv_broadcast(struct rumpuser_cv *cv)
{
	pthread_cond_broadcast(&cv->condition);
}

struct start {
	void *(*function)(void *);
	void *argument;
};

static void *run(void *argument)
{
	struct start start = *(struct start *)argument;

	free(argument);
	pthread_mutex_lock(&processor);
	start.function(start.argument);
	pthread_mutex_unlock(&processor);
	return NULL;
}

int rumpuser_thread_create(void *(*function)(void *), void *argument, const char *name,
    int must_join, int priority, int cpu, void **cookie)
{
	struct start *start = malloc(sizeof *start);
	pthread_t thread;

	(void)name;
	(void)priority;
	(void)cpu;
	*start = (struct start){ function, argument };
	if (pthread_create(&thread, NULL, run, start))
		return RUMPUSER_EAGAIN;
	if (must_join)
		*cookie = (void *)thread;
	return 0;
}

int rumpuser_thread_join(void *cookie)
{
	pthread_mutex_unlock(&processor);
	pthread_join((pthread_t)cookie, NULL);
	pthread_mutex_lock(&processor);
	return 0;
}

uint32_t rumpcomp_thread_number(void)
{
	return (uint32_t)gettid();
}
