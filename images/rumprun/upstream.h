/*
 * upstream.h - the functions of Rumprun's bmk layer that tracing calls.
 *
 * Declared here from their published interface (include/bmk-core of Rumprun), since an
 * installed toolchain has those headers not.
 */
#ifndef RUMPRUN_UPSTREAM_H
#define RUMPRUN_UPSTREAM_H

#include <stdint.h>

struct bmk_thread;

extern unsigned long bmk_memsize;          /* bytes of RAM behind the image */
extern __thread struct bmk_thread *bmk_current;

void *bmk_pgalloc(int order);              /* 2 to the power of order pages, or NULL */
int64_t bmk_platform_cpu_clock_monotonic(void);   /* nanoseconds */
int64_t bmk_platform_cpu_clock_epochoffset(void); /* what makes them Unix time */
const char *bmk_sched_threadname(struct bmk_thread *thread);

/*
 * What the scheduler has to say of a thread: 1 if it can run, 2 if it is blocked, 0 if that is
 * not known.  A thread's structure begins like this since 2015; it is not published.
 */
struct upstream_thread {
	char name[16];
	int64_t wakeup_ns;
	int32_t flags;
	int32_t errno_value;
	void *stack, *cookie;
	uint64_t stack_pointer, instruction;
	char *thread_pointer; /* its thread-local variables are below */
};
#define UPSTREAM_RUNNABLE 1
#define UPSTREAM_BLOCKED 6 /* with a time limit, or without */
#define UPSTREAM_RUNNING 8

static inline int upstream_state(const struct bmk_thread *thread)
{
	int32_t flags = ((const struct upstream_thread *)(const void *)thread)->flags;

	return flags & UPSTREAM_BLOCKED ? 2 : flags & UPSTREAM_RUNNABLE ? 1 : 0;
}

#endif
