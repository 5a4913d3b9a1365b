/*
 * trace.h - tracing that is baked into an image of upstream Rumprun's.
 *
 * These objects are linked with -Wl,--wrap=rumpuser_…, so that what the rump kernel and the
 * base libraries call is a wrapper here.  They leave in RAM what lab_abi.h describes, as
 * rumpkit's runtime does, and the lab reads it the same way.  There is one processor, and of
 * interrupt handlers only what wakes a thread comes here: a slot of the ring is taken in one
 * instruction, and nothing needs a lock.
 */
#ifndef RUMPRUN_TRACE_H
#define RUMPRUN_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "lab_abi.h"

struct bmk_thread;

extern struct lab_header lab_header;
extern uint64_t lab_counters[LAB_EVENTS];

/* Nothing lies below, so that what points there is no path. */
#define LAB_FIRST_ADDRESS 4096

/* --- trace_ring.c --- */

/* Make the ring, of as many records as asked for or memory allows. */
void lab_ring_create(uint64_t records);
/* Write one record, if there is a ring: of a call's beginning, of its end, or any. */
void lab_record_enter(unsigned event, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
    uint64_t caller);
void lab_record_exit(unsigned event, uint64_t result);
void lab_record(unsigned event, unsigned kind, unsigned detail, const uint64_t words[5]);
/* Write the first bytes of a text behind the record it belongs to. */
void lab_record_text(unsigned event, unsigned argument, const char *text);
/*
 * Take a slot and its time now, and write the rest later: what is to be known only then.
 * While a slot is open others can be taken.  lab_record_open returns 0 without a ring.
 */
uint64_t lab_record_open(uint64_t time);
void lab_record_close(uint64_t slot, unsigned event, unsigned kind, uint32_t thread,
    const uint64_t words[5]);

/* --- trace_threads.c --- */

/*
 * The number of the thread that runs, 1 for the first; 0 until it is asked for by
 * lab_thread_number.
 */
extern __thread uint32_t lab_own_number;
uint32_t lab_thread_number(void);
/* The running thread ends; it makes no more hypercalls. */
void lab_thread_end(void);
/* Follow the scheduler from now on. */
void lab_threads_follow(void);
/*
 * Is there something to be written before the next record: a switch of which it was not known
 * then who came to run, or that the processor was idle?
 */
extern uint64_t lab_unsettled;
void lab_switch_settle(void);
/* The number of a thread that need not run, 0 if it has none yet. */
uint32_t lab_number_of(const struct bmk_thread *thread);
/* There is nothing to run, from here to there. */
void lab_idle_begin(void);
void lab_idle_end(void);

/* --- trace_stack.c --- */

/* Write the stack of whoever called, behind the record it belongs to. */
void lab_record_stack(unsigned event);

static inline uint64_t lab_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline int lab_bit(const uint64_t *bits, unsigned event)
{
	const volatile uint64_t *words = bits;

	return words[event / 64] >> (event % 64) & 1;
}

static inline int lab_wants(unsigned event)
{
	return __builtin_expect(lab_bit(lab_header.enabled, event), 0);
}

#endif
