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

/*
 * What is not written yet: a switch, of which there is a slot in the ring, from whom (0: the
 * processor was idle) and in what state; or that it was idle, until when.
 */
enum { SETTLED, SWITCHED, IDLE, IDLE_ENDED };
uint64_t lab_unsettled;
static uint64_t open_slot, idle_until;
static uint32_t gone_number, gone_state;

/* Since when the thread that runs has had the processor. */
static uint64_t slice_begin;

/* Where a thread's own_number is, from its thread pointer. */
static intptr_t number_offset;

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
	if (lab_unsettled == IDLE)
		return 0; /* an interrupt's handler asks */
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

/* What a thread has had of the processor, up to now. */
static void slice_end(uint32_t number)
{
	struct lab_thread *entry = &threads[(number - 1) % THREADS];
	uint64_t now = lab_tsc();

	if (number && entry->number == number)
		entry->cpu_tsc += now - slice_begin;
	slice_begin = now;
}

static uint32_t state_of(const struct bmk_thread *thread)
{
	static const uint32_t states[] = { 0, LAB_THREAD_RUNNABLE, LAB_THREAD_BLOCKED };

	return ending ? LAB_THREAD_EXITED : states[upstream_state(thread)];
}

static void switch_write(uint64_t slot, uint32_t from, uint32_t to, uint32_t state)
{
	const uint64_t words[5] = { from, to, state };

	lab_record_close(slot, LAB_EVENT_SWITCH, LAB_RECORD_INSTANT, from, words);
}

static void hook(void *before, void *after)
{
	if (hook_before)
		hook_before(before, after); /* first: it may make hypercalls, as the one who goes */
	lab_counters[LAB_EVENT_SWITCH]++;
	if (lab_unsettled == IDLE_ENDED) {
		gone_number = 0;
	} else {
		lab_switch_settle();
		gone_number = lab_thread_number();
		gone_state = state_of(bmk_current);
		slice_end(gone_number);
	}
	ending = 0;
	lab_unsettled = SETTLED;
	if (!lab_wants(LAB_EVENT_SWITCH))
		return;
	open_slot = lab_record_open(gone_number ? lab_tsc() : idle_until);
	lab_unsettled = open_slot ? SWITCHED : SETTLED;
}

void lab_switch_settle(void)
{
	uint64_t state = lab_unsettled, slot = open_slot;

	if (state == IDLE_ENDED) { /* the thread that went to sleep goes on */
		lab_unsettled = SETTLED;
		if (lab_wants(LAB_EVENT_SWITCH))
			switch_write(lab_record_open(idle_until), 0, lab_thread_number(), 0);
	} else if (state == SWITCHED && lab_thread_number() != gone_number) {
		lab_unsettled = SETTLED;
		switch_write(slot, gone_number, lab_thread_number(), gone_number ? gone_state : 0);
	}
}

void lab_idle_begin(void)
{
	uint32_t number;

	if (lab_unsettled == IDLE_ENDED) { /* an interrupt came, and made nobody run */
		lab_unsettled = IDLE;
		return;
	}
	lab_switch_settle();
	number = lab_thread_number();
	slice_end(number);
	lab_counters[LAB_EVENT_SWITCH]++;
	if (lab_wants(LAB_EVENT_SWITCH))
		switch_write(lab_record_open(lab_tsc()), number, 0, state_of(bmk_current));
	lab_unsettled = IDLE;
}

void lab_idle_end(void)
{
	slice_begin = idle_until = lab_tsc();
	lab_unsettled = IDLE_ENDED;
}

uint32_t lab_number_of(const struct bmk_thread *thread)
{
	const struct upstream_thread *other = (const void *)thread;

	return *(const uint32_t *)(const void *)(other->thread_pointer + number_offset);
}

void lab_threads_follow(void)
{
	lab_header.threads_address = (uintptr_t)threads;
	lab_header.threads_capacity = THREADS;
	lab_thread_number();
	slice_begin = lab_tsc();
	number_offset = (char *)&lab_own_number -
	    ((const struct upstream_thread *)(const void *)bmk_current)->thread_pointer;
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
