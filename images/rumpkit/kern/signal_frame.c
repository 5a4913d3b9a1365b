/*
 * signal_frame.c - the start of a signal handler, and the return from it.
 *
 * The frame is the one that Linux builds on x86-64: struct rt_sigframe, see sigreturn(2)
 * and the kernel's asm/sigcontext.h and asm/ucontext.h.
 */
#include "process.h"
#include "rumplib.h"

#define SIG_DFL 0
#define SA_NODEFER 0x40000000ull
#define SA_ONSTACK 0x08000000ull
#define SA_RESETHAND 0x80000000ull
#define SS_ONSTACK 1
#define SS_DISABLE 2
#define RED_ZONE_BYTES 128
#define UC_FP_XSTATE 1
#define UC_SIGCONTEXT_SS 2
#define FXSAVE_BYTES 512
#define FPU_ALIGNMENT 64
/* What Linux leaves in the unused end of FXSAVE's area, and behind XSAVE's. */
#define SOFTWARE_OFFSET 464
#define XSTATE_MAGIC_1 0x46505853u
#define XSTATE_MAGIC_2 0x46505845u

/* struct sigcontext: the registers, in Linux's order. */
struct sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t error_code, trap, old_mask, cr2, fpstate;
	uint64_t reserved[8];
};

struct siginfo {
	int32_t number, error, code, pad;
	union {
		struct { int32_t pid, uid; uint64_t value; } sent;
		struct { int32_t pid, uid, status; } child;
		uint64_t address;
		uint8_t all[112];
	};
};

struct signal_frame {
	uint64_t restorer;
	uint64_t context_flags, context_link;
	struct kern_altstack context_stack;
	struct sigcontext registers;
	uint64_t context_mask;
	struct siginfo info;
};

struct software {
	uint32_t magic, extended_bytes;
	uint64_t features;
	uint32_t state_bytes;
};

uint64_t kern_signal_frame_bytes(void)
{
	return sizeof(struct signal_frame) + rumpcomp_fpu_bytes() + sizeof(uint32_t) +
	    FPU_ALIGNMENT + RED_ZONE_BYTES + 16;
}

static bool on_alternate(const struct kern_altstack *stack, uint64_t rsp)
{
	return !(stack->flags & SS_DISABLE) && rsp > stack->sp && rsp <= stack->sp + stack->bytes;
}

/* Where vector registers and frame go: below the red zone, or on the alternate stack. */
static uint64_t stack_top(const struct kern_thread *thread, const struct kern_sigaction *action,
    uint64_t rsp)
{
	const struct kern_altstack *alternate = &thread->altstack;

	if (action->flags & SA_ONSTACK && !(alternate->flags & SS_DISABLE) &&
	    !on_alternate(alternate, rsp))
		return alternate->sp + alternate->bytes;
	return rsp - RED_ZONE_BYTES;
}

static void save_registers(struct sigcontext *to, const struct rumpcomp_registers *from)
{
	*to = (struct sigcontext){
		.r8 = from->r8, .r9 = from->r9, .r10 = from->r10, .r11 = from->r11,
		.r12 = from->r12, .r13 = from->r13, .r14 = from->r14, .r15 = from->r15,
		.rdi = from->rdi, .rsi = from->rsi, .rbp = from->rbp, .rbx = from->rbx,
		.rdx = from->rdx, .rax = from->rax, .rcx = from->rcx, .rsp = from->rsp,
		.rip = from->rip, .rflags = from->rflags, .cs = 0x33, .ss = 0x2b,
		.error_code = from->error_code, .trap = from->trap, .cr2 = from->address,
	};
}

/* Is this a signal of an exception, which has an address and no sender? */
static bool is_fault(int signal)
{
	return signal == 4 || signal == 5 || signal == 7 || signal == 8 || signal == 11;
}

static void fill_info(struct siginfo *to, int signal, const struct kern_siginfo *from)
{
	to->number = signal;
	to->code = from->code;
	if (is_fault(signal) && from->code > 0) {
		to->address = from->address;
	} else if (signal == 17) {
		to->child.pid = from->pid;
		to->child.status = from->status;
	} else {
		to->sent.pid = from->pid;
		to->sent.value = from->value;
	}
}

/* The vector registers, as XSAVE left them, with what tells their extent. */
static bool put_fpu(uint64_t where)
{
	size_t bytes = rumpcomp_fpu_bytes();
	uint8_t *area = kern_alloc(bytes + FPU_ALIGNMENT + sizeof(uint32_t));
	uint8_t *aligned = (uint8_t *)(((uintptr_t)area + FPU_ALIGNMENT - 1) & ~(FPU_ALIGNMENT - 1ul));
	const uint32_t magic = XSTATE_MAGIC_2;
	struct software *software;
	bool done;

	if (!area)
		return false;
	rumpcomp_fpu_save(aligned);
	if (bytes > FXSAVE_BYTES) {
		software = (struct software *)(aligned + SOFTWARE_OFFSET);
		*software = (struct software){
			.magic = XSTATE_MAGIC_1, .extended_bytes = (uint32_t)(bytes + sizeof(magic)),
			.features = *(uint64_t *)(aligned + FXSAVE_BYTES), .state_bytes = (uint32_t)bytes,
		};
		memcpy(aligned + bytes, &magic, sizeof(magic));
	}
	done = !kern_copyout(aligned, (void *)where,
	    bytes + (bytes > FXSAVE_BYTES ? sizeof(magic) : 0));
	kern_free(area);
	return done;
}

bool kern_signal_frame(struct kern_thread *thread, struct rumpcomp_registers *registers,
    int signal, const struct kern_siginfo *info)
{
	struct kern_sigaction *action = &thread->process->actions[signal];
	uint64_t top = stack_top(thread, action, registers->rsp);
	uint64_t fpu = (top - rumpcomp_fpu_bytes() - sizeof(uint32_t)) & ~(FPU_ALIGNMENT - 1ull);
	/* At the handler's first instruction rsp + 8 is a multiple of 16. */
	uint64_t where = ((fpu - sizeof(struct signal_frame)) & ~15ull) - 8;
	struct signal_frame *user = (struct signal_frame *)where;
	struct signal_frame frame = {
		.restorer = action->restorer,
		.context_flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS,
		.context_stack = thread->altstack,
		.context_mask = thread->has_saved_mask ? thread->saved_mask : thread->signal_mask,
	};

	save_registers(&frame.registers, registers);
	frame.registers.fpstate = fpu;
	if (on_alternate(&thread->altstack, registers->rsp))
		frame.context_stack.flags = SS_ONSTACK;
	fill_info(&frame.info, signal, info);
	if (!put_fpu(fpu) || kern_copyout(&frame, user, sizeof(frame)))
		return false;
	thread->has_saved_mask = false;
	registers->rsp = where;
	registers->rip = action->handler;
	registers->rdi = (uint64_t)signal;
	registers->rsi = (uintptr_t)&user->info;
	registers->rdx = (uintptr_t)&user->context_flags;
	registers->rax = 0;
	registers->rflags &= ~0x500ull; /* DF, TF */
	thread->signal_mask |= action->mask & ~KERN_SIGNALS_UNBLOCKABLE;
	if (!(action->flags & SA_NODEFER))
		thread->signal_mask |= KERN_SIGNAL_BIT(signal);
	if (action->flags & SA_RESETHAND)
		action->handler = SIG_DFL;
	return true;
}

/* Load vector registers from the application, which may have put nonsense there. */
static void load_fpu(uint64_t from)
{
	size_t bytes = rumpcomp_fpu_bytes();
	uint8_t *area = kern_alloc(bytes + FPU_ALIGNMENT);
	uint8_t *aligned = (uint8_t *)(((uintptr_t)area + FPU_ALIGNMENT - 1) & ~(FPU_ALIGNMENT - 1ul));
	uint32_t *mxcsr = (uint32_t *)(aligned + 24);

	if (area && from && !kern_copyin((const void *)from, aligned, bytes)) {
		*mxcsr &= 0xffff;
		if (bytes > FXSAVE_BYTES) {
			uint64_t *header = (uint64_t *)(aligned + FXSAVE_BYTES);

			/* Only what this processor saved, in the standard format. */
			header[0] &= rumpcomp_fpu_features();
			memset(header + 1, 0, 56);
		}
		rumpcomp_fpu_load(aligned);
	}
	kern_free(area);
}

void kern_signal_return(const struct rumpcomp_frame *frame)
{
	struct kern_thread *thread = kern_current();
	/* The handler's return popped the restorer's address. */
	const struct signal_frame *user = (const void *)(frame->rsp - 8);
	struct signal_frame copy;
	const struct sigcontext *from = &copy.registers;
	struct rumpcomp_registers registers;

	if (kern_copyin(user, &copy, sizeof(copy)))
		kern_process_exit(11);
	load_fpu(from->fpstate);
	registers = (struct rumpcomp_registers){
		.r8 = from->r8, .r9 = from->r9, .r10 = from->r10, .r11 = from->r11,
		.r12 = from->r12, .r13 = from->r13, .r14 = from->r14, .r15 = from->r15,
		.rdi = from->rdi, .rsi = from->rsi, .rbp = from->rbp, .rbx = from->rbx,
		.rdx = from->rdx, .rax = from->rax, .rcx = from->rcx, .rip = from->rip,
		.rsp = from->rsp, .rflags = (from->rflags & 0xdd5) | 0x202,
	};
	thread->signal_mask = copy.context_mask &
	    ~KERN_SIGNALS_UNBLOCKABLE;
	if (kern_signal_attention(thread))
		kern_signal_redeliver(&registers);
	rumpcomp_resume(&registers);
}
