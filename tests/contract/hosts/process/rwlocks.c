/*
 * rwlocks.c - reader/writer locks of a process.
 */
#include <pthread.h>
#include <stdlib.h>

#include "process.h"

struct rumpuser_rw {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	pthread_t writer;
	bool written;
	int readers, writers_waiting;
};

void rumpuser_rw_init(struct rumpuser_rw **lock)
{
	*lock = calloc(1, sizeof **lock);
	pthread_mutex_init(&(*lock)->mutex, NULL);
	pthread_cond_init(&(*lock)->changed, NULL);
}

void rumpuser_rw_destroy(struct rumpuser_rw *lock)
{
	pthread_cond_destroy(&lock->changed);
	pthread_mutex_destroy(&lock->mutex);
	free(lock);
}

static bool is_free(int kind, const struct rumpuser_rw *lock)
{
	return !lock->written && (kind == RUMPUSER_RW_WRITER ? !lock->readers : !lock->writers_waiting);
}

static void take(int kind, struct rumpuser_rw *lock)
{
	lock->written = kind == RUMPUSER_RW_WRITER;
	lock->readers += !lock->written;
	lock->writer = pthread_self();
}

void rumpuser_rw_enter(int kind, struct rumpuser_rw *lock)
{
	bool waits;
	int locks = 0;

	pthread_mutex_lock(&lock->mutex);
	waits = !is_free(kind, lock);
	if (waits)
		locks = process_block_begin(NULL);
	lock->writers_waiting += kind == RUMPUSER_RW_WRITER;
	while (kind == RUMPUSER_RW_WRITER ? lock->written || lock->readers : !is_free(kind, lock))
		pthread_cond_wait(&lock->changed, &lock->mutex);
	lock->writers_waiting -= kind == RUMPUSER_RW_WRITER;
	take(kind, lock);
	pthread_mutex_unlock(&lock->mutex);
	if (waits)
		process_block_end(locks, NULL);
}

int rumpuser_rw_tryenter(int kind, struct rumpuser_rw *lock)
{
	bool taken;

	pthread_mutex_lock(&lock->mutex);
	taken = is_free(kind, lock);
	if (taken)
		take(kind, lock);
	pthread_mutex_unlock(&lock->mutex);
	return taken ? 0 : RUMPUSER_EBUSY;
}

int rumpuser_rw_tryupgrade(struct rumpuser_rw *lock)
{
	bool only;

	pthread_mutex_lock(&lock->mutex);
	only = lock->readers == 1;
	if (only) {
		lock->readers = 0;
		take(RUMPUSER_RW_WRITER, lock);
	}
	pthread_mutex_unlock(&lock->mutex);
	return only ? 0 : RUMPUSER_EBUSY;
}

void rumpuser_rw_downgrade(struct rumpuser_rw *lock)
{
	pthread_mutex_lock(&lock->mutex);
	take(RUMPUSER_RW_READER, lock);
	pthread_cond_broadcast(&lock->changed);
	pthread_mutex_unlock(&lock->mutex);
}

void rumpuser_rw_exit(struct rumpuser_rw *lock)
{
	pthread_mutex_lock(&lock->mutex);
	lock->readers -= !lock->written;
	lock->written = false;
	pthread_cond_broadcast(&lock->changed);
	pthread_mutex_unlock(&lock->mutex);
}

void rumpuser_rw_held(int kind, struct rumpuser_rw *lock, int *held)
{
	pthread_mutex_lock(&lock->mutex);
	*held = kind == RUMPUSER_RW_READER ? lock->readers > 0 :
	    lock->written && pthread_equal(lock->writer, pthread_self());
	pthread_mutex_unlock(&lock->mutex);
}
