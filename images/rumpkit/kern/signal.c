/*
 * signal.c - signals between threads of the program, and handlers.
 *
 * A signal is delivered when its thread returns from a system call, with the frame
 * that Linux builds on x86-64: struct rt_sigframe, see sigreturn(2) and the kernel's
 * asm/sigcontext.h and asm/ucontext.h.
 */
#include "process.h"
#include "rumplib.h"

#define SIG_DFL 0
#define SIG_IGN 1
#define SA_NODEFER 0x40000000ull
#define SA_ONSTACK 0x08000000ull
#define SA_RESETHAND 0x80000000ull
#define SS_ONSTACK 1
#define SS_DISABLE 2
#define SI_TKILL (-6)
#define RED_ZONE_BYTES 128

#define SIGKILL 9
#define SIGSTOP 19

/* struct sigcontext: the registers, in Linux's order. */
struct sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t error_code, trap, old_mask, cr2, fpstate;
	uint64_t reserved[8];
};

struct signal_frame {
	uint64_t restorer;
	uint64_t context_flags, context_link;
	struct kern_altstack context_stack;
	struct sigcontext registers;
	uint64_t context_mask;
	uint8_t fpstate[512] __attribute__((aligned(16)));
	struct {
		int32_t number, error, code, pad;
		int32_t pid, uid;
		uint64_t value;
		uint8_t rest[96];
	} info;
};

static bool ignored_by_default(int signal)
{
	/* SIGCHLD, SIGCONT, SIGURG, SIGWINCH; stopping is not possible here either. */
	const uint64_t ignored = KERN_SIGNAL_BIT(17) | KERN_SIGNAL_BIT(18) | KERN_SIGNAL_BIT(23) |
	    KERN_SIGNAL_BIT(28) | KERN_SIGNAL_BIT(19) | KERN_SIGNAL_BIT(20) | KERN_SIGNAL_BIT(21) |
	    KERN_SIGNAL_BIT(22);

	return ignored & KERN_SIGNAL_BIT(signal);
}

static bool has_effect(int signal)
{
	uint64_t handler = kern_process.actions[signal].handler;

	return handler != SIG_IGN && !(handler == SIG_DFL && ignored_by_default(signal));
}

static uint64_t deliverable(const struct kern_thread *thread)
{
	return (thread->signals_pending | kern_process.signals_pending) & ~thread->signal_mask;
}

bool kern_signal_pending(const struct kern_thread *thread)
{
	return deliverable(thread) != 0;
}

/* A thread that sleeps in kern_wait looks for signals when it wakes. */
static void nudge(struct kern_thread *thread)
{
	if (thread->waiter.where && deliverable(thread))
		rumpuser_cv_signal(thread->cv);
}

void kern_signal_send(struct kern_thread *thread, int signal)
{
	if (!has_effect(signal))
		return;
	thread->signals_pending |= KERN_SIGNAL_BIT(signal);
	nudge(thread);
}

void kern_signal_self(int signal)
{
	kern_signal_send(kern_current(), signal);
}

void kern_signal_mask_for_call(uint64_t mask)
{
	struct kern_thread *thread = kern_current();

	thread->saved_mask = thread->signal_mask;
	thread->has_saved_mask = true;
	thread->signal_mask = mask & ~(KERN_SIGNAL_BIT(SIGKILL) | KERN_SIGNAL_BIT(SIGSTOP));
}

void kern_signal_send_process(int signal)
{
	if (!has_effect(signal))
		return;
	kern_process.signals_pending |= KERN_SIGNAL_BIT(signal);
	for (struct kern_thread *thread = kern_process.threads; thread; thread = thread->next)
		if (!(thread->signal_mask & KERN_SIGNAL_BIT(signal))) {
			nudge(thread);
			return;
		}
}

static int take_signal(struct kern_thread *thread)
{
	uint64_t ready = deliverable(thread);
	int signal = ready ? __builtin_ctzll(ready) + 1 : 0;

	if (signal) {
		thread->signals_pending &= ~KERN_SIGNAL_BIT(signal);
		kern_process.signals_pending &= ~KERN_SIGNAL_BIT(signal);
	}
	return signal;
}

static const char *signal_name(int signal)
{
	static const char *const names[] = {
		"?", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS",
		"SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM",
	};

	return signal < (int)(sizeof(names) / sizeof(names[0])) ? names[signal] : "signal";
}

/* Where the frame goes: below the red zone, or on the alternate stack. */
static uint64_t frame_address(const struct kern_thread *thread, const struct kern_sigaction *action,
    uint64_t rsp)
{
	const struct kern_altstack *alternate = &thread->altstack;
	bool on_it = rsp > alternate->sp && rsp <= alternate->sp + alternate->bytes;
	uint64_t top = rsp - RED_ZONE_BYTES;

	if (action->flags & SA_ONSTACK && !(alternate->flags & SS_DISABLE) && !on_it)
		top = alternate->sp + alternate->bytes;
	/* At the handler's first instruction rsp + 8 is a multiple of 16. */
	return ((top - sizeof(struct signal_frame)) & ~15ull) - 8;
}

static void save_registers(struct sigcontext *to, const struct rumpcomp_frame *from)
{
	*to = (struct sigcontext){
		.r8 = from->r8, .r9 = from->r9, .r10 = from->r10, .r11 = from->rflags,
		.r12 = from->r12, .r13 = from->r13, .r14 = from->r14, .r15 = from->r15,
		.rdi = from->rdi, .rsi = from->rsi, .rbp = from->rbp, .rbx = from->rbx,
		.rdx = from->rdx, .rax = from->rax, .rcx = from->rip, .rsp = from->rsp,
		.rip = from->rip, .rflags = from->rflags, .cs = 0x33, .ss = 0x2b,
	};
}

static bool run_handler(struct kern_thread *thread, struct rumpcomp_frame *frame, int signal)
{
	struct kern_sigaction *action = &kern_process.actions[signal];
	uint64_t where = frame_address(thread, action, frame->rsp);
	struct signal_frame *user = (struct signal_frame *)where;
	struct signal_frame *build = kern_alloc(sizeof(*build));
	int failed;

	if (!build)
		return false;
	build->restorer = action->restorer;
	build->context_stack = thread->altstack;
	build->context_mask = thread->has_saved_mask ? thread->saved_mask : thread->signal_mask;
	thread->has_saved_mask = false;
	save_registers(&build->registers, frame);
	build->registers.fpstate = (uintptr_t)user->fpstate;
	build->info.number = signal;
	build->info.code = SI_TKILL;
	build->info.pid = KERN_PID;
	rumpcomp_fpu_save(build->fpstate);
	failed = kern_copyout(build, user, sizeof(*build));
	kern_free(build);
	if (failed)
		return false;
	frame->rsp = where;
	frame->rip = action->handler;
	frame->rdi = (uint64_t)signal;
	frame->rsi = (uintptr_t)&user->info;
	frame->rdx = (uintptr_t)&user->context_flags;
	frame->rax = 0;
	thread->signal_mask |= action->mask;
	if (!(action->flags & SA_NODEFER))
		thread->signal_mask |= KERN_SIGNAL_BIT(signal);
	if (action->flags & SA_RESETHAND)
		action->handler = SIG_DFL;
	return true;
}

void kern_signal_deliver(struct rumpcomp_frame *frame)
{
	struct kern_thread *thread = kern_current();
	char reason[64];
	int signal;

	while ((signal = take_signal(thread))) {
		uint64_t handler = kern_process.actions[signal].handler;

		if (!has_effect(signal))
			continue;
		if (handler != SIG_DFL && run_handler(thread, frame, signal))
			return;
		lib_snprintf(reason, sizeof(reason), "the program died of %s (signal %d)",
		    signal_name(signal), signal);
		rumpcomp_application_died(signal, frame, reason);
	}
	if (thread->has_saved_mask) {
		thread->signal_mask = thread->saved_mask;
		thread->has_saved_mask = false;
	}
}

long kern_signal_return(struct rumpcomp_frame *frame)
{
	struct kern_thread *thread = kern_current();
	/* The handler's return popped the restorer's address. */
	const struct signal_frame *user = (const void *)(frame->rsp - 8);
	struct signal_frame *copy = kern_alloc(sizeof(*copy));
	const struct sigcontext *from;

	if (!copy || kern_copyin(user, copy, sizeof(*copy)))
		rumpcomp_application_died(11, frame, "the program returned from no signal handler");
	from = &copy->registers;
	*frame = (struct rumpcomp_frame){
		.r8 = from->r8, .r9 = from->r9, .r10 = from->r10, .r12 = from->r12,
		.r13 = from->r13, .r14 = from->r14, .r15 = from->r15, .rdi = from->rdi,
		.rsi = from->rsi, .rbp = from->rbp, .rbx = from->rbx, .rdx = from->rdx,
		.rax = from->rax, .rip = from->rip, .rsp = from->rsp,
		.rflags = (from->rflags & 0xcd5) | 0x202,
	};
	thread->signal_mask = copy->context_mask & ~(KERN_SIGNAL_BIT(SIGKILL) | KERN_SIGNAL_BIT(SIGSTOP));
	rumpcomp_fpu_load(copy->fpstate);
	kern_free(copy);
	return (long)frame->rax;
}
