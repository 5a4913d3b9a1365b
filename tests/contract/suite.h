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

extern const struct suite_case memory_cases[], time_cases[], host_cases[], thread_cases[],
    lock_cases[], block_cases[];

/* Milliseconds of the monotonic clock, and a sleep. */
int64_t suite_now_ms(void);
void suite_sleep_ms(int64_t ms);

#endif
