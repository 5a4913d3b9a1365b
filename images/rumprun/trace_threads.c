/*
 * trace_threads.c - numbers and names for Rumprun's threads, and their switches.
 *
 * A thread gets its number with its first event, and keeps it in a thread-local variable.
 * The scheduler's hook is called by the thread that goes, and does not tell which one comes:
 * that is seen by whoever runs next, and written then.
 */
#include "trace.h"
#include "upstream.h"

#define THREADS 256 /* names of so many are kept, the newest */

typedef void (*hook_fn)(void *, void *);

void __real_bmk_sched_set_hook(hook_fn hook);
void __wrap_bmk_sched_set_hook(hook_fn hook);
void __real_bmk_sched_exit(void);
void __wrap_bmk_sched_exit(void);
void __real_bmk_sched_exit_withtls(void);
void __wrap_bmk_sched_exit_withtls(void);

static struct lab_thread threads[THREADS]; /* number n at (n - 1) % THREADS */
static uint32_t numbers;                   /* given so far */
__thread uint32_t lab_own_number;
static hook_fn hook_before;

/* The number of a thread that ends: its thread-local variables go before it does. */
static uint32_t ending;

/* The switch that is not written yet: who went, and in what state. */
uint64_t lab_switch_slot;
static uint32_t gone_number, gone_state;

static void name_copy(char *to, const char *from)
{
	unsigned i = 0;

	for (; i + 1 < sizeof(threads[0].name) && from && from[i]; i++)
		to[i] = from[i];
	to[i] = 0;
}

static __attribute__((noinline)) void number_give(void)
{
	struct lab_thread *entry = &threads[numbers++ % THREADS];
	uint64_t words[5] = { numbers };

	lab_own_number = numbers;
	name_copy(entry->name, bmk_sched_threadname(bmk_current));
	entry->number = numbers;
	entry->state = LAB_THREAD_RUNNABLE;
	entry->stack_pointer = (uintptr_t)bmk_current;
	lab_counters[LAB_EVENT_THREAD]++;
	if (lab_wants(LAB_EVENT_THREAD)) {
		__builtin_memcpy(&words[1], entry->name, sizeof(entry->name));
		lab_record(LAB_EVENT_THREAD, LAB_RECORD_INSTANT, 0, words);
	}
}

uint32_t lab_thread_number(void)
{
	if (ending)
		return ending;
	if (!lab_own_number)
		number_give();
	return lab_own_number;
}

void lab_thread_end(void)
{
	if (ending)
		return;
	ending = lab_thread_number();
	threads[(ending - 1) % THREADS].state = LAB_THREAD_EXITED;
}

/* --- switches --- */

static uint32_t state_of(const struct bmk_thread *thread)
{
	static const uint32_t states[] = { 0, LAB_THREAD_RUNNABLE, LAB_THREAD_BLOCKED };

	return ending ? LAB_THREAD_EXITED : states[upstream_state(thread)];
}

static void hook(void *before, void *after)
{
	lab_counters[LAB_EVENT_SWITCH]++;
	lab_switch_settle();
	gone_number = lab_thread_number();
	gone_state = state_of(bmk_current);
	ending = 0;
	if (lab_wants(LAB_EVENT_SWITCH))
		lab_switch_slot = lab_record_open();
	if (hook_before)
		hook_before(before, after);
}

void lab_switch_settle(void)
{
	uint64_t words[5] = { gone_number, 0, gone_state, 0, 0 };
	uint64_t slot = lab_switch_slot;

	if (!slot || lab_thread_number() == gone_number)
		return;
	lab_switch_slot = 0;
	words[1] = lab_thread_number();
	lab_record_close(slot, LAB_EVENT_SWITCH, LAB_RECORD_INSTANT, gone_number, words);
}

void lab_threads_follow(void)
{
	lab_header.threads_address = (uintptr_t)threads;
	lab_header.threads_capacity = THREADS;
	lab_thread_number();
	__real_bmk_sched_set_hook(hook);
}

void __wrap_bmk_sched_set_hook(hook_fn other)
{
	hook_before = other;
}

void __wrap_bmk_sched_exit(void)
{
	lab_thread_end();
	__real_bmk_sched_exit();
}

void __wrap_bmk_sched_exit_withtls(void)
{
	lab_thread_end();
	__real_bmk_sched_exit_withtls();
}
