/*
 * trap.c - what to do about an exception, an interrupt, a system call.
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "trace.h"

#define DEVICE_PINS (ARCH_VECTOR_TIMER - ARCH_VECTOR_DEVICE)
#define FIRST_MESSAGE 24 /* the pins below are the I/O APIC's */
#define NULL_ZONE_BYTES 0x10000
#define SYSCALLS 512
#define STACK_ALIGNMENT 16
#define SIGNAL_ILL 4
#define SIGNAL_TRAP 5
#define SIGNAL_FPE 8
#define SIGNAL_KILL 9 /* for want of memory */
#define SIGNAL_SEGV 11

int (*bmk_fault_handler)(uintptr_t address, uintptr_t stack, bool write, bool execute);
long (*bmk_syscall_handler)(struct rumpcomp_frame *frame);
bool (*bmk_exception_handler)(struct arch_trap *trap, int signal, uintptr_t address);
bool (*bmk_return_wanted)(void);
void (*bmk_return_handler)(struct arch_trap *trap);

static struct {
	void (*handler)(void *);
	void *argument;
	uint64_t count;
} devices[DEVICE_PINS];
static uint64_t timer_interrupts;

void bmk_interrupt_attach(unsigned pin, bool level, void (*handler)(void *), void *argument)
{
	bmk_assert(pin < FIRST_MESSAGE);
	devices[pin].argument = argument;
	devices[pin].handler = handler;
	arch_interrupt_enable(pin, level);
}

unsigned bmk_interrupt_message(void (*handler)(void *), void *argument)
{
	for (unsigned pin = FIRST_MESSAGE; pin < DEVICE_PINS; pin++) {
		if (devices[pin].handler)
			continue;
		devices[pin].argument = argument;
		devices[pin].handler = handler;
		return ARCH_VECTOR_DEVICE + pin;
	}
	return 0;
}

/* The exceptions of SDM volume 3A, table 6-1, in words a student can use. */
static const char *exception_text(uint64_t vector)
{
	static const char *const texts[32] = {
		[0] = "division by zero", [1] = "debug exception", [2] = "non-maskable interrupt",
		[3] = "breakpoint instruction", [4] = "overflow", [5] = "bound range exceeded",
		[6] = "invalid instruction", [7] = "device not available", [8] = "double fault",
		[10] = "invalid task segment", [11] = "segment not present",
		[12] = "stack segment fault", [13] = "general protection fault",
		[16] = "x87 floating-point error", [17] = "misaligned access",
		[18] = "machine check", [19] = "SIMD floating-point error",
		[21] = "control protection fault",
	};

	return vector < 32 && texts[vector] ? texts[vector] : "unknown exception";
}

static int exception_signal(uint64_t vector)
{
	switch (vector) {
	case 0: case 16: case 19:
		return SIGNAL_FPE;
	case 1: case 3:
		return SIGNAL_TRAP;
	case 6:
		return SIGNAL_ILL;
	default:
		return SIGNAL_SEGV;
	}
}

static void die_of_fault(struct arch_trap *trap, uintptr_t address, int verdict, bool from_app)
{
	const char *access = trap->error_code & ARCH_FAULT_EXECUTE ? "execution" :
	    trap->error_code & ARCH_FAULT_WRITE ? "write" : "read";
	enum lab_panic_kind kind = LAB_PANIC_PAGE_FAULT;
	char reason[128];

	if (verdict == RUMPCOMP_FAULT_NO_MEMORY) {
		kind = LAB_PANIC_OUT_OF_MEMORY;
		lib_snprintf(reason, sizeof(reason), "out of memory: no free page of %lu KiB of RAM",
		    lab_header.ram_bytes / 1024);
	} else if (verdict == RUMPCOMP_FAULT_GUARD) {
		kind = LAB_PANIC_STACK_OVERFLOW;
		lib_snprintf(reason, sizeof(reason), "stack overflow in thread \"%s\"",
		    bmk_current->record->name);
	} else if (address < NULL_ZONE_BYTES) {
		kind = LAB_PANIC_NULL_DEREFERENCE;
		lib_snprintf(reason, sizeof(reason), "%s through a null pointer, at address 0x%lx",
		    access, address);
	} else if (trap->error_code & ARCH_FAULT_PRESENT || verdict == RUMPCOMP_FAULT_PROTECTION) {
		kind = LAB_PANIC_PROTECTION;
		lib_snprintf(reason, sizeof(reason), "%s not permitted at address 0x%lx",
		    access, address);
	} else {
		lib_snprintf(reason, sizeof(reason), "%s of unmapped address 0x%lx", access, address);
	}
	arch_in_kernel = !from_app;
	bmk_panic(kind, SIGNAL_SEGV, trap, address, reason);
}

static void page_fault(struct arch_trap *trap, uintptr_t address, bool from_app)
{
	bool write = trap->error_code & ARCH_FAULT_WRITE;
	bool execute = trap->error_code & ARCH_FAULT_EXECUTE;
	bool copying = trap->rip >= (uintptr_t)arch_copy_begin && trap->rip < (uintptr_t)arch_copy_end;
	uintptr_t guard = (uintptr_t)bmk_current->stack;
	int verdict = RUMPCOMP_FAULT_BAD, traced;

	traced = lab_trace_begin(LAB_EVENT_PAGE_FAULT, address, trap->error_code, trap->rip);
	if (guard && address >= guard && address < guard + BMK_PAGE_BYTES)
		verdict = RUMPCOMP_FAULT_GUARD;
	else if (bmk_fault_handler)
		verdict = bmk_fault_handler(address, from_app ? trap->rsp : 0, write, execute);
	lab_trace_end(traced, LAB_EVENT_PAGE_FAULT);
	if (verdict == RUMPCOMP_FAULT_HANDLED)
		return;
	if (copying && verdict != RUMPCOMP_FAULT_NO_MEMORY)
		trap->rip = (uintptr_t)arch_copy_fault;
	else if (!from_app || !bmk_exception_handler || !bmk_exception_handler(trap,
	    verdict == RUMPCOMP_FAULT_NO_MEMORY ? SIGNAL_KILL : SIGNAL_SEGV, address))
		die_of_fault(trap, address, verdict, from_app);
}

static void exception(struct arch_trap *trap, bool from_app)
{
	int signal = exception_signal(trap->vector);

	if (from_app && bmk_exception_handler && bmk_exception_handler(trap, signal, trap->rip))
		return;
	arch_in_kernel = !from_app;
	bmk_panic(LAB_PANIC_EXCEPTION, signal, trap, 0, exception_text(trap->vector));
}

static void interrupt(struct arch_trap *trap)
{
	unsigned pin = (unsigned)trap->vector - ARCH_VECTOR_DEVICE;
	int traced;

	lab_record_who.detail = LAB_DETAIL_IN_INTERRUPT;
	bmk_sample(trap, !arch_in_kernel);
	traced = lab_trace_begin(LAB_EVENT_INTERRUPT, trap->vector, trap->rip, 0);
	arch_interrupt_done();
	if (trap->vector == ARCH_VECTOR_TIMER) {
		timer_interrupts++;
		bmk_timer_interrupt();
	} else if (pin < DEVICE_PINS && devices[pin].handler) {
		devices[pin].count++;
		devices[pin].handler(devices[pin].argument);
	}
	lab_trace_end(traced, LAB_EVENT_INTERRUPT);
	lab_record_who.detail = 0;
}

/* Interrupted in the last two instructions of a system call: as if they had been done. */
static void finish_leaving(struct arch_trap *trap)
{
	if (trap->rip == (uintptr_t)arch_leave_stack)
		trap->rsp = *(uint64_t *)trap->rsp;
	else if (trap->rip != (uintptr_t)arch_leave_jump)
		return;
	trap->rip = trap->rcx;
}

/*
 * Where on the current thread's stack to go on, with a copy of the registers: below
 * what the runtime has there.  NULL if there is no such place: the boot's own stack, or
 * a stack that has overflowed.
 */
static struct arch_trap *thread_stack(const struct arch_trap *trap)
{
	uintptr_t lowest = bmk_current ? (uintptr_t)bmk_current->stack + BMK_PAGE_BYTES : 0;
	uintptr_t top = arch_in_kernel ? trap->rsp & ~(uintptr_t)(STACK_ALIGNMENT - 1) :
	    arch_kernel_top;
	struct arch_trap *copy = (struct arch_trap *)top - 1;

	if (!bmk_current || !bmk_current->stack || (uintptr_t)copy < lowest || top > arch_kernel_top)
		return NULL;
	*copy = *trap;
	return copy;
}

static void handle(struct arch_trap *trap, uintptr_t address)
{
	bool from_app = !arch_in_kernel;

	arch_in_kernel = 1;
	if (trap->vector == ARCH_VECTOR_PAGE_FAULT)
		page_fault(trap, address, from_app);
	else if (trap->vector < ARCH_VECTOR_DEVICE)
		exception(trap, from_app);
	if (from_app) {
		bmk_preempt();
		if (bmk_return_wanted && bmk_return_wanted())
			bmk_return_handler(trap);
	}
	arch_in_kernel = !from_app;
}

/* First, on a stack of the processor's.  What it returns is for the next function. */
struct arch_trap *bmk_trap(struct arch_trap *trap);
struct arch_trap *bmk_trap(struct arch_trap *trap)
{
	struct arch_trap *copy;

	if (trap->vector >= ARCH_VECTOR_DEVICE) {
		if (!arch_in_kernel)
			finish_leaving(trap);
		interrupt(trap);
		if (arch_in_kernel ||
		    !(bmk_preempt_wanted() || (bmk_return_wanted && bmk_return_wanted())))
			return NULL;
	}
	copy = thread_stack(trap);
	if (!copy && trap->vector < ARCH_VECTOR_DEVICE)
		handle(trap, arch_read_cr2());
	return copy;
}

/* Then, on the thread's own stack, where it may sleep. */
void bmk_trap_on_thread(struct arch_trap *trap);
void bmk_trap_on_thread(struct arch_trap *trap)
{
	handle(trap, arch_read_cr2());
}

void bmk_syscall(struct rumpcomp_frame *frame);
void bmk_syscall(struct rumpcomp_frame *frame)
{
	unsigned event = LAB_EVENT_SYSCALL + (frame->rax < SYSCALLS ? (unsigned)frame->rax : SYSCALLS - 1);

	bool traced = lab_trace_wants(event);

	lab_trace_count(event);
	if (traced)
		bmk_trace_syscall(event, frame);
	frame->rax = (uint64_t)bmk_syscall_handler(frame);
	if (traced)
		bmk_trace_result(event, frame);
	if (__builtin_expect(bmk_reschedule, 0))
		bmk_preempt();
}
