/*
 * operations.h - one operation of the kernel, repeated, between two looks at the clock.
 *
 * Each function makes `count` operations and returns the nanoseconds they took by the
 * guest's own monotonic clock, or -1 where the kernel refuses.
 */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include <stdint.h>

typedef int64_t (*operation_fn)(long count);

struct operation {
	const char *name;
	operation_fn run;
};

/* One list a topic; each ends with a NULL name. */
extern const struct operation operations_calls[];
extern const struct operation operations_threads[];
extern const struct operation operations_memory[];
extern const struct operation operations_files[];

int64_t now_ns(void);

#endif
