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

#endif
