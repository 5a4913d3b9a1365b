/*
 * application.c - hypercalls for the application's threads: their start and end, the
 * ways into the factions, and registers of interrupted code (rumpcomp.h).
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "linux_abi.h"
#include "rumpcomp.h"
#include "rumplib.h"

extern const char __ehdr_start[] __attribute__((weak));
extern void _start(void) __attribute__((weak));

int rumpcomp_thread_start(const struct rumpcomp_frame *frame, uint64_t fs_base,
    const char *name, void *owner)
{
	struct bmk_thread *thread;

	HYPERCALL_ENTER(rumpcomp_thread_start, frame, fs_base, name, owner);
	thread = bmk_thread_start(frame, fs_base, name, owner);
	HYPERCALL_RETURN(rumpcomp_thread_start, thread ? (int)thread->number : -ENOMEM);
}

int rumpcomp_thread_begin(void *(*function)(void *owner), const char *name, void *owner)
{
	struct bmk_thread *thread;

	HYPERCALL_ENTER(rumpcomp_thread_start, function, 0, name, owner);
	thread = bmk_thread_begin(function, name, owner);
	HYPERCALL_RETURN(rumpcomp_thread_start, thread ? (int)thread->number : -ENOMEM);
}

void rumpcomp_thread_end(void)
{
	bmk_thread_exit();
}

uint32_t rumpcomp_thread_number(void)
{
	return bmk_current->number;
}

void rumpcomp_thread_name(const char *name)
{
	bmk_thread_set_name(bmk_current, name);
}

void rumpcomp_thread_name_of(uint32_t number, const char *name)
{
	struct bmk_thread *thread = bmk_thread_find(number);

	if (thread)
		bmk_thread_set_name(thread, name);
}

void rumpcomp_thread_tls(uint64_t fs_base)
{
	arch_set_fs(fs_base);
}

uint64_t rumpcomp_thread_get_tls(void)
{
	return arch_get_fs();
}

uint64_t rumpcomp_thread_cpu_ns(void)
{
	return bmk_clock_from_tsc(bmk_thread_cpu_tsc(bmk_current));
}

uint64_t rumpcomp_thread_cpu_ns_of(uint32_t number)
{
	struct bmk_thread *thread = bmk_thread_find(number);

	return thread ? bmk_clock_from_tsc(bmk_thread_cpu_tsc(thread)) : 0;
}

void rumpcomp_thread_yield(void)
{
	bmk_thread_yield();
}

size_t rumpcomp_fpu_bytes(void)
{
	return arch_fpu_bytes();
}

uint64_t rumpcomp_fpu_features(void)
{
	return arch_fpu_features();
}

void rumpcomp_fpu_save(void *area)
{
	arch_fpu_save(area);
}

void rumpcomp_fpu_load(const void *area)
{
	arch_fpu_load(area);
}

void rumpcomp_fpu_reset(void)
{
	arch_fpu_create(bmk_current->fpu);
	arch_fpu_load(bmk_current->fpu);
}

/* --- entering the factions --- */

void rumpcomp_on_syscall(rumpcomp_syscall_fn handler)
{
	bmk_syscall_handler = handler;
}

const void *rumpcomp_program_headers(void)
{
	return __ehdr_start;
}

uintptr_t rumpcomp_program_entry(void)
{
	return (uintptr_t)_start;
}

void rumpcomp_program_starts(void)
{
	lab_phase(LAB_PHASE_LIBC);
	__atomic_store_n(&lab_header.state, LAB_STATE_RUNNING, __ATOMIC_RELEASE);
}

/* --- interrupted code --- */

/* Both begin with the same fifteen, in the order in which they are pushed. */
#define PUSHED_BYTES offsetof(struct arch_trap, vector)
_Static_assert(PUSHED_BYTES == offsetof(struct rumpcomp_registers, rip) &&
    offsetof(struct arch_trap, rax) == offsetof(struct rumpcomp_registers, rax) &&
    offsetof(struct arch_trap, rdi) == offsetof(struct rumpcomp_registers, rdi),
    "registers are copied as they lie");

static void registers_of_trap(struct rumpcomp_registers *to, const struct arch_trap *from)
{
	memcpy(to, from, PUSHED_BYTES);
	to->rip = from->rip;
	to->rflags = from->rflags;
	to->rsp = from->rsp;
	to->trap = from->vector;
	to->error_code = from->error_code;
	to->address = 0;
}

static void trap_of_registers(struct arch_trap *to, const struct rumpcomp_registers *from)
{
	memcpy(to, from, PUSHED_BYTES);
	to->rip = from->rip;
	to->rflags = from->rflags;
	to->rsp = from->rsp;
	to->vector = from->trap;
	to->error_code = from->error_code;
	to->cs = SELECTOR_CODE;
	to->ss = SELECTOR_DATA;
}

static bool (*on_exception)(struct rumpcomp_registers *registers, int signal);
static void (*on_return)(struct rumpcomp_registers *registers);

static bool exception(struct arch_trap *trap, int signal, uintptr_t address)
{
	struct rumpcomp_registers registers;

	registers_of_trap(&registers, trap);
	registers.address = address;
	if (!on_exception(&registers, signal))
		return false;
	trap_of_registers(trap, &registers);
	return true;
}

static void returning(struct arch_trap *trap)
{
	struct rumpcomp_registers registers;

	registers_of_trap(&registers, trap);
	on_return(&registers);
	trap_of_registers(trap, &registers);
}

void rumpcomp_on_exception(bool (*handler)(struct rumpcomp_registers *registers, int signal))
{
	on_exception = handler;
	bmk_exception_handler = exception;
}

void rumpcomp_on_return(bool (*wanted)(void), void (*handler)(struct rumpcomp_registers *))
{
	on_return = handler;
	bmk_return_wanted = wanted;
	bmk_return_handler = returning;
}

void rumpcomp_on_switch(void (*handler)(void *owner))
{
	bmk_switch_handler = handler;
}

void rumpcomp_resume(const struct rumpcomp_registers *registers)
{
	struct arch_trap trap;

	trap_of_registers(&trap, registers);
	arch_resume(&trap);
}

void rumpcomp_application_died(int signal, const struct rumpcomp_registers *registers,
    const char *reason)
{
	struct arch_trap trap;

	trap_of_registers(&trap, registers);
	trap.vector = ARCH_VECTOR_NONE;
	arch_in_kernel = 0;
	bmk_panic(LAB_PANIC_SIGNAL, signal, &trap, 0, reason);
}
