/*
 * thread.c - the birth and death of threads: stacks, numbers, records for the lab.
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "schedule.h"

#define STACK_PAGES 8       /* the lowest is the guard */
#define STACKS_KEPT 16      /* of ended threads; a guard page is costly to make */
#define RECORDS 256         /* threads the lab can see at once */

static struct bmk_thread *all;
static struct lab_thread records[RECORDS];
static struct lab_thread spare_record;   /* for threads beyond RECORDS */
static struct bmk_thread boot_thread;
static uint32_t last_number;
static char *kept_stacks[STACKS_KEPT];
static unsigned kept_count;

/* --- stacks --- */

static char *stack_create(void)
{
	char *stack = kept_count ? kept_stacks[--kept_count] : bmk_pages_alloc(STACK_PAGES);

	/* A kept stack's guard page is out of the address space already. */
	if (stack && bmk_map_present((uintptr_t)stack) &&
	    !bmk_map_page((uintptr_t)stack, stack, 0)) {
		bmk_pages_free(stack, STACK_PAGES);
		return NULL;
	}
	return stack;
}

static void stack_destroy(char *stack)
{
	if (kept_count < STACKS_KEPT) {
		kept_stacks[kept_count++] = stack;
		return;
	}
	bmk_map_protect((uintptr_t)stack, BMK_MAP_READ | BMK_MAP_WRITE);
	bmk_pages_free(stack, STACK_PAGES);
}

void bmk_thread_destroy(struct bmk_thread *thread)
{
	struct bmk_thread **link = &all;

	while (*link != thread)
		link = &(*link)->all_next;
	*link = thread->all_next;
	if (thread->fpu)
		bmk_memory_free(thread->fpu, arch_fpu_bytes());
	stack_destroy(thread->stack);
	bmk_memory_free(thread, sizeof(*thread));
}

/* --- birth --- */

void bmk_thread_set_name(struct bmk_thread *thread, const char *name)
{
	uint64_t words[sizeof(thread->record->name) / 8] = { 0 };

	lib_strlcpy(thread->record->name, name, sizeof(thread->record->name));
	lab_trace_count(LAB_EVENT_THREAD);
	if (!lab_trace_wants(LAB_EVENT_THREAD))
		return;
	lib_strlcpy((char *)words, name, sizeof(words));
	lab_trace_record(LAB_EVENT_THREAD, LAB_RECORD_INSTANT, thread->number, words[0], words[1],
	    words[2], words[3]);
}

static struct lab_thread *record_take(void)
{
	for (unsigned i = 0; i < RECORDS; i++)
		if (records[i].state == LAB_THREAD_FREE)
			return &records[i];
	return &spare_record;
}

static void thread_register(struct bmk_thread *thread, const char *name)
{
	thread->number = ++last_number;
	thread->record = record_take();
	*thread->record = (struct lab_thread){
		.number = thread->number, .state = LAB_THREAD_BLOCKED,
	};
	bmk_thread_set_name(thread, name);
	thread->all_next = all;
	all = thread;
}

static struct bmk_thread *thread_alloc(const char *name, bool application)
{
	struct bmk_thread *thread = bmk_memory_alloc(sizeof(*thread), 0);

	if (!thread)
		return NULL;
	memset(thread, 0, sizeof(*thread));
	thread->stack = stack_create();
	if (application)
		thread->fpu = bmk_memory_alloc(arch_fpu_bytes(), 64);
	if (!thread->stack || (application && !thread->fpu)) {
		if (thread->stack)
			stack_destroy(thread->stack);
		if (thread->fpu)
			bmk_memory_free(thread->fpu, arch_fpu_bytes());
		bmk_memory_free(thread, sizeof(*thread));
		return NULL;
	}
	if (application)
		arch_fpu_create(thread->fpu);
	thread_register(thread, name);
	return thread;
}

/* What the first arch_switch to a thread finds: registers and a place to go. */
static void stack_prepare(struct bmk_thread *thread, uint64_t *top, const char *where)
{
	*--top = (uintptr_t)where;
	top -= 6;
	memset(top, 0, 6 * sizeof(*top));
	top[4] = (uintptr_t)thread->function; /* rbx */
	top[3] = (uintptr_t)thread->argument; /* r12 */
	thread->stack_pointer = (uintptr_t)top;
}

uintptr_t bmk_thread_stack_top(const struct bmk_thread *thread)
{
	return (uintptr_t)thread->stack + STACK_PAGES * BMK_PAGE_BYTES;
}

static uint64_t *stack_top(const struct bmk_thread *thread)
{
	return (uint64_t *)bmk_thread_stack_top(thread);
}

struct bmk_thread *bmk_thread_create(void *(*function)(void *), void *argument,
    const char *name, bool must_join)
{
	struct bmk_thread *thread = thread_alloc(name, false);

	if (!thread)
		return NULL;
	thread->must_join = must_join;
	thread->function = function;
	thread->argument = argument;
	stack_prepare(thread, stack_top(thread) - 2, arch_thread_begin);
	bmk_schedule_new(thread);
	return thread;
}

struct bmk_thread *bmk_thread_start(const struct rumpcomp_frame *frame, uint64_t fs_base,
    const char *name, void *owner)
{
	struct bmk_thread *thread = thread_alloc(name, true);
	struct rumpcomp_frame *copy;

	if (!thread)
		return NULL;
	thread->fs_base = fs_base;
	thread->owner = owner;
	/* The child of a clone goes on with its parent's vector registers. */
	if (bmk_current->fpu) {
		arch_fpu_save(bmk_current->fpu);
		memcpy(thread->fpu, bmk_current->fpu, arch_fpu_bytes());
	}
	copy = (struct rumpcomp_frame *)stack_top(thread) - 1;
	*copy = *frame;
	stack_prepare(thread, (uint64_t *)copy, arch_syscall_return);
	bmk_schedule_new(thread);
	return thread;
}

struct bmk_thread *bmk_thread_begin(void *(*function)(void *owner), const char *name, void *owner)
{
	struct bmk_thread *thread = thread_alloc(name, true);

	if (!thread)
		return NULL;
	thread->owner = owner;
	thread->function = function;
	thread->argument = owner;
	stack_prepare(thread, stack_top(thread) - 2, arch_thread_begin);
	bmk_schedule_new(thread);
	return thread;
}

/* --- death --- */

void bmk_thread_exit(void)
{
	struct bmk_thread *thread = bmk_current;

	thread->exited = true;
	thread->record->state = thread->must_join ? LAB_THREAD_EXITED : LAB_THREAD_FREE;
	if (thread->must_join && thread->joiners)
		bmk_waitq_wake(thread->joiners, 1);
	bmk_schedule_leave(!thread->must_join);
}

void bmk_thread_join(struct bmk_thread *thread)
{
	struct bmk_waitq queue = { 0 };

	while (!thread->exited) {
		thread->joiners = &queue;
		bmk_waitq_sleep(&queue, BMK_FOREVER);
	}
	thread->record->state = LAB_THREAD_FREE;
	bmk_thread_destroy(thread);
}

struct bmk_thread *bmk_thread_find(uint32_t number)
{
	struct bmk_thread *thread = all;

	while (thread && thread->number != number)
		thread = thread->all_next;
	return thread;
}

uint64_t bmk_thread_cpu_tsc(const struct bmk_thread *thread)
{
	uint64_t running = thread->record->slice_tsc;

	return thread->record->cpu_tsc + (running ? arch_tsc() - running : 0);
}

void bmk_threads_create(void)
{
	bmk_current = &boot_thread;
	thread_register(&boot_thread, "boot");
	boot_thread.record->state = LAB_THREAD_RUNNABLE;
	boot_thread.record->slice_tsc = arch_tsc();
	boot_thread.must_join = true; /* its stack is the image's own */
	lab_record_thread(boot_thread.number);
	lab_header.threads_address = (uintptr_t)records;
	lab_header.threads_capacity = RECORDS;
}
