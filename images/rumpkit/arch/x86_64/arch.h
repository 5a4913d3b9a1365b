/*
 * arch.h - what the x86-64 layer offers the bare-metal core (bmk).
 */
#ifndef ARCH_H
#define ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registers.h"

/* Registers at an exception or interrupt, in the order trap.S pushes them. */
struct arch_trap {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error_code;
	uint64_t rip, cs, rflags, rsp, ss;
};

#define ARCH_VECTOR_PAGE_FAULT 14
#define ARCH_VECTOR_DEVICE 32     /* first interrupt of the I/O APIC */
#define ARCH_VECTOR_TIMER 62
#define ARCH_VECTOR_LAST 63
#define ARCH_VECTOR_NONE (~0ull)
/* Where a device writes a vector's number to interrupt the only processor. */
#define ARCH_MESSAGE_ADDRESS 0xfee00000u

/* Bits of the error code of a page fault. */
#define ARCH_FAULT_PRESENT 1
#define ARCH_FAULT_WRITE 2
#define ARCH_FAULT_EXECUTE 16

extern uint64_t arch_pml4[512];
extern uint64_t arch_kernel_top;  /* stack of the current thread's system calls */
extern uint32_t arch_in_kernel;   /* 1 between a system call's entry and return */
extern char arch_vectors[], arch_spurious[], arch_syscall_entry[];
extern char arch_syscall_return[], arch_thread_begin[], arch_trap_return[];
extern char arch_leave_stack[], arch_leave_jump[]; /* the end of a system call */
extern char arch_copy_begin[], arch_copy_end[], arch_copy_fault[];

/* The saved stack pointer is also shown to the lab. */
void arch_switch(uint64_t *save_sp, uint64_t load_sp, uint64_t *shown_sp);
/*
 * Sleep until an interrupt has been handled.  Call with interrupts off.  Meanwhile the
 * stack is saved as by arch_switch, for the lab to look at.
 */
void arch_idle(uint64_t *save_sp, uint64_t *shown_sp);
/* Leave the runtime with these registers, which lie on the thread's stack. */
__attribute__((noreturn)) void arch_resume(const struct arch_trap *registers);
int arch_copy(void *to, const void *from, size_t bytes);
long arch_copy_string(char *to, const char *from, size_t max);

/* Vector state of a thread; the area is 64-byte aligned, arch_fpu_bytes() long. */
size_t arch_fpu_bytes(void);
uint64_t arch_fpu_features(void); /* XSAVE's mask; 0 without it */
void arch_fpu_create(void *area);
void arch_fpu_save(void *area);
void arch_fpu_load(const void *area);

uint64_t arch_get_fs(void);
void arch_set_fs(uint64_t base);

/* Interrupt controllers.  Pins are those of the first I/O APIC. */
void arch_interrupts_create(void);
void arch_interrupt_enable(unsigned pin, bool level);
void arch_interrupt_done(void);
/* One interrupt (ARCH_VECTOR_TIMER) after this many nanoseconds; 0 cancels. */
void arch_timer_set(uint64_t delay_ns);
/* Measure the time-stamp counter against the local APIC's 1 GHz count. */
uint64_t arch_measure_tsc_hz(void);

/* Random bits from the processor; false if it has none to give. */
bool arch_random(uint64_t *value);

/* What was stored before is seen by devices before anything after it is loaded. */
void arch_order_memory(void);

static inline uint64_t arch_tsc(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline void arch_out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t arch_in8(uint16_t port)
{
	uint8_t value;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline void arch_out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint32_t arch_in32(uint16_t port)
{
	uint32_t value;
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint64_t arch_read_cr2(void)
{
	uint64_t value;
	__asm__ volatile("movq %%cr2, %0" : "=r"(value));
	return value;
}

static inline void arch_invalidate(uintptr_t address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

/* Use the level-4 table at this physical address; forgets all but global pages. */
static inline void arch_set_tables(uintptr_t physical)
{
	__asm__ volatile("movq %0, %%cr3" : : "r"(physical) : "memory");
}

/* Interrupts off; returns whether they were on. */
static inline bool arch_interrupts_off(void)
{
	uint64_t flags;
	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return flags & RFLAGS_IF;
}

static inline void arch_interrupts_on_if(bool on)
{
	if (on)
		__asm__ volatile("sti" : : : "memory");
}

/* The end of the machine: status to the debug-exit device, else a triple fault. */
__attribute__((noreturn)) void arch_exit(int status);
__attribute__((noreturn)) void arch_halt(void);

#endif
