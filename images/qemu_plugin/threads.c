/*
 * threads.c - which of Rumprun's threads runs, when that changes, and who is made to run.
 *
 * A thread is known by its structure's address until it ends.  bmk_current is a thread-local
 * variable: found from the thread pointer, which is asked for at each event.
 */
#include "plugin.h"

#define THREADS 1024   /* at a time; a power of two */
#define RUNNABLE 0x1   /* bits of a thread's flags in lib/libbmk_core/sched.c */
#define BLOCKED 0x6
#define NAME_BYTES 16

static struct {
	uint64_t thread; /* 0: free */
	uint32_t number;
} known[THREADS];
static uint32_t numbers;
static uint64_t last_pointer, last_thread;
static uint32_t last_number;
static uint64_t ending;

/* Nothing runs since then, on this thread's stack. */
static uint64_t idle_since, idle_until;
static uint32_t idle_number;

/* Since when the thread that runs has had the processor. */
static uint64_t slice_begin;

static struct lab_thread *entry_of(uint32_t number)
{
	struct lab_thread *threads = (void *)((char *)header + header->threads_address);

	return &threads[(number - 1) % header->threads_capacity];
}

/* Where a thread is known or, if it is not, may become so; THREADS: there is no room. */
static unsigned slot_of(uint64_t thread)
{
	unsigned first = (unsigned)(thread >> 4) % THREADS, free = THREADS;

	for (unsigned i = 0; i < THREADS; i++) {
		unsigned slot = (first + i) % THREADS;

		if (known[slot].thread == thread)
			return slot;
		if (!known[slot].thread && free == THREADS)
			free = slot;
		if (!known[slot].thread && !known[slot].number)
			break; /* never used: what is sought cannot be behind it */
	}
	return free;
}

static uint32_t known_number(uint64_t thread)
{
	unsigned slot = slot_of(thread);

	return slot < THREADS && known[slot].thread == thread ? known[slot].number : 0;
}

static uint32_t number_of(uint64_t thread)
{
	unsigned slot = slot_of(thread);
	struct lab_thread *entry;

	if (slot == THREADS || known[slot].thread == thread)
		return slot == THREADS ? 0 : known[slot].number;
	known[slot].thread = thread;
	known[slot].number = ++numbers;
	entry = entry_of(numbers);
	entry->number = numbers;
	entry->state = LAB_THREAD_RUNNABLE;
	entry->stack_pointer = thread;
	machine_read(thread + setup->name_offset, entry->name, NAME_BYTES);
	entry->name[NAME_BYTES] = 0;
	counters[LAB_EVENT_THREAD]++;
	if (wants(LAB_EVENT_THREAD)) {
		uint64_t words[5] = { numbers };

		__builtin_memcpy(&words[1], entry->name, sizeof(entry->name));
		record_at(now(), LAB_EVENT_THREAD, LAB_RECORD_INSTANT, 0, last_number, words);
	}
	return known[slot].number;
}

static void current_find(void)
{
	uint64_t pointer = machine_register(REG_FS_BASE);

	if (pointer == last_pointer)
		return;
	last_pointer = pointer;
	last_thread = pointer ? machine_word(pointer + (uint64_t)setup->current_offset) : 0;
	last_number = last_thread ? number_of(last_thread) : 0;
}

/* What a thread has had of the processor, up to now. */
static void slice_end(uint32_t number)
{
	uint64_t time = now();

	if (number && slice_begin && entry_of(number)->number == number)
		entry_of(number)->cpu_tsc += time - slice_begin;
	slice_begin = time;
}

static void switched(uint64_t time, uint32_t from, uint32_t to, unsigned state)
{
	const uint64_t words[5] = { from, to, state };

	if (wants(LAB_EVENT_SWITCH) && from != to)
		record_at(time, LAB_EVENT_SWITCH, LAB_RECORD_INSTANT, 0, from, words);
}

/* The processor has gone on since it was idle, in the thread that went to sleep. */
static void idle_settle(uint32_t next)
{
	if (!idle_since)
		return;
	switched(idle_until, 0, next, 0);
	idle_since = 0;
}

uint32_t thread_number(void)
{
	current_find();
	if (idle_since && idle_until)
		idle_settle(last_number);
	return idle_since ? 0 : last_number;
}

static unsigned state_of(uint64_t thread)
{
	uint32_t flags = 0;

	if (thread == ending)
		return LAB_THREAD_EXITED;
	machine_read(thread + setup->flags_offset, &flags, sizeof(flags));
	return flags & BLOCKED ? LAB_THREAD_BLOCKED : flags & RUNNABLE ? LAB_THREAD_RUNNABLE : 0;
}

/* The thread pointer is that of the thread that comes already. */
void thread_switch(uint64_t from, uint64_t to)
{
	uint64_t gone = from - setup->tcb_offset, next = to - setup->tcb_offset;
	uint32_t gone_number = known_number(gone), next_number = number_of(next);

	counters[LAB_EVENT_SWITCH]++;
	if (idle_since) {
		idle_settle(next_number);
	} else {
		slice_end(gone_number);
		switched(now(), gone_number, next_number, state_of(gone));
	}
	if (gone_number && ending == gone)
		known[slot_of(gone)].thread = 0; /* its address is free for another */
	ending = 0;
	last_pointer = machine_register(REG_FS_BASE);
	last_thread = next;
	last_number = next_number;
}

void thread_idle(int begins)
{
	if (!begins) {
		slice_begin = idle_until = now();
		return;
	}
	current_find();
	if (!idle_since) {
		idle_number = last_number;
		slice_end(idle_number);
		idle_since = now();
		counters[LAB_EVENT_SWITCH]++;
		switched(idle_since, idle_number, 0, state_of(last_thread));
	}
	idle_until = 0;
}

void thread_wake(uint64_t thread)
{
	counters[LAB_EVENT_WAKEUP]++;
	if (wants(LAB_EVENT_WAKEUP) && state_of(thread) == LAB_THREAD_BLOCKED) {
		const uint64_t words[5] = { number_of(thread) };

		record(LAB_EVENT_WAKEUP, LAB_RECORD_INSTANT, 0, words);
	}
}

void thread_exit(void)
{
	current_find();
	ending = last_thread;
	if (last_number)
		entry_of(last_number)->state = LAB_THREAD_EXITED;
}
