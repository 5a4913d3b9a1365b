/*
 * locks.c - mutexes and condition variables.
 *
 * One processor and no preemption inside the runtime make plain fields enough; what
 * remains is who waits for whom.
 */
#include "bmk.h"
#include "lab_trace.h"
#include "locks.h"
#include "rumpuser.h"
#include "upcalls.h"

#define NS_PER_S 1000000000ll

struct rumpuser_mtx {
	struct bmk_waitq waiters;
	struct bmk_thread *holder;
	struct lwp *lwp;
	int flags;
};

struct rumpuser_cv {
	struct bmk_waitq waiters;
};

void *rumpuser_lock_alloc(size_t bytes)
{
	char *lock = bmk_memory_alloc(bytes, 0);

	/* The interface has no way to fail here. */
	if (!lock)
		bmk_panic(LAB_PANIC_OUT_OF_MEMORY, 9, NULL, 0, "out of memory: no room for a lock");
	for (size_t i = 0; i < bytes; i++)
		lock[i] = 0;
	return lock;
}

/* --- mutexes --- */

static bool mutex_try(struct rumpuser_mtx *mutex)
{
	if (mutex->holder)
		return false;
	mutex->holder = bmk_current;
	if (mutex->flags & RUMPUSER_MTX_KMUTEX)
		mutex->lwp = bmk_current->lwp;
	return true;
}

static void mutex_wait(struct rumpuser_mtx *mutex)
{
	bmk_assert(mutex->holder != bmk_current);
	while (!mutex_try(mutex))
		bmk_waitq_sleep(&mutex->waiters, BMK_FOREVER);
}

static void mutex_release(struct rumpuser_mtx *mutex)
{
	bmk_assert(mutex->holder == bmk_current);
	mutex->holder = NULL;
	mutex->lwp = NULL;
	bmk_waitq_wake(&mutex->waiters, 1);
}

void rumpuser_mutex_init(struct rumpuser_mtx **mutex, int flags)
{
	HYPERCALL_ENTER(rumpuser_mutex_init, mutex, flags, 0, 0);
	*mutex = rumpuser_lock_alloc(sizeof(**mutex));
	(*mutex)->flags = flags;
	HYPERCALL_EXIT(rumpuser_mutex_init, 0);
}

void rumpuser_mutex_enter(struct rumpuser_mtx *mutex)
{
	HYPERCALL_ENTER(rumpuser_mutex_enter, mutex, 0, 0, 0);
	if (!mutex_try(mutex)) {
		bool spin = mutex->flags & RUMPUSER_MTX_SPIN;
		int locks = spin ? 0 : rumpuser_block_begin(NULL);

		mutex_wait(mutex);
		if (!spin)
			rumpuser_block_end(locks, NULL);
	}
	HYPERCALL_EXIT(rumpuser_mutex_enter, 0);
}

void rumpuser_mutex_enter_nowrap(struct rumpuser_mtx *mutex)
{
	HYPERCALL_ENTER(rumpuser_mutex_enter_nowrap, mutex, 0, 0, 0);
	mutex_wait(mutex);
	HYPERCALL_EXIT(rumpuser_mutex_enter_nowrap, 0);
}

int rumpuser_mutex_tryenter(struct rumpuser_mtx *mutex)
{
	HYPERCALL_ENTER(rumpuser_mutex_tryenter, mutex, 0, 0, 0);
	HYPERCALL_RETURN(rumpuser_mutex_tryenter, mutex_try(mutex) ? 0 : RUMPUSER_EBUSY);
}

void rumpuser_mutex_exit(struct rumpuser_mtx *mutex)
{
	HYPERCALL_ENTER(rumpuser_mutex_exit, mutex, 0, 0, 0);
	mutex_release(mutex);
	HYPERCALL_EXIT(rumpuser_mutex_exit, 0);
}

void rumpuser_mutex_destroy(struct rumpuser_mtx *mutex)
{
	HYPERCALL_ENTER(rumpuser_mutex_destroy, mutex, 0, 0, 0);
	bmk_assert(!mutex->holder && !mutex->waiters.first);
	bmk_memory_free(mutex, sizeof(*mutex));
	HYPERCALL_EXIT(rumpuser_mutex_destroy, 0);
}

void rumpuser_mutex_owner(struct rumpuser_mtx *mutex, struct lwp **owner)
{
	HYPERCALL_ENTER(rumpuser_mutex_owner, mutex, owner, 0, 0);
	*owner = mutex->lwp;
	HYPERCALL_EXIT(rumpuser_mutex_owner, 0);
}

int rumpuser_mutex_spin_p(struct rumpuser_mtx *mutex)
{
	HYPERCALL_ENTER(rumpuser_mutex_spin_p, mutex, 0, 0, 0);
	HYPERCALL_RETURN(rumpuser_mutex_spin_p, mutex->flags & RUMPUSER_MTX_SPIN ? 1 : 0);
}

/* --- condition variables --- */

void rumpuser_cv_init(struct rumpuser_cv **cv)
{
	HYPERCALL_ENTER(rumpuser_cv_init, cv, 0, 0, 0);
	*cv = rumpuser_lock_alloc(sizeof(**cv));
	HYPERCALL_EXIT(rumpuser_cv_init, 0);
}

void rumpuser_cv_destroy(struct rumpuser_cv *cv)
{
	HYPERCALL_ENTER(rumpuser_cv_destroy, cv, 0, 0, 0);
	bmk_assert(!cv->waiters.first);
	bmk_memory_free(cv, sizeof(*cv));
	HYPERCALL_EXIT(rumpuser_cv_destroy, 0);
}

/* Give the mutex up, sleep, take it again; false if the deadline came first. */
static bool cv_sleep(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex, int64_t deadline_ns)
{
	bool woken;

	mutex_release(mutex);
	woken = bmk_waitq_sleep(&cv->waiters, deadline_ns);
	mutex_wait(mutex);
	return woken;
}

void rumpuser_cv_wait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex)
{
	int locks;

	HYPERCALL_ENTER(rumpuser_cv_wait, cv, mutex, 0, 0);
	locks = rumpuser_block_begin(mutex);
	cv_sleep(cv, mutex, BMK_FOREVER);
	rumpuser_block_end(locks, mutex);
	HYPERCALL_EXIT(rumpuser_cv_wait, 0);
}

void rumpuser_cv_wait_nowrap(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex)
{
	HYPERCALL_ENTER(rumpuser_cv_wait_nowrap, cv, mutex, 0, 0);
	cv_sleep(cv, mutex, BMK_FOREVER);
	HYPERCALL_EXIT(rumpuser_cv_wait_nowrap, 0);
}

int rumpuser_cv_timedwait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex,
    int64_t seconds, int64_t nanoseconds)
{
	bool woken;
	int locks;

	HYPERCALL_ENTER(rumpuser_cv_timedwait, cv, mutex, seconds, nanoseconds);
	locks = rumpuser_block_begin(mutex);
	woken = cv_sleep(cv, mutex, bmk_clock_ns() + seconds * NS_PER_S + nanoseconds);
	rumpuser_block_end(locks, mutex);
	HYPERCALL_RETURN(rumpuser_cv_timedwait, woken ? 0 : RUMPUSER_ETIMEDOUT);
}

void rumpuser_cv_signal(struct rumpuser_cv *cv)
{
	HYPERCALL_ENTER(rumpuser_cv_signal, cv, 0, 0, 0);
	bmk_waitq_wake(&cv->waiters, 1);
	HYPERCALL_EXIT(rumpuser_cv_signal, 0);
}

void rumpuser_cv_broadcast(struct rumpuser_cv *cv)
{
	HYPERCALL_ENTER(rumpuser_cv_broadcast, cv, 0, 0, 0);
	bmk_waitq_wake(&cv->waiters, INT32_MAX);
	HYPERCALL_EXIT(rumpuser_cv_broadcast, 0);
}

void rumpuser_cv_has_waiters(struct rumpuser_cv *cv, int *waiters)
{
	HYPERCALL_ENTER(rumpuser_cv_has_waiters, cv, waiters, 0, 0);
	*waiters = cv->waiters.first != NULL;
	HYPERCALL_EXIT(rumpuser_cv_has_waiters, 0);
}
