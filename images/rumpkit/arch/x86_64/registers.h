/* registers.h - control bits of x86-64 (Intel SDM volume 3), for C and assembly. */
#ifndef ARCH_REGISTERS_H
#define ARCH_REGISTERS_H

#define CR0_MP 0x2
#define CR0_EM 0x4
#define CR0_TS 0x8
#define CR0_NE 0x20
#define CR0_WP 0x10000
#define CR0_NW 0x20000000
#define CR0_CD 0x40000000
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define CR4_PGE 0x80
#define CR4_OSFXSR 0x200
#define CR4_OSXMMEXCPT 0x400
#define CR4_FSGSBASE 0x10000
#define CR4_OSXSAVE 0x40000

#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_FMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define EFER_SCE 0x1
#define EFER_LME 0x100
#define EFER_NXE 0x800

#define RFLAGS_IF 0x200

#define PTE_PRESENT 0x1
#define PTE_WRITE 0x2
#define PTE_UNCACHED 0x10
#define PTE_DIRTY 0x40
#define PTE_LARGE 0x80
#define PTE_GLOBAL 0x100
/* Bits the processor leaves to us. */
#define PTE_BORROWED 0x200 /* the page is not to be freed when it is unmapped */
#define PTE_COPY 0x400     /* a write gets a copy of the page */
#define PTE_TABLE (PTE_PRESENT | PTE_WRITE)
#define PTE_NO_EXECUTE 0x8000000000000000

/* All of RAM, and the devices below 4 GiB, at this address plus their physical one. */
#define DIRECT_BASE 0xffff800000000000
#define DIRECT_SLOT 256 /* of the level-4 table */

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS 0x18

/* Interrupt stack table slots: device interrupts, faults, and the double fault. */
#define IST_INTERRUPT 1
#define IST_FAULT 2
#define IST_DOUBLE 3

/* Offset of phase_tsc[LAB_PHASE_ENTRY] in struct lab_header; trap.c asserts it. */
#define LAB_HEADER_PHASE_ENTRY 152
#define LAB_HEADER_BYTES 576

#endif
