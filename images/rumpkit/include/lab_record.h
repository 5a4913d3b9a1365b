/*
 * lab_record.h - how a record is written, in the place where it is written.
 *
 * No call, because under TCG a call and its return are looked up by address each time when
 * they leave the page: that was a third of what tracing a hypercall cost.
 *
 * Interrupts are off wherever the runtime runs, so nothing comes between; the lab sees the
 * index before anything of the slot changes, and the sequence number after.
 */
#ifndef RUMPKIT_LAB_RECORD_H
#define RUMPKIT_LAB_RECORD_H

#include <stdint.h>

#include "lab_abi.h"

extern struct lab_header lab_header;
/* One slot that nobody reads, until there is a ring. */
extern struct lab_record *lab_ring;
extern uint64_t lab_ring_mask;
/*
 * Who writes, as it stands in a record, so that one load brings it: the thread, 0 while
 * idle, and LAB_DETAIL_IN_INTERRUPT while a handler runs, or 0.
 */
struct lab_record_who {
	uint16_t event;  /* 0 here, as the kind: the record's own are added */
	uint8_t kind;
	uint8_t detail;
	uint32_t thread;
};
extern struct lab_record_who lab_record_who;

/* This thread runs now. */
static inline void lab_record_thread(uint32_t number)
{
	lab_header.thread_current = number;
	lab_record_who.thread = number;
}

/* Write the caller's stack behind the record, in the runtime and in the program that called. */
void lab_record_stack(unsigned event);

static inline uint64_t lab_record_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline struct lab_record *lab_record_take(uint64_t *index, unsigned event,
    unsigned kind)
{
	struct lab_record *record;

	*index = lab_header.ring_write_index;
	*(volatile uint64_t *)&lab_header.ring_write_index = *index + 1;
	record = &lab_ring[*index & lab_ring_mask];
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	record->tsc = lab_record_tsc();
	/* Event, kind, detail and thread in one store. */
	*(uint64_t *)(void *)&record->event =
	    *(const uint64_t *)(const void *)&lab_record_who | kind << 16 | event;
	return record;
}

static inline void lab_record_give(struct lab_record *record, uint64_t index)
{
	__atomic_store_n(&record->sequence, index + 1, __ATOMIC_RELEASE);
}

static inline int lab_record_wants_stack(unsigned event)
{
	const volatile uint64_t *stacks = lab_header.stacks;

	return __builtin_expect(stacks[event / 64] >> (event % 64) & 1, 0);
}

static inline void lab_record_put(unsigned event, unsigned kind, uint64_t a0, uint64_t a1,
    uint64_t a2, uint64_t a3, uint64_t caller)
{
	uint64_t index;
	struct lab_record *record = lab_record_take(&index, event, kind);

	record->args[0] = a0;
	record->args[1] = a1;
	record->args[2] = a2;
	record->args[3] = a3;
	record->caller = caller;
	lab_record_give(record, index);
}

/* The two ends of a call. */
static inline void lab_trace_enter(unsigned event, uint64_t a0, uint64_t a1, uint64_t a2,
    uint64_t a3, uint64_t caller)
{
	lab_record_put(event, LAB_RECORD_ENTER, a0, a1, a2, a3, caller);
	if (lab_record_wants_stack(event))
		lab_record_stack(event);
}

static inline void lab_trace_exit(unsigned event, uint64_t result)
{
	uint64_t index;
	struct lab_record *record = lab_record_take(&index, event, LAB_RECORD_EXIT);

	record->args[0] = result;
	lab_record_give(record, index);
}

#endif
