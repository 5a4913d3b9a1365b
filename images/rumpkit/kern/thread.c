/*
 * thread.c - the threads of the one process: creation by clone(2), and their end.
 */
#include "process.h"

#define CLONE_VM 0x100ull
#define CLONE_VFORK 0x4000ull
#define CLONE_THREAD 0x10000ull
#define CLONE_SETTLS 0x80000ull
#define CLONE_PARENT_SETTID 0x100000ull
#define CLONE_CHILD_CLEARTID 0x200000ull
#define CLONE_CHILD_SETTID 0x1000000ull

struct kern_process kern_process;

struct kern_thread *kern_thread_create(void)
{
	struct kern_thread *thread = kern_alloc(sizeof(*thread));

	if (!thread)
		return NULL;
	rumpuser_cv_init(&thread->cv);
	thread->waiter.thread = thread;
	thread->altstack.flags = 2; /* SS_DISABLE */
	thread->next = kern_process.threads;
	kern_process.threads = thread;
	kern_process.thread_count++;
	return thread;
}

void kern_thread_destroy(struct kern_thread *thread)
{
	struct kern_thread **at = &kern_process.threads;

	while (*at != thread)
		at = &(*at)->next;
	*at = thread->next;
	kern_process.thread_count--;
	rumpuser_cv_destroy(thread->cv);
	kern_free(thread);
}

struct kern_thread *kern_thread_find(uint32_t tid)
{
	struct kern_thread *thread = kern_process.threads;

	if (tid == KERN_PID)
		tid = kern_process.main_tid;
	while (thread && thread->tid != tid)
		thread = thread->next;
	return thread;
}

/* Registers of the child: the parent's, with 0 as result and its own stack. */
static int start(struct kern_thread *thread, const struct rumpcomp_frame *parent,
    uint64_t stack, uint64_t tls)
{
	struct rumpcomp_frame frame = *parent;

	frame.rax = 0;
	if (stack)
		frame.rsp = stack;
	return rumpcomp_thread_start(&frame, tls, kern_process.command, thread);
}

long kern_thread_clone(const struct rumpcomp_frame *parent, uint64_t flags, uint64_t stack,
    uint64_t parent_tid, uint64_t child_tid, uint64_t tls)
{
	struct kern_thread *thread;
	uint32_t tid;
	int number;

	/* One address space: a second process cannot be. */
	if (!(flags & CLONE_THREAD) || !(flags & CLONE_VM))
		return -ENOSYS;
	thread = kern_thread_create();
	if (!thread)
		return -EAGAIN;
	thread->signal_mask = kern_current()->signal_mask;
	number = start(thread, parent, stack,
	    flags & CLONE_SETTLS ? tls : rumpcomp_thread_get_tls());
	if (number < 0) {
		kern_thread_destroy(thread);
		return -EAGAIN;
	}
	tid = thread->tid = (uint32_t)number;
	if (flags & CLONE_CHILD_CLEARTID)
		thread->clear_child_tid = child_tid;
	if (flags & CLONE_PARENT_SETTID)
		kern_copyout(&tid, (void *)parent_tid, sizeof(tid));
	if (flags & CLONE_CHILD_SETTID)
		kern_copyout(&tid, (void *)child_tid, sizeof(tid));
	return tid;
}

void kern_thread_exit(int status)
{
	struct kern_thread *thread = kern_current();
	const uint32_t zero = 0;

	if (kern_process.thread_count == 1)
		kern_process_exit(status);
	if (thread->clear_child_tid &&
	    !kern_copyout(&zero, (void *)thread->clear_child_tid, sizeof(zero)))
		kern_futex_wake(thread->clear_child_tid, 1, ~0u);
	kern_process.cpu_ns_of_ended += (int64_t)rumpcomp_thread_cpu_ns();
	kern_thread_destroy(thread);
	rumpcomp_thread_end();
}

int64_t kern_process_cpu_ns(void)
{
	int64_t ns = kern_process.cpu_ns_of_ended;

	for (struct kern_thread *thread = kern_process.threads; thread; thread = thread->next)
		ns += (int64_t)rumpcomp_thread_cpu_ns_of(thread->tid);
	return ns;
}

void kern_process_exit(int status)
{
	rumpuser_exit(status & 0xff);
}
