/*
 * apic.c - local APIC (timer, acknowledgement) and I/O APIC (device interrupts).
 *
 * Intel SDM volume 3A chapter 11; Intel 82093AA I/O APIC.  QEMU and KVM run the local
 * APIC's timer at 1 GHz, so with divider 1 its count is in nanoseconds.
 */
#include "arch.h"

#define LAPIC (DIRECT_BASE + 0xfee00000)
#define IOAPIC (DIRECT_BASE + 0xfec00000)

#define LAPIC_TASK_PRIORITY 0x080
#define LAPIC_END_OF_INTERRUPT 0x0b0
#define LAPIC_SPURIOUS 0x0f0
#define LAPIC_TIMER 0x320
#define LAPIC_LINT0 0x350
#define LAPIC_INITIAL_COUNT 0x380
#define LAPIC_CURRENT_COUNT 0x390
#define LAPIC_DIVIDE 0x3e0
#define LAPIC_ENABLE 0x100
#define LAPIC_MASKED 0x10000
#define LAPIC_DIVIDE_BY_1 0xb

#define PIC_MASTER_MASK 0x21
#define PIC_SLAVE_MASK 0xa1

/* The longest single timer run; a later deadline is reached in several. */
#define TIMER_MAX_NS 4000000000ull
#define CALIBRATION_NS 1000000u

static void lapic_write(uint32_t reg, uint32_t value)
{
	*(volatile uint32_t *)(LAPIC + reg) = value;
}

static uint32_t lapic_read(uint32_t reg)
{
	return *(volatile uint32_t *)(LAPIC + reg);
}

static void ioapic_write(uint32_t reg, uint32_t value)
{
	*(volatile uint32_t *)IOAPIC = reg;
	*(volatile uint32_t *)(IOAPIC + 0x10) = value;
}

void arch_interrupts_create(void)
{
	arch_out8(PIC_MASTER_MASK, 0xff);
	arch_out8(PIC_SLAVE_MASK, 0xff);
	lapic_write(LAPIC_LINT0, LAPIC_MASKED);
	lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLE | 255);
	lapic_write(LAPIC_DIVIDE, LAPIC_DIVIDE_BY_1);
	lapic_write(LAPIC_TIMER, ARCH_VECTOR_TIMER);
}

void arch_interrupt_enable(unsigned pin, bool level)
{
	ioapic_write(0x10 + 2 * pin + 1, 0); /* to the only processor */
	ioapic_write(0x10 + 2 * pin, (ARCH_VECTOR_DEVICE + pin) | (level ? 1u << 15 : 0));
}

void arch_interrupt_done(void)
{
	lapic_write(LAPIC_END_OF_INTERRUPT, 0);
}

void arch_timer_set(uint64_t delay_ns)
{
	lapic_write(LAPIC_INITIAL_COUNT,
	    (uint32_t)(delay_ns > TIMER_MAX_NS ? TIMER_MAX_NS : delay_ns));
}

uint64_t arch_measure_tsc_hz(void)
{
	uint64_t start, end;
	uint32_t from, to;

	lapic_write(LAPIC_TIMER, LAPIC_MASKED);
	lapic_write(LAPIC_INITIAL_COUNT, 0xffffffff);
	from = lapic_read(LAPIC_CURRENT_COUNT);
	start = arch_tsc();
	do {
		to = lapic_read(LAPIC_CURRENT_COUNT);
		end = arch_tsc();
	} while (from - to < CALIBRATION_NS);
	lapic_write(LAPIC_INITIAL_COUNT, 0);
	lapic_write(LAPIC_TIMER, ARCH_VECTOR_TIMER);
	return (end - start) * 1000000000ull / (from - to);
}
