/*
 * signal.c - signals: who has which pending, and what becomes of them.
 *
 * A signal reaches its thread on its way back to the application: from a system call,
 * an interrupt, or the exception that is the signal.
 */
#include "process.h"
#include "rumplib.h"
#include "vfs.h"

#define SIG_DFL 0
#define SIG_IGN 1
#define SA_RESTART 0x10000000ull
#define SI_USER 0
#define SI_KERNEL 0x80
#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define SYSCALL_INSTRUCTION_BYTES 2
/* SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS */
#define CRASHES (KERN_SIGNAL_BIT(4) | KERN_SIGNAL_BIT(5) | KERN_SIGNAL_BIT(6) | \
	KERN_SIGNAL_BIT(7) | KERN_SIGNAL_BIT(8) | KERN_SIGNAL_BIT(11) | KERN_SIGNAL_BIT(31))

static bool ignored_by_default(int signal)
{
	/* SIGCHLD, SIGCONT, SIGURG, SIGWINCH; stopping is not possible here either. */
	const uint64_t ignored = KERN_SIGNAL_BIT(17) | KERN_SIGNAL_BIT(18) | KERN_SIGNAL_BIT(23) |
	    KERN_SIGNAL_BIT(28) | KERN_SIGNAL_BIT(19) | KERN_SIGNAL_BIT(20) | KERN_SIGNAL_BIT(21) |
	    KERN_SIGNAL_BIT(22);

	return ignored & KERN_SIGNAL_BIT(signal);
}

bool kern_signal_has_effect(const struct kern_process *process, int signal)
{
	uint64_t handler = process->actions[signal].handler;

	return handler != SIG_IGN && !(handler == SIG_DFL && ignored_by_default(signal));
}

static uint64_t deliverable(const struct kern_thread *thread)
{
	return (thread->signals_pending | thread->process->signals_pending) & ~thread->signal_mask;
}

/* --- sending --- */

struct vfs_queue kern_signal_arrived;

/* A thread that sleeps in kern_wait looks for signals when it wakes. */
static void nudge(struct kern_thread *thread)
{
	if (thread->waiter.where && deliverable(thread))
		rumpuser_cv_signal(thread->cv);
}

/* Ignored signals are kept only while they are blocked: somebody may wait for them. */
static bool wanted(const struct kern_process *process, uint64_t mask, int signal)
{
	return mask & KERN_SIGNAL_BIT(signal) || kern_signal_has_effect(process, signal);
}

void kern_signal_send(struct kern_thread *thread, int signal, const struct kern_siginfo *info)
{
	if (!wanted(thread->process, thread->signal_mask, signal))
		return;
	thread->signals_pending |= KERN_SIGNAL_BIT(signal);
	thread->info[signal] = *info;
	vfs_wake(&kern_signal_arrived);
	nudge(thread);
}

void kern_signal_send_process(struct kern_process *process, int signal,
    const struct kern_siginfo *info)
{
	uint64_t everywhere = ~0ull;

	for (struct kern_thread *thread = process->threads; thread; thread = thread->next)
		everywhere &= thread->signal_mask;
	if (process->state == KERN_PROCESS_ENDED || !wanted(process, everywhere, signal))
		return;
	process->signals_pending |= KERN_SIGNAL_BIT(signal);
	process->info[signal] = *info;
	vfs_wake(&kern_signal_arrived);
	for (struct kern_thread *thread = process->threads; thread; thread = thread->next)
		if (!(thread->signal_mask & KERN_SIGNAL_BIT(signal))) {
			nudge(thread);
			return;
		}
}

void kern_signal_send_console(int signal, uint32_t group)
{
	const struct kern_siginfo info = { .code = SI_KERNEL };
	struct kern_process *process = kern_processes;

	while (process && (process->group != group || process->state == KERN_PROCESS_ENDED))
		process = process->next;
	if (!process)
		group = 0;
	for (process = kern_processes; process; process = process->next)
		if (!group || process->group == group)
			kern_signal_send_process(process, signal, &info);
}

void kern_signal_self(int signal)
{
	const struct kern_siginfo info = { .code = SI_USER, .pid = (int32_t)kern_process->pid };

	kern_signal_send(kern_current(), signal, &info);
}

void kern_signal_mask_for_call(uint64_t mask)
{
	struct kern_thread *thread = kern_current();

	thread->saved_mask = thread->signal_mask;
	thread->has_saved_mask = true;
	thread->signal_mask = mask & ~KERN_SIGNALS_UNBLOCKABLE;
}

/* --- taking --- */

int kern_signal_take(struct kern_thread *thread, uint64_t set, struct kern_siginfo *info)
{
	/* Those that exceptions are come first: they belong to the code that runs now. */
	const uint64_t synchronous = KERN_SIGNAL_BIT(4) | KERN_SIGNAL_BIT(5) | KERN_SIGNAL_BIT(7) |
	    KERN_SIGNAL_BIT(8) | KERN_SIGNAL_BIT(11);
	uint64_t ready = (thread->signals_pending | thread->process->signals_pending) & set;
	uint64_t first = ready & synchronous ? ready & synchronous : ready;
	int signal = first ? __builtin_ctzll(first) + 1 : 0;

	if (!signal)
		return 0;
	*info = thread->signals_pending & KERN_SIGNAL_BIT(signal) ? thread->info[signal] :
	    thread->process->info[signal];
	if (thread->signals_pending & KERN_SIGNAL_BIT(signal))
		thread->signals_pending &= ~KERN_SIGNAL_BIT(signal);
	else
		thread->process->signals_pending &= ~KERN_SIGNAL_BIT(signal);
	return signal;
}

const char *kern_signal_name(int signal)
{
	static const char *const names[] = {
		"?", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS",
		"SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM",
	};

	return signal < (int)(sizeof(names) / sizeof(names[0])) ? names[signal] : "a signal";
}

/* The only program takes the guest along, with a report; one of several just ends. */
static void die(struct kern_thread *thread, const struct rumpcomp_registers *registers, int signal)
{
	struct kern_process *process = thread->process;
	char reason[64];

	lib_snprintf(reason, sizeof(reason), "the program died of %s (signal %d)",
	    kern_signal_name(signal), signal);
	if (KERN_SIGNAL_BIT(signal) & (CRASHES | KERN_SIGNAL_BIT(SIGKILL)) &&
	    kern_rc_is_guest(process)) {
		vfs_stop();
		rumpcomp_application_died(signal, registers, reason);
	}
	/* Who was killed on purpose needs no report. */
	if (KERN_SIGNAL_BIT(signal) & CRASHES)
		rumpuser_dprintf("rumpkit: process %u (%s) died of %s (signal %d) at 0x%lx\n",
		    process->pid, process->command, kern_signal_name(signal), signal, registers->rip);
	kern_process_exit(signal);
}

static bool deliver(struct kern_thread *thread, struct rumpcomp_registers *registers)
{
	struct kern_siginfo info;
	int signal;

	if (thread->must_exit)
		kern_thread_exit(0);
	while ((signal = kern_signal_take(thread, ~thread->signal_mask, &info))) {
		if (!kern_signal_has_effect(thread->process, signal))
			continue;
		if (thread->process->actions[signal].handler == SIG_DFL ||
		    !kern_signal_frame(thread, registers, signal, &info))
			die(thread, registers, signal);
		return true;
	}
	if (thread->has_saved_mask) {
		thread->signal_mask = thread->saved_mask;
		thread->has_saved_mask = false;
	}
	return false;
}

/* The signal that would be delivered next has a handler that wants calls restarted. */
static bool restarts(const struct kern_thread *thread)
{
	uint64_t ready = deliverable(thread);
	const struct kern_sigaction *action;

	if (!ready)
		return true;
	action = &thread->process->actions[__builtin_ctzll(ready) + 1];
	return action->handler == SIG_IGN || action->flags & SA_RESTART;
}

void kern_signal_deliver(struct rumpcomp_frame *frame)
{
	struct kern_thread *thread = kern_current();
	struct rumpcomp_registers registers = {
		.r15 = frame->r15, .r14 = frame->r14, .r13 = frame->r13, .r12 = frame->r12,
		.r11 = frame->rflags, .r10 = frame->r10, .r9 = frame->r9, .r8 = frame->r8,
		.rdi = frame->rdi, .rsi = frame->rsi, .rbp = frame->rbp, .rbx = frame->rbx,
		.rdx = frame->rdx, .rcx = frame->rip, .rax = frame->rax, .rip = frame->rip,
		.rflags = frame->rflags, .rsp = frame->rsp,
	};

	if (thread->interrupted_call >= 0 && frame->rax == (uint64_t)-EINTR && restarts(thread)) {
		registers.rax = (uint64_t)thread->interrupted_call;
		registers.rip -= SYSCALL_INSTRUCTION_BYTES;
	}
	if (!deliver(thread, &registers) && registers.rip == frame->rip)
		return;
	frame->rip = registers.rip;
	frame->rsp = registers.rsp;
	frame->rdi = registers.rdi;
	frame->rsi = registers.rsi;
	frame->rdx = registers.rdx;
	frame->rax = registers.rax;
}

/* --- from interrupts and exceptions --- */

static bool return_wanted(void)
{
	const struct kern_thread *thread = kern_current();

	return thread && kern_signal_attention(thread);
}

void kern_signal_redeliver(struct rumpcomp_registers *registers)
{
	deliver(kern_current(), registers);
}

static bool on_exception(struct rumpcomp_registers *registers, int signal)
{
	struct kern_thread *thread = kern_current();
	struct kern_process *process = thread->process;
	bool blocked = thread->signal_mask & KERN_SIGNAL_BIT(signal);
	const struct kern_siginfo info = {
		.code = signal == SIGSEGV ? kern_vm_has(registers->address) ? SEGV_ACCERR : SEGV_MAPERR : 1,
		.address = registers->address,
	};

	if (!blocked && process->actions[signal].handler > SIG_IGN)
		return kern_signal_frame(thread, registers, signal, &info);
	if (signal == SIGKILL && !kern_rc_is_guest(process)) {
		rumpuser_dprintf("rumpkit: out of memory: process %u (%s) is ended\n", process->pid,
		    process->command);
		kern_process_exit(SIGKILL);
	}
	/* A report of the only program is the host's business, with all it knows. */
	if (kern_rc_is_guest(process))
		return false;
	die(thread, registers, signal);
	return true;
}

void kern_signal_create(void)
{
	rumpcomp_on_exception(on_exception);
	rumpcomp_on_return(return_wanted, kern_signal_redeliver);
	vfs_tty_on_signal(kern_signal_send_console);
}
