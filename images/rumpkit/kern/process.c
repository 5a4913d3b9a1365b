/*
 * process.c - processes: their table, fork, the end, and waiting for it.
 *
 * A guest starts with one process in one address space.  A second one comes with fork,
 * has page tables of its own, and shares pages until one of the two writes.
 */
#include "process.h"
#include "rumplib.h"
#include "vfs.h"

#define CLONE_VM 0x100ull
#define CLONE_VFORK 0x4000ull
#define CLONE_SETTLS 0x80000ull
#define CLONE_SIGNAL_MASK 0xffull
#define SA_NOCLDWAIT 2
#define SIG_IGN 1
#define WNOHANG 1
#define WNOWAIT 0x1000000
#define CLD_EXITED 1
#define CLD_KILLED 2

struct kern_process *kern_process;
struct kern_process *kern_processes;

/* --- the table --- */

struct kern_process *kern_process_find(uint32_t pid)
{
	struct kern_process *process = kern_processes;

	while (process && process->pid != pid)
		process = process->next;
	return process;
}

/* Who gets the processor brings its process's memory and files along. */
static void on_switch(void *owner)
{
	struct kern_process *process = ((struct kern_thread *)owner)->process;

	if (process == kern_process)
		return;
	kern_process = process;
	if (process->files)
		vfs_current = process->files;
	if (process->vm)
		rumpcomp_space_use(process->vm->space);
}

struct kern_process *kern_process_create(struct kern_process *parent,
    struct vfs_context *files)
{
	struct kern_process *process = kern_alloc(sizeof(*process));

	if (!process)
		return NULL;
	process->files = files ? files : vfs_context_copy(parent->files);
	if (!process->files) {
		kern_free(process);
		return NULL;
	}
	if (kern_processes)
		rumpcomp_on_switch(on_switch);
	process->exit_signal = SIGCHLD;
	process->start_ns = kern_monotonic_ns();
	if (parent) {
		process->parent = parent;
		process->group = parent->group;
		process->session = parent->session;
		process->identity = parent->identity;
		process->no_new_privileges = parent->no_new_privileges;
		memcpy(process->actions, parent->actions, sizeof(process->actions));
		memcpy(process->command, parent->command, sizeof(process->command));
		memcpy(process->path, parent->path, sizeof(process->path));
		process->arguments_start = parent->arguments_start;
		process->arguments_end = parent->arguments_end;
		process->environment_end = parent->environment_end;
	}
	process->next = kern_processes;
	kern_processes = process;
	return process;
}

static void remove_process(struct kern_process *process)
{
	struct kern_process **at = &kern_processes;

	while (*at != process)
		at = &(*at)->next;
	*at = process->next;
	kern_free(process);
}

void kern_process_discard(struct kern_process *process)
{
	if (process->threads)
		kern_thread_destroy(process->threads);
	if (process->files)
		vfs_context_destroy(process->files);
	kern_vm_put(process->vm);
	remove_process(process);
}

int64_t kern_process_cpu_ns(const struct kern_process *process)
{
	int64_t ns = process->cpu_ns_of_ended;

	for (struct kern_thread *thread = process->threads; thread; thread = thread->next)
		ns += (int64_t)rumpcomp_thread_cpu_ns_of(thread->number);
	return ns;
}

/* --- fork --- */

/* A program that is part of the image has its data there, where all processes see it. */
static bool fork_possible(uint64_t flags)
{
	static bool said;

	if (flags & CLONE_VM || !rumpcomp_program_entry())
		return true;
	if (!said)
		rumpuser_dprintf("rumpkit: fork is not possible in a program that is part of the "
		    "image; posix_spawn and vfork are\n");
	said = true;
	return false;
}

static int start_child(struct kern_process *child, const struct rumpcomp_frame *parent,
    uint64_t flags, uint64_t stack, uint64_t tls)
{
	struct rumpcomp_frame frame = *parent;
	struct kern_thread *thread = kern_thread_create(child);
	int number;

	if (!thread)
		return -ENOMEM;
	thread->signal_mask = kern_current()->signal_mask;
	thread->altstack = kern_current()->altstack;
	memcpy(thread->name, kern_current()->name, sizeof(thread->name));
	frame.rax = 0;
	if (stack)
		frame.rsp = stack;
	number = rumpcomp_thread_start(&frame, flags & CLONE_SETTLS ? tls :
	    rumpcomp_thread_get_tls(), child->command, thread);
	if (number >= 0)
		child->pid = thread->tid = thread->number = (uint32_t)number;
	return number;
}

/* The parent of a vfork sleeps until the child runs another program or ends. */
static void wait_for_vm(uint32_t pid)
{
	struct kern_process *child;

	while ((child = kern_process_find(pid)) && child->borrows_vm)
		kern_wait_uninterrupted(&child->changed);
}

long kern_process_fork(const struct rumpcomp_frame *parent, uint64_t flags, uint64_t stack,
    uint64_t parent_tid, uint64_t child_tid, uint64_t tls)
{
	struct kern_process *child;
	int number;

	if (!fork_possible(flags))
		return -ENOSYS;
	/* Two processes that run at once in the same memory are not offered. */
	if (flags & CLONE_VM && !(flags & CLONE_VFORK))
		return -EINVAL;
	child = kern_process_create(kern_process, NULL);
	if (!child)
		return -EAGAIN;
	child->exit_signal = (int)(flags & CLONE_SIGNAL_MASK);
	child->borrows_vm = flags & CLONE_VM;
	child->vm = child->borrows_vm ? kern_vm_get(kern_process->vm) :
	    kern_vm_copy(kern_process->vm);
	number = child->vm ? start_child(child, parent, flags, stack, tls) : -ENOMEM;
	if (number < 0) {
		kern_process_discard(child);
		return -EAGAIN;
	}
	kern_tell_thread(child->threads, true);
	kern_thread_announce(child->threads, flags, parent_tid, child_tid);
	if (child->borrows_vm)
		wait_for_vm((uint32_t)number);
	return number;
}

/* --- the end --- */

void kern_process_end_others(void)
{
	struct kern_thread *self = kern_current();

	while (kern_process->thread_count > 1) {
		for (struct kern_thread *thread = kern_process->threads; thread; thread = thread->next)
			if (thread != self) {
				thread->must_exit = true;
				if (thread->waiter.where)
					rumpuser_cv_signal(thread->cv);
			}
		kern_wait_uninterrupted(&kern_process->changed);
	}
}

static bool wants_children(const struct kern_process *parent)
{
	const struct kern_sigaction *action = &parent->actions[SIGCHLD];

	return action->handler != SIG_IGN && !(action->flags & SA_NOCLDWAIT);
}

/* Orphans have nobody to wait for them. */
static void leave_children(struct kern_process *parent)
{
	struct kern_process *process, *next;

	for (process = kern_processes; process; process = next) {
		next = process->next;
		if (process->parent != parent)
			continue;
		process->parent = NULL;
		if (process->state == KERN_PROCESS_ENDED)
			remove_process(process);
	}
}

static void tell_parent(struct kern_process *process)
{
	struct kern_process *parent = process->parent;
	int code = process->wait_status & 0x7f ? CLD_KILLED : CLD_EXITED;
	struct kern_siginfo info = {
		.code = code, .pid = (int32_t)process->pid,
		.status = code == CLD_KILLED ? process->wait_status & 0x7f : process->wait_status >> 8,
	};

	if (!parent || !wants_children(parent)) {
		if (parent)
			kern_wake(&parent->changed, KERN_ALL);
		remove_process(process);
		return;
	}
	if (process->exit_signal)
		kern_signal_send_process(parent, process->exit_signal, &info);
	kern_wake(&parent->changed, KERN_ALL);
}

void kern_process_exit(int wait_status)
{
	struct kern_process *process = kern_process;
	struct kern_thread *thread = kern_current();
	const uint32_t zero = 0;

	/* Another thread was first: this one is one of those it waits for. */
	if (process->exiting)
		kern_thread_exit(wait_status);
	process->wait_status = wait_status;
	if (process->entry)
		kern_rc_ended(process);
	process->exiting = true;
	kern_process_end_others();
	if (thread->clear_child_tid)
		kern_copyout(&zero, (void *)thread->clear_child_tid, sizeof(zero));
	process->cpu_ns_of_ended += (int64_t)rumpcomp_thread_cpu_ns();
	vfs_context_destroy(process->files);
	process->files = NULL;
	kern_process_timers_end(true);
	kern_vm_put(process->vm);
	process->vm = NULL;
	process->borrows_vm = false;
	kern_wake(&process->changed, KERN_ALL);
	leave_children(process);
	kern_thread_destroy(thread);
	process->state = KERN_PROCESS_ENDED;
	/* From here on no thread has this process. */
	kern_process = NULL;
	vfs_current = kern_rc_files;
	tell_parent(process);
	rumpcomp_thread_end();
}

/* --- waiting --- */

static bool is_meant(const struct kern_process *child, int pid)
{
	if (pid > 0)
		return child->pid == (uint32_t)pid;
	if (pid == 0)
		return child->group == kern_process->group;
	return pid == -1 || child->group == (uint32_t)-pid;
}

long kern_process_wait(int pid, int *wait_status, int options, int64_t *cpu_ns)
{
	for (;;) {
		bool any = false;

		for (struct kern_process *child = kern_processes; child; child = child->next) {
			long found = child->pid;

			if (child->parent != kern_process || !is_meant(child, pid))
				continue;
			any = true;
			if (child->state != KERN_PROCESS_ENDED)
				continue;
			*wait_status = child->wait_status;
			*cpu_ns = child->cpu_ns_of_ended;
			if (!(options & WNOWAIT)) {
				kern_process->cpu_ns_of_children += *cpu_ns + child->cpu_ns_of_children;
				remove_process(child);
			}
			return found;
		}
		if (!any)
			return -ECHILD;
		if (options & WNOHANG)
			return 0;
		if (kern_wait(&kern_process->changed, KERN_FOREVER))
			return -EINTR;
	}
}
