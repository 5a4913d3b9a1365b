/*
 * lab_trace.h - trace points: a counter always, a record when the lab asked for it.
 *
 * Not recorded, a point costs an increment, a load and a branch not taken.  Built with
 * TRACE=0 it costs nothing and counts nothing (to measure what the points cost).
 */
#ifndef RUMPKIT_LAB_TRACE_H
#define RUMPKIT_LAB_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "lab_abi.h"
#include "lab_record.h"

extern uint64_t lab_counters[LAB_EVENTS];

/* Write one record into the ring, if there is one.  Any context, interrupts off. */
void lab_trace_record(unsigned event, unsigned kind, uint64_t a0, uint64_t a1,
    uint64_t a2, uint64_t a3, uint64_t caller);
/*
 * Write the first bytes of an argument behind the record they belong to: most of them, of
 * total in all.  They are the runtime's own, or were copied, so that reading cannot fault.
 */
void lab_trace_data(unsigned event, unsigned argument, const void *data, size_t most,
    size_t total);

/* Is anything recorded?  Then facts are written as well (lab_abi.h), with their text. */
bool lab_trace_any(void);
void lab_trace_fact(unsigned event, const uint64_t words[4], const char *text);

#ifndef LAB_TRACE
#define LAB_TRACE 1
#endif

static inline int lab_trace_wants(unsigned event)
{
	const volatile uint64_t *enabled = lab_header.enabled;

	return LAB_TRACE && __builtin_expect(enabled[event / 64] >> (event % 64) & 1, 0);
}

static inline void lab_trace_count(unsigned event)
{
	if (LAB_TRACE)
		lab_counters[event]++;
}

static inline void lab_trace_instant(unsigned event, uint64_t a0, uint64_t a1, uint64_t a2)
{
	lab_trace_count(event);
	if (lab_trace_wants(event))
		lab_trace_record(event, LAB_RECORD_INSTANT, a0, a1, a2, 0, 0);
}

/*
 * The two ends of what is no hypercall: an interrupt, a fault, an exit to the host.  Begin
 * says whether it was recorded, for end.
 */
static inline int lab_trace_begin(unsigned event, uint64_t a0, uint64_t a1, uint64_t a2)
{
	int traced = lab_trace_wants(event);

	lab_trace_count(event);
	if (traced)
		lab_trace_record(event, LAB_RECORD_ENTER, a0, a1, a2, 0, 0);
	return traced;
}

static inline void lab_trace_end(int traced, unsigned event)
{
	if (traced)
		lab_trace_record(event, LAB_RECORD_EXIT, 0, 0, 0, 0, 0);
}

/* Note when a boot phase was first reached. */
void lab_phase(enum lab_phase phase);

/*
 * Hypercall bodies begin with one of these and end with HYPERCALL_RETURN or _EXIT.  The
 * exit is recorded if the entry was, whatever the lab switched on or off in between.
 */
#define HYPERCALL_ENTER(name, a0, a1, a2, a3) \
	const int traced_ = lab_trace_wants(LAB_EVENT_HYPERCALL + LAB_HC_##name); \
	lab_trace_count(LAB_EVENT_HYPERCALL + LAB_HC_##name); \
	if (traced_) \
		lab_trace_enter(LAB_EVENT_HYPERCALL + LAB_HC_##name, \
		    (uint64_t)(a0), (uint64_t)(a1), (uint64_t)(a2), (uint64_t)(a3), \
		    (uint64_t)__builtin_return_address(0))
#define HYPERCALL_EXIT(name, result) do { \
	if (traced_) \
		lab_trace_exit(LAB_EVENT_HYPERCALL + LAB_HC_##name, (uint64_t)(result)); \
} while (0)
#define HYPERCALL_RETURN(name, result) do { \
	__typeof__(result) result_ = (result); \
	HYPERCALL_EXIT(name, result_); \
	return result_; \
} while (0)

#endif
