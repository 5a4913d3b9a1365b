/*
 * trace.h - the parts of a record's surroundings: stacks, arguments' bytes, samples.
 */
#ifndef BMK_TRACE_H
#define BMK_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arch_trap;
struct rumpcomp_frame;

/* Write a record of five words that belongs to the one before. */
void bmk_trace_words(unsigned event, unsigned kind, unsigned detail, const uint64_t words[5]);

/*
 * A system call's two ends, with the texts and buffers that it has if the lab asked for
 * some.  These may fault and sleep.
 */
void bmk_trace_syscall(unsigned event, const struct rumpcomp_frame *frame);
void bmk_trace_result(unsigned event, const struct rumpcomp_frame *frame);

/*
 * Samples of what runs.  When the next one is due by bmk_clock_ns, BMK_FOREVER if the lab
 * wants none; and take it, if it is: trap is what was interrupted, or NULL in a thread that
 * is about to sleep.
 */
int64_t bmk_sample_due_ns(int64_t now_ns);
void bmk_sample(const struct arch_trap *trap, bool from_app);

#endif
