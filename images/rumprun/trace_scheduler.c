/*
 * trace_scheduler.c - what upstream's scheduler does besides: it idles, and wakes threads.
 *
 * These are called inside of the one object that upstream's bmk layer is, where the linker
 * wraps nothing.  So that object is linked as a copy in which they are weak, and have second
 * names (kernel_magics/build/rumprun/tracing.py makes it): those here come in their place.
 */
#include "trace.h"
#include "upstream.h"

#define SECOND_NAME __attribute__((weak))

void bmk_platform_cpu_block(int64_t until_ns);
void bmk_sched_wake(struct bmk_thread *thread);
SECOND_NAME void rumplab_real_bmk_platform_cpu_block(int64_t until_ns);
SECOND_NAME void rumplab_real_bmk_sched_wake(struct bmk_thread *thread);

/* In the scheduler, on the stack of the thread that went to sleep last. */
void bmk_platform_cpu_block(int64_t until_ns)
{
	lab_idle_begin();
	rumplab_real_bmk_platform_cpu_block(until_ns);
	lab_idle_end();
}

/*
 * Also from upstream's interrupt handlers, which save fewer registers than a function may
 * change.
 */
__attribute__((no_caller_saved_registers)) void bmk_sched_wake(struct bmk_thread *thread)
{
	if (upstream_state(thread) == 2) {
		lab_counters[LAB_EVENT_WAKEUP]++;
		if (lab_wants(LAB_EVENT_WAKEUP)) {
			const uint64_t words[5] = { lab_number_of(thread) };

			lab_record(LAB_EVENT_WAKEUP, LAB_RECORD_INSTANT, 0, words);
		}
	}
	rumplab_real_bmk_sched_wake(thread);
}
