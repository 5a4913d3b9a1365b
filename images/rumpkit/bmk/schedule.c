/*
 * schedule.c - who runs: one processor, round robin, tickless.
 *
 * A thread is switched away from only on its own stack in the runtime: where it sleeps,
 * or, when an interrupt ends its slice in the application, where trap.c took it.
 * The timer runs only for the next sleeper's deadline, and for the end of the slice
 * when another thread is waiting for the processor.
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "schedule.h"
#include "trace.h"

#define SLICE_NS 5000000
#define LOOK_NS 100000000 /* so soon is noticed, in a computing thread, what the lab wants */

static struct bmk_waitq ready;
static struct bmk_thread *sleepers;      /* by deadline */
static int64_t timer_deadline_ns = BMK_FOREVER;
static int64_t slice_end_ns;
static int64_t look_ns;
static bool was_idle;                    /* between two threads */
static struct bmk_thread *dead;          /* its stack is in use until the next switch */

struct bmk_thread *bmk_current;
bool bmk_reschedule;
void *rumpcomp_current_owner;
void (*bmk_switch_handler)(void *owner);

/* --- queues --- */

static void queue_append(struct bmk_waitq *queue, struct bmk_thread *thread)
{
	thread->next = NULL;
	thread->previous = queue->last;
	if (queue->last)
		queue->last->next = thread;
	else
		queue->first = thread;
	queue->last = thread;
}

static void queue_remove(struct bmk_waitq *queue, struct bmk_thread *thread)
{
	if (thread->previous)
		thread->previous->next = thread->next;
	else
		queue->first = thread->next;
	if (thread->next)
		thread->next->previous = thread->previous;
	else
		queue->last = thread->previous;
}

static void sleepers_insert(struct bmk_thread *thread)
{
	struct bmk_thread *after = NULL, *before = sleepers;

	while (before && before->deadline_ns <= thread->deadline_ns) {
		after = before;
		before = before->timer_next;
	}
	thread->timer_previous = after;
	thread->timer_next = before;
	if (after)
		after->timer_next = thread;
	else
		sleepers = thread;
	if (before)
		before->timer_previous = thread;
	thread->timed = true;
}

static void sleepers_remove(struct bmk_thread *thread)
{
	if (thread->timer_previous)
		thread->timer_previous->timer_next = thread->timer_next;
	else
		sleepers = thread->timer_next;
	if (thread->timer_next)
		thread->timer_next->timer_previous = thread->timer_previous;
	thread->timed = false;
}

/* --- the timer --- */

static void timer_arm(void)
{
	int64_t deadline = sleepers ? sleepers->deadline_ns : BMK_FOREVER;
	int64_t now;

	/* Nobody's slice ends while the processor idles, also not in the interrupt that wakes somebody. */
	if (lab_header.thread_current && ready.first && slice_end_ns < deadline)
		deadline = slice_end_ns;
	if (lab_header.thread_current && look_ns < deadline)
		deadline = look_ns;
	/* One that comes too early finds nothing to do; that is cheaper than a cancel. */
	if (deadline >= timer_deadline_ns)
		return;
	now = bmk_clock_ns();
	timer_deadline_ns = deadline;
	arch_timer_set(deadline > now ? (uint64_t)(deadline - now) : 1);
}

/* When to see next what the lab wants: by the next sample, if it wants samples. */
static void look_next(int64_t now)
{
	int64_t due = bmk_sample_due_ns(now);

	look_ns = due < now + LOOK_NS ? due : now + LOOK_NS;
}

/*
 * The running thread may go on for this long if others want the processor, or wake.  A thread
 * of the runtime's own is not interrupted anyway.
 */
static void slice_begin(void)
{
	int64_t now = bmk_clock_ns();

	slice_end_ns = bmk_current->fpu ? now + SLICE_NS : BMK_FOREVER;
	look_next(now);
	timer_arm();
}

static void make_ready(struct bmk_thread *thread)
{
	thread->record->state = LAB_THREAD_RUNNABLE;
	queue_append(&ready, thread);
}

void bmk_wake(struct bmk_thread *thread)
{
	uint64_t queue = (uintptr_t)thread->waiting_on;

	if (thread->waiting_on) {
		queue_remove(thread->waiting_on, thread);
		thread->waiting_on = NULL;
	}
	if (thread->timed)
		sleepers_remove(thread);
	lab_trace_instant(LAB_EVENT_WAKEUP, thread->number, queue, thread->timed_out);
	make_ready(thread);
	bmk_reschedule = true;
}

void bmk_timer_interrupt(void)
{
	int64_t now = bmk_clock_ns();

	timer_deadline_ns = BMK_FOREVER;
	while (sleepers && sleepers->deadline_ns <= now) {
		sleepers->timed_out = true;
		bmk_wake(sleepers);
	}
	if (ready.first && slice_end_ns <= now)
		bmk_reschedule = true;
	look_next(now);
	timer_arm();
}

void bmk_schedule_new(struct bmk_thread *thread)
{
	bool was_alone = !ready.first;

	make_ready(thread);
	if (was_alone)
		slice_begin();
}

/* --- switching --- */

/* Who looks at a thread goes by this: it is zero while the thread is on the processor. */
static uint64_t take_stack(struct bmk_thread *thread)
{
	uint64_t stack_pointer = thread->stack_pointer;

	thread->stack_pointer = 0;
	thread->record->stack_pointer = 0;
	return stack_pointer;
}

static struct bmk_thread *next_ready(void)
{
	struct bmk_thread *thread;

	bmk_sample(NULL, false);
	if (!ready.first) {
		was_idle = true;
		lab_trace_instant(LAB_EVENT_SWITCH, bmk_current->number, 0, bmk_current->record->state);
		lab_record_thread(0);
		if (bmk_current->fpu)	/* for who looks: it may never be switched away from */
			bmk_current->fs_base = arch_get_fs();
		while (!ready.first) {
			timer_arm();
			arch_idle(&bmk_current->stack_pointer,
			    &bmk_current->record->stack_pointer);
			take_stack(bmk_current);
		}
	}
	thread = ready.first;
	queue_remove(&ready, thread);
	return thread;
}

static void account_stop(struct bmk_thread *thread)
{
	thread->record->cpu_tsc += arch_tsc() - thread->record->slice_tsc;
	thread->record->slice_tsc = 0;
}

static void switched(const struct bmk_thread *previous, const struct bmk_thread *next)
{
	lab_trace_instant(LAB_EVENT_SWITCH, was_idle ? 0 : previous->number, next->number,
	    was_idle ? 0 : previous->record->state);
	was_idle = false;
}

/* Leave the current thread's context aside and make next the current one. */
static void become(struct bmk_thread *next)
{
	struct bmk_thread *previous = bmk_current;

	switched(previous, next);
	if (previous->fpu && previous != dead) {
		arch_fpu_save(previous->fpu);
		previous->fs_base = arch_get_fs();
	}
	if (next->fpu) {
		arch_fpu_load(next->fpu);
		arch_set_fs(next->fs_base);
	}
	arch_kernel_top = bmk_thread_stack_top(next);
	if (bmk_switch_handler && next->owner)
		bmk_switch_handler(next->owner);
	bmk_current = next;
	rumpcomp_current_owner = next->owner;
	lab_record_thread(next->number);
	slice_begin();
	next->record->slice_tsc = arch_tsc();
	bmk_reschedule = false;
}

/* Runs first in every thread that is switched to. */
static void after_switch(void)
{
	if (dead && dead != bmk_current) {
		struct bmk_thread *gone = dead;

		dead = NULL;
		bmk_thread_destroy(gone);
	}
}

/* The current thread is no longer to run, or is at the end of the ready queue. */
static void switch_away(void)
{
	struct bmk_thread *previous = bmk_current;
	struct bmk_thread *next;

	account_stop(previous);
	next = next_ready();
	if (next == previous) {
		if (was_idle)
			switched(previous, next);
		previous->record->slice_tsc = arch_tsc();
		lab_record_thread(previous->number);
		slice_begin();
		bmk_reschedule = false;
		return;
	}
	become(next);
	arch_switch(&previous->stack_pointer, take_stack(next),
	    &previous->record->stack_pointer);
	after_switch();
}

bool bmk_preempt_wanted(void)
{
	return bmk_reschedule && ready.first;
}

void bmk_preempt(void)
{
	if (bmk_preempt_wanted())
		bmk_thread_yield();
}

void bmk_thread_yield(void)
{
	if (!ready.first) {
		bmk_reschedule = false;
		return;
	}
	make_ready(bmk_current);
	switch_away();
}

void bmk_schedule_leave(bool destroy)
{
	uint64_t unused, unseen;

	account_stop(bmk_current);
	if (destroy) {
		after_switch(); /* one that died just before on another stack */
		dead = bmk_current;
	}
	become(next_ready());
	arch_switch(&unused, take_stack(bmk_current), &unseen);
	__builtin_unreachable();
}

/* --- sleeping --- */

bool bmk_waitq_sleep(struct bmk_waitq *queue, int64_t deadline_ns)
{
	struct bmk_thread *thread = bmk_current;

	thread->timed_out = false;
	thread->waiting_on = queue;
	if (queue)
		queue_append(queue, thread);
	thread->deadline_ns = deadline_ns;
	if (deadline_ns != BMK_FOREVER)
		sleepers_insert(thread);
	thread->record->state = LAB_THREAD_BLOCKED;
	switch_away();
	return !thread->timed_out;
}

int bmk_waitq_wake(struct bmk_waitq *queue, int count)
{
	int woken = 0;

	while (queue->first && woken < count) {
		bmk_wake(queue->first);
		woken++;
	}
	return woken;
}
