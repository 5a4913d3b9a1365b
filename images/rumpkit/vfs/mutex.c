/*
 * mutex.c - locks of volumes, and sleeping for a device.
 *
 * Built on the host's condition variables and not on kern_wait: the runtime's own
 * threads use them too, and a signal must not end a wait for a device.
 */
#include "kern.h"
#include "rumpcomp.h"
#include "rumpuser.h"
#include "vfs_volume.h"

#define NS_PER_S 1000000000ll

/* What condition variables want beside them; nobody sleeps while holding it. */
static struct rumpuser_mtx *interlock;

static void interlock_enter(void)
{
	if (!interlock)
		rumpuser_mutex_init(&interlock, 0);
	rumpuser_mutex_enter(interlock);
}

void vfs_sleep_on(struct rumpuser_cv *cv)
{
	interlock_enter();
	rumpuser_cv_wait(cv, interlock);
	rumpuser_mutex_exit(interlock);
}

int vfs_sleep_on_until(struct rumpuser_cv *cv, int64_t deadline_ns)
{
	int64_t left = deadline_ns - kern_monotonic_ns();
	int error;

	if (left <= 0)
		return -ETIMEDOUT;
	interlock_enter();
	error = rumpuser_cv_timedwait(cv, interlock, left / NS_PER_S, left % NS_PER_S);
	rumpuser_mutex_exit(interlock);
	return error ? -ETIMEDOUT : 0;
}

void vfs_mutex_init(struct vfs_mutex *mutex)
{
	*mutex = (struct vfs_mutex){ 0 };
	rumpuser_cv_init(&mutex->released);
}

void vfs_mutex_destroy(struct vfs_mutex *mutex)
{
	rumpuser_cv_destroy(mutex->released);
}

void vfs_mutex_enter(struct vfs_mutex *mutex)
{
	uint32_t self = rumpcomp_thread_number() + 1;

	if (mutex->holder != self) {
		mutex->waiting++;
		while (mutex->holder)
			vfs_sleep_on(mutex->released);
		mutex->waiting--;
		mutex->holder = self;
	}
	mutex->depth++;
}

void vfs_mutex_exit(struct vfs_mutex *mutex)
{
	if (--mutex->depth)
		return;
	mutex->holder = 0;
	if (mutex->waiting)
		rumpuser_cv_signal(mutex->released);
}
