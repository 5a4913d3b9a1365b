/*
 * suite.h - the contract of rumpuser(3), version 17, as test cases.
 *
 * A case is a function that a host of the seam runs in its rump kernel's place.  It
 * uses hypercalls only, so the same cases build for any host.  CHECK counts and prints;
 * a case that fails goes on.
 */
#ifndef SUITE_H
#define SUITE_H

#include <stdbool.h>

#include "rumplib.h"
#include "rumpuser.h"

struct suite_case {
	const char *clause;         /* as CONTRACT.md numbers it */
	void (*run)(void);
};

extern int suite_failures;

#define CHECK(condition) do { \
	if (!(condition)) { \
		suite_failures++; \
		rumpuser_dprintf("  failed: %s (%s:%d)\n", #condition, __FILE_NAME__, __LINE__); \
	} \
} while (0)

extern const struct suite_case start_cases[], memory_cases[], time_cases[], host_cases[],
    thread_cases[], lock_cases[], rw_cases[], block_cases[];

/* Run every case; what the host's entry returns, 0 if all were kept. */
int suite_run(void);

/* How often a thread, by its current lwp, has let the scheduling context go and taken it. */
struct suite_context {
	int released, taken;
};
struct suite_context *suite_context_of(struct lwp *lwp);
/* An lwp for a case, from 1 to SUITE_LWPS; the others have no context of their own. */
#define SUITE_LWPS 8
struct lwp *suite_lwp(int number);

/* Milliseconds of the monotonic clock, and a sleep. */
int64_t suite_now_ms(void);
void suite_sleep_ms(int64_t ms);
/* Wait until what another thread changes is so; it fails after a minute. */
#define SUITE_PATIENCE_MS 60000
#define WAIT_UNTIL(condition) do { \
	int64_t suite_start = suite_now_ms(); \
	while (!(condition) && suite_now_ms() - suite_start < SUITE_PATIENCE_MS) \
		suite_sleep_ms(1); \
	CHECK(condition); \
} while (0)
/* Threads of a host may run at the same time: what several of them count. */
#define ADD(counter, number) __atomic_add_fetch(&(counter), number, __ATOMIC_SEQ_CST)
#define LOOK(counter) __atomic_load_n(&(counter), __ATOMIC_SEQ_CST)

#endif
