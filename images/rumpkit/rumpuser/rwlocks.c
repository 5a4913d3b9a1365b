/*
 * rwlocks.c - reader/writer locks.
 */
#include "bmk.h"
#include "lab_trace.h"
#include "locks.h"
#include "rumpuser.h"
#include "upcalls.h"

struct rumpuser_rw {
	struct bmk_waitq waiters;
	struct bmk_thread *writer;
	int readers;
	int writers_waiting;
	unsigned writes; /* how often a writer has let it go */
};

static bool rw_try(int kind, struct rumpuser_rw *lock)
{
	if (lock->writer)
		return false;
	if (kind == RUMPUSER_RW_READER) {
		/* A waiting writer goes before new readers, or it might wait for ever. */
		if (lock->writers_waiting)
			return false;
		lock->readers++;
		return true;
	}
	if (lock->readers)
		return false;
	lock->writer = bmk_current;
	return true;
}

/* May a thread have it that came when so many writers had been there? */
static bool rw_is_free(int kind, const struct rumpuser_rw *lock, unsigned came)
{
	if (lock->writer)
		return false;
	if (kind == RUMPUSER_RW_WRITER)
		return !lock->readers;
	/* The readers that waited for a writer go before the next one. */
	return !lock->writers_waiting || lock->writes != came;
}

static void rw_wait(int kind, struct rumpuser_rw *lock)
{
	bool writer = kind == RUMPUSER_RW_WRITER;
	unsigned came = lock->writes;

	lock->writers_waiting += writer;
	while (!rw_is_free(kind, lock, came))
		bmk_waitq_sleep(&lock->waiters, BMK_FOREVER);
	lock->writers_waiting -= writer;
	if (writer)
		lock->writer = bmk_current;
	else
		lock->readers++;
}

void rumpuser_rw_init(struct rumpuser_rw **lock)
{
	HYPERCALL_ENTER(rumpuser_rw_init, lock, 0, 0, 0);
	*lock = rumpuser_lock_alloc(sizeof(**lock));
	HYPERCALL_EXIT(rumpuser_rw_init, 0);
}

void rumpuser_rw_enter(int kind, struct rumpuser_rw *lock)
{
	HYPERCALL_ENTER(rumpuser_rw_enter, kind, lock, 0, 0);
	if (!rw_try(kind, lock)) {
		int locks = rumpuser_block_begin(NULL);

		rw_wait(kind, lock);
		rumpuser_block_end(locks, NULL);
	}
	HYPERCALL_EXIT(rumpuser_rw_enter, 0);
}

int rumpuser_rw_tryenter(int kind, struct rumpuser_rw *lock)
{
	HYPERCALL_ENTER(rumpuser_rw_tryenter, kind, lock, 0, 0);
	HYPERCALL_RETURN(rumpuser_rw_tryenter, rw_try(kind, lock) ? 0 : RUMPUSER_EBUSY);
}

int rumpuser_rw_tryupgrade(struct rumpuser_rw *lock)
{
	HYPERCALL_ENTER(rumpuser_rw_tryupgrade, lock, 0, 0, 0);
	if (lock->readers != 1)
		HYPERCALL_RETURN(rumpuser_rw_tryupgrade, RUMPUSER_EBUSY);
	lock->readers = 0;
	lock->writer = bmk_current;
	HYPERCALL_RETURN(rumpuser_rw_tryupgrade, 0);
}

void rumpuser_rw_downgrade(struct rumpuser_rw *lock)
{
	HYPERCALL_ENTER(rumpuser_rw_downgrade, lock, 0, 0, 0);
	bmk_assert(lock->writer == bmk_current);
	lock->writer = NULL;
	lock->writes++;
	lock->readers = 1;
	bmk_waitq_wake(&lock->waiters, INT32_MAX);
	HYPERCALL_EXIT(rumpuser_rw_downgrade, 0);
}

void rumpuser_rw_exit(struct rumpuser_rw *lock)
{
	HYPERCALL_ENTER(rumpuser_rw_exit, lock, 0, 0, 0);
	if (lock->writer) {
		bmk_assert(lock->writer == bmk_current);
		lock->writer = NULL;
		lock->writes++;
	} else {
		bmk_assert(lock->readers > 0);
		lock->readers--;
	}
	if (!lock->readers)
		bmk_waitq_wake(&lock->waiters, INT32_MAX);
	HYPERCALL_EXIT(rumpuser_rw_exit, 0);
}

void rumpuser_rw_destroy(struct rumpuser_rw *lock)
{
	HYPERCALL_ENTER(rumpuser_rw_destroy, lock, 0, 0, 0);
	bmk_assert(!lock->writer && !lock->readers);
	bmk_memory_free(lock, sizeof(*lock));
	HYPERCALL_EXIT(rumpuser_rw_destroy, 0);
}

void rumpuser_rw_held(int kind, struct rumpuser_rw *lock, int *held)
{
	HYPERCALL_ENTER(rumpuser_rw_held, kind, lock, held, 0);
	*held = kind == RUMPUSER_RW_WRITER ? lock->writer == bmk_current : lock->readers > 0;
	HYPERCALL_EXIT(rumpuser_rw_held, 0);
}
