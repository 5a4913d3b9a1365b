/*
 * arch.c - the processor's tables and features, once, at the start.
 */
#include "arch.h"
#include "bmk.h"
#include "lab_abi.h"
#include "rumplib.h"

_Static_assert(offsetof(struct lab_header, phase_tsc) == LAB_HEADER_PHASE_ENTRY,
    "entry.S stores the first time stamp here");
_Static_assert(sizeof(struct lab_header) == LAB_HEADER_BYTES, "entry.S announces this size");

/* QEMU's isa-debug-exit device, at the port the lab gives it. */
#define EXIT_PORT 0x501
#define FAULT_STACK_BYTES 8192

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static struct gate idt[256];
static struct {
	uint32_t reserved0;
	uint64_t rsp[3], reserved1, ist[7], reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed)) tss;
static char stacks[3][FAULT_STACK_BYTES] __attribute__((aligned(16)));
extern uint64_t arch_gdt[];

static bool has_fsgsbase;
static bool has_random;
static uint64_t xsave_mask; /* 0: only fxsave */
static size_t fpu_bytes = 512;
static uint8_t fpu_initial[512] __attribute__((aligned(64)));

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	__asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
	    : "a"(leaf), "c"(subleaf));
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static void gate_set(unsigned vector, const char *entry, uint8_t ist)
{
	uint64_t address = (uintptr_t)entry;

	idt[vector] = (struct gate){
		.offset_low = (uint16_t)address, .selector = SELECTOR_CODE,
		.ist = ist, .type = 0x8e,
		.offset_middle = (uint16_t)(address >> 16),
		.offset_high = (uint32_t)(address >> 32),
	};
}

static void tables_create(void)
{
	uint64_t base = (uintptr_t)&tss;
	struct table_pointer pointer = { sizeof(idt) - 1, (uintptr_t)idt };

	for (unsigned vector = 0; vector <= ARCH_VECTOR_LAST; vector++)
		gate_set(vector, arch_vectors + 16 * vector,
		    vector < ARCH_VECTOR_DEVICE ? IST_FAULT : IST_INTERRUPT);
	gate_set(8, arch_vectors + 16 * 8, IST_DOUBLE);
	gate_set(255, arch_spurious, IST_INTERRUPT);
	for (unsigned slot = 0; slot < 3; slot++)
		tss.ist[slot] = (uintptr_t)stacks[slot] + FAULT_STACK_BYTES;
	tss.io_map = sizeof(tss);
	/* 64-bit TSS descriptor, SDM 3A figure 8-4. */
	arch_gdt[3] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 |
	    0x89ull << 40 | (base >> 24 & 0xff) << 56;
	arch_gdt[4] = base >> 32;
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

static void features_enable(void)
{
	uint32_t basic[4], extended[4] = { 0 }, state[4];
	uint64_t cr4;

	cpuid(1, 0, basic);
	has_random = basic[2] >> 30 & 1;
	cpuid(0, 0, state);
	if (state[0] >= 7)
		cpuid(7, 0, extended);
	has_fsgsbase = extended[1] & 1;
	__asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
	if (has_fsgsbase)
		cr4 |= CR4_FSGSBASE;
	if (basic[2] >> 26 & 1)
		cr4 |= CR4_OSXSAVE;
	__asm__ volatile("movq %0, %%cr4" : : "r"(cr4));
	if (cr4 & CR4_OSXSAVE) {
		/* x87 and SSE always; AVX and AVX-512 where the processor offers them. */
		cpuid(13, 0, state);
		xsave_mask = state[0] & 0xe7;
		__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)xsave_mask), "d"(0));
		cpuid(13, 0, state);
		fpu_bytes = (state[1] + 63) & ~63u;
	}
	__asm__ volatile("fninit; fxsave64 %0" : "=m"(fpu_initial));
	/* MXCSR: all exceptions masked, as a Linux process starts. */
	fpu_initial[24] = 0x80;
	fpu_initial[25] = 0x1f;
}

static void syscalls_enable(void)
{
	wrmsr(MSR_STAR, (uint64_t)SELECTOR_CODE << 32);
	wrmsr(MSR_LSTAR, (uintptr_t)arch_syscall_entry);
	wrmsr(MSR_FMASK, 0x47700); /* TF IF DF IOPL NT AC */
}

size_t arch_fpu_bytes(void)
{
	return fpu_bytes;
}

uint64_t arch_fpu_features(void)
{
	return xsave_mask;
}

void arch_fpu_create(void *area)
{
	/* An XSAVE header of zeros means: every component in its initial state. */
	memset(area, 0, fpu_bytes);
	memcpy(area, fpu_initial, 512);
	if (xsave_mask)
		((uint64_t *)area)[64] = 3;
}

void arch_fpu_save(void *area)
{
	if (xsave_mask)
		__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

void arch_fpu_load(const void *area)
{
	if (xsave_mask)
		__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

uint64_t arch_get_fs(void)
{
	uint64_t base;

	if (!has_fsgsbase)
		return rdmsr(MSR_FS_BASE);
	__asm__ volatile("rdfsbase %0" : "=r"(base));
	return base;
}

void arch_set_fs(uint64_t base)
{
	if (has_fsgsbase)
		__asm__ volatile("wrfsbase %0" : : "r"(base));
	else
		wrmsr(MSR_FS_BASE, base);
}

bool arch_random(uint64_t *value)
{
	bool ok = false;

	/* Intel recommends ten tries before believing that RDRAND has failed. */
	for (int tries = 0; has_random && !ok && tries < 10; tries++)
		__asm__ volatile("rdrand %0" : "=r"(*value), "=@ccc"(ok));
	return ok;
}

void arch_exit(int status)
{
	struct table_pointer none = { 0, 0 };

	arch_out32(EXIT_PORT, (uint32_t)status);
	/* No such device: a triple fault resets, and the lab runs us with -no-reboot. */
	__asm__ volatile("lidt %0; int3" : : "m"(none));
	arch_halt();
}

void arch_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

void arch_start(const void *start_info);
void arch_start(const void *start_info)
{
	arch_in_kernel = 1;
	tables_create();
	features_enable();
	syscalls_enable();
	bmk_main(start_info);
}
