/*
 * threads.c - threads of the rump kernel, and which lwp each of them is.
 */
#include "bmk.h"
#include "lab_trace.h"
#include "rumpuser.h"
#include "upcalls.h"

int rumpuser_thread_create(void *(*function)(void *), void *argument, const char *name,
    int must_join, int priority, int cpu, void **cookie)
{
	struct bmk_thread *thread;

	HYPERCALL_ENTER(rumpuser_thread_create, function, argument, name, must_join);
	/* One processor and one priority, so there is nothing to choose. */
	(void)priority;
	(void)cpu;
	thread = bmk_thread_create(function, argument, name ? name : "rump", must_join);
	if (thread && must_join)
		*cookie = thread;
	HYPERCALL_RETURN(rumpuser_thread_create, thread ? 0 : RUMPUSER_EAGAIN);
}

void rumpuser_thread_exit(void)
{
	HYPERCALL_ENTER(rumpuser_thread_exit, 0, 0, 0, 0);
	bmk_thread_exit();
}

int rumpuser_thread_join(void *cookie)
{
	int locks;

	HYPERCALL_ENTER(rumpuser_thread_join, cookie, 0, 0, 0);
	locks = rumpuser_block_begin(NULL);
	bmk_thread_join(cookie);
	rumpuser_block_end(locks, NULL);
	HYPERCALL_RETURN(rumpuser_thread_join, 0);
}

void rumpuser_curlwpop(int operation, struct lwp *lwp)
{
	HYPERCALL_ENTER(rumpuser_curlwpop, operation, lwp, 0, 0);
	if (operation == RUMPUSER_LWP_SET)
		bmk_current->lwp = lwp;
	else if (operation == RUMPUSER_LWP_CLEAR)
		bmk_current->lwp = NULL;
	HYPERCALL_EXIT(rumpuser_curlwpop, 0);
}

struct lwp *rumpuser_curlwp(void)
{
	HYPERCALL_ENTER(rumpuser_curlwp, 0, 0, 0, 0);
	HYPERCALL_RETURN(rumpuser_curlwp, (struct lwp *)bmk_current->lwp);
}
