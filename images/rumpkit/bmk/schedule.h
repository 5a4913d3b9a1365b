/* schedule.h - between the scheduler and the birth and death of threads; inside bmk. */
#ifndef BMK_SCHEDULE_H
#define BMK_SCHEDULE_H

#include "bmk.h"

/* A new thread waits beside the running one, which may never call the runtime again. */
void bmk_schedule_new(struct bmk_thread *thread);
/* The current thread has ended; destroy: nobody joins it, so free it when it is left. */
__attribute__((noreturn)) void bmk_schedule_leave(bool destroy);

/* By thread.c: free a thread that is not current, and where its stack begins. */
void bmk_thread_destroy(struct bmk_thread *thread);
uintptr_t bmk_thread_stack_top(const struct bmk_thread *thread);

#endif
