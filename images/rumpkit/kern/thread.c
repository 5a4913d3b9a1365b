/*
 * thread.c - threads: creation by clone(2), and their end.
 */
#include "process.h"
#include "rumplib.h"

#define CLONE_VM 0x100ull
#define CLONE_THREAD 0x10000ull
#define CLONE_SETTLS 0x80000ull
#define CLONE_PARENT_SETTID 0x100000ull
#define CLONE_CHILD_CLEARTID 0x200000ull
#define CLONE_CHILD_SETTID 0x1000000ull

struct kern_thread *kern_thread_create(struct kern_process *process)
{
	struct kern_thread *thread = kern_alloc(sizeof(*thread));

	if (!thread)
		return NULL;
	rumpuser_cv_init(&thread->cv);
	thread->process = process;
	thread->waiter.thread = thread;
	thread->altstack.flags = 2; /* SS_DISABLE */
	thread->next = process->threads;
	process->threads = thread;
	process->thread_count++;
	return thread;
}

void kern_thread_destroy(struct kern_thread *thread)
{
	struct kern_thread **at = &thread->process->threads;

	while (*at != thread)
		at = &(*at)->next;
	*at = thread->next;
	thread->process->thread_count--;
	rumpuser_cv_destroy(thread->cv);
	kern_free(thread);
}

struct kern_thread *kern_thread_find(uint32_t tid)
{
	for (struct kern_process *process = kern_processes; process; process = process->next)
		for (struct kern_thread *thread = process->threads; thread; thread = thread->next)
			if (thread->tid == tid)
				return thread;
	return NULL;
}

void kern_thread_set_name(struct kern_thread *thread, const char *name)
{
	lib_strlcpy(thread->name, name, sizeof(thread->name));
	rumpcomp_thread_name_of(thread->number, thread->name);
}

void kern_thread_announce(struct kern_thread *thread, uint64_t flags, uint64_t parent_tid,
    uint64_t child_tid)
{
	uint32_t tid = thread->tid;

	if (flags & CLONE_CHILD_CLEARTID)
		thread->clear_child_tid = child_tid;
	if (flags & CLONE_PARENT_SETTID)
		kern_copyout(&tid, (void *)parent_tid, sizeof(tid));
	if (flags & CLONE_CHILD_SETTID)
		kern_copyout(&tid, (void *)child_tid, sizeof(tid));
}

long kern_thread_clone(const struct rumpcomp_frame *parent, uint64_t flags, uint64_t stack,
    uint64_t parent_tid, uint64_t child_tid, uint64_t tls)
{
	struct rumpcomp_frame frame = *parent;
	struct kern_thread *thread;
	int number;

	if (!(flags & CLONE_VM))
		return -EINVAL;
	thread = kern_thread_create(kern_process);
	if (!thread)
		return -EAGAIN;
	thread->signal_mask = kern_current()->signal_mask;
	memcpy(thread->name, kern_current()->name, sizeof(thread->name));
	frame.rax = 0;
	if (stack)
		frame.rsp = stack;
	number = rumpcomp_thread_start(&frame, flags & CLONE_SETTLS ? tls :
	    rumpcomp_thread_get_tls(), kern_process->command, thread);
	if (number < 0) {
		kern_thread_destroy(thread);
		return -EAGAIN;
	}
	thread->tid = thread->number = (uint32_t)number;
	kern_tell_thread(thread, false);
	kern_thread_announce(thread, flags, parent_tid, child_tid);
	return number;
}

/* Locks that the thread holds are given up, as set_robust_list(2) promises. */
static void robust_list_exit(const struct kern_thread *thread)
{
	struct { uint64_t next; int64_t offset; uint64_t pending; } head;
	uint64_t entry;

	if (!thread->robust_list ||
	    kern_copyin((const void *)thread->robust_list, &head, sizeof(head)))
		return;
	entry = head.next & ~1ull;
	for (int left = 2048; entry && entry != thread->robust_list && left; left--) {
		uint64_t word = entry + (uint64_t)head.offset, next;
		uint32_t value;

		if (kern_copyin((const void *)entry, &next, sizeof(next)) ||
		    kern_copyin((const void *)word, &value, sizeof(value)))
			return;
		if ((value & 0x3fffffff) == thread->tid) {
			value = (value & 0x80000000) | 0x40000000; /* FUTEX_OWNER_DIED */
			kern_copyout(&value, (void *)word, sizeof(value));
			kern_futex_wake(word, false, 1, ~0u);
		}
		entry = next & ~1ull;
	}
}

void kern_thread_exit(int wait_status)
{
	struct kern_thread *thread = kern_current();
	struct kern_process *process = thread->process;
	const uint32_t zero = 0;

	if (process->thread_count == 1 && !process->exiting)
		kern_process_exit(wait_status);
	robust_list_exit(thread);
	if (thread->clear_child_tid &&
	    !kern_copyout(&zero, (void *)thread->clear_child_tid, sizeof(zero)))
		kern_futex_wake(thread->clear_child_tid, false, 1, ~0u);
	process->cpu_ns_of_ended += (int64_t)rumpcomp_thread_cpu_ns();
	kern_thread_destroy(thread);
	kern_wake(&process->changed, KERN_ALL);
	rumpcomp_thread_end();
}
