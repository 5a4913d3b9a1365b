/*
 * trace_threads.c - numbers and names for Rumprun's threads, and their switches.
 *
 * A thread is known by its structure's address until it ends; then the address may become
 * another thread's.  The scheduler's hook is called by the thread that goes, and does not
 * tell which one comes: that is seen by whoever runs next, and written then.
 */
#include "trace.h"
#include "upstream.h"

#define THREADS 256 /* a power of two; those beyond get no number */

typedef void (*hook_fn)(void *, void *);

void __real_bmk_sched_set_hook(hook_fn hook);
void __wrap_bmk_sched_set_hook(hook_fn hook);
struct bmk_thread *__real_bmk_sched_create_withtls(const char *name, void *cookie, int joinable,
    void (*function)(void *), void *data, void *stack, unsigned long stack_bytes, void *tls);
struct bmk_thread *__wrap_bmk_sched_create_withtls(const char *name, void *cookie, int joinable,
    void (*function)(void *), void *data, void *stack, unsigned long stack_bytes, void *tls);
struct bmk_thread *__real_bmk_sched_create(const char *name, void *cookie, int joinable,
    void (*function)(void *), void *data, void *stack, unsigned long stack_bytes);
struct bmk_thread *__wrap_bmk_sched_create(const char *name, void *cookie, int joinable,
    void (*function)(void *), void *data, void *stack, unsigned long stack_bytes);
void __real_bmk_sched_exit(void);
void __wrap_bmk_sched_exit(void);
void __real_bmk_sched_exit_withtls(void);
void __wrap_bmk_sched_exit_withtls(void);

static struct lab_thread threads[THREADS];
static struct bmk_thread *owners[THREADS]; /* of the slots in threads; NULL: free */
static uint32_t numbers;                   /* given so far */
static struct bmk_thread *last;            /* what lab_thread_number was asked of before */
static uint32_t last_number;
static hook_fn hook_before;

/* The switch that is not written yet: its slot in the ring, who went, and from where on. */
static uint64_t open_slot;
static struct bmk_thread *gone;
static uint32_t gone_number, gone_state;

static unsigned slot_of(const struct bmk_thread *thread)
{
	unsigned first = (unsigned)((uintptr_t)thread >> 6) % THREADS;

	for (unsigned i = 0; i < THREADS; i++)
		if (owners[(first + i) % THREADS] == thread)
			return (first + i) % THREADS;
	return THREADS;
}

static unsigned free_slot(const struct bmk_thread *thread)
{
	unsigned first = (unsigned)((uintptr_t)thread >> 6) % THREADS;

	for (unsigned i = 0; i < THREADS; i++)
		if (!owners[(first + i) % THREADS])
			return (first + i) % THREADS;
	return THREADS;
}

static void name_copy(char *to, const char *from)
{
	unsigned i = 0;

	for (; i + 1 < sizeof(threads[0].name) && from && from[i]; i++)
		to[i] = from[i];
	to[i] = 0;
}

static uint32_t thread_add(struct bmk_thread *thread)
{
	unsigned slot = free_slot(thread);
	struct lab_thread *entry = &threads[slot];
	uint64_t words[5] = { 0 };

	if (slot == THREADS)
		return 0;
	owners[slot] = thread;
	entry->number = ++numbers;
	entry->state = LAB_THREAD_RUNNABLE;
	entry->stack_pointer = (uintptr_t)thread;
	name_copy(entry->name, bmk_sched_threadname(thread));
	lab_counters[LAB_EVENT_THREAD]++;
	if (lab_wants(LAB_EVENT_THREAD)) {
		words[0] = entry->number;
		__builtin_memcpy(&words[1], entry->name, sizeof(entry->name));
		/* Not lab_record: it would ask for the number of the thread that runs. */
		lab_record_close(lab_record_open(), LAB_EVENT_THREAD, LAB_RECORD_INSTANT,
		    last_number, words);
	}
	return entry->number;
}

uint32_t lab_thread_number(void)
{
	struct bmk_thread *thread = bmk_current;
	unsigned slot;

	if (thread == last)
		return last_number;
	slot = slot_of(thread);
	last_number = slot < THREADS ? threads[slot].number : thread_add(thread);
	last = thread;
	lab_header.thread_current = last_number;
	return last_number;
}

void lab_thread_begin(struct bmk_thread *thread)
{
	lab_switch_settle();
	if (thread && slot_of(thread) == THREADS)
		thread_add(thread);
}

void lab_thread_end(void)
{
	unsigned slot = slot_of(bmk_current);

	if (slot == THREADS)
		return;
	lab_thread_number();
	threads[slot].state = LAB_THREAD_EXITED;
}

/* --- switches --- */

static void hook(void *before, void *after)
{
	unsigned slot = slot_of(bmk_current);

	lab_counters[LAB_EVENT_SWITCH]++;
	lab_switch_settle();
	gone_number = lab_thread_number();
	gone = bmk_current;
	gone_state = slot < THREADS ? threads[slot].state : LAB_THREAD_RUNNABLE;
	if (gone_state == LAB_THREAD_EXITED)
		owners[slot] = NULL; /* its address is free for another */
	if (lab_wants(LAB_EVENT_SWITCH))
		open_slot = lab_record_open();
	last = NULL;
	if (hook_before)
		hook_before(before, after);
}

void lab_switch_settle(void)
{
	uint64_t words[5] = { gone_number, 0, gone_state, 0, 0 };
	uint64_t slot = open_slot;

	if (!slot || bmk_current == gone)
		return;
	open_slot = 0;
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

struct bmk_thread *__wrap_bmk_sched_create_withtls(const char *name, void *cookie, int joinable,
    void (*function)(void *), void *data, void *stack, unsigned long stack_bytes, void *tls)
{
	struct bmk_thread *thread = __real_bmk_sched_create_withtls(name, cookie, joinable,
	    function, data, stack, stack_bytes, tls);

	lab_thread_begin(thread);
	return thread;
}

struct bmk_thread *__wrap_bmk_sched_create(const char *name, void *cookie, int joinable,
    void (*function)(void *), void *data, void *stack, unsigned long stack_bytes)
{
	struct bmk_thread *thread = __real_bmk_sched_create(name, cookie, joinable, function, data,
	    stack, stack_bytes);

	lab_thread_begin(thread);
	return thread;
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
