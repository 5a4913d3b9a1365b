/*
 * entry.S - from the first instruction to C.
 *
 * The loader (QEMU's PVH, see Xen's "x86/HVM direct boot ABI") leaves us in 32-bit
 * protected mode, paging off, ebx = address of struct hvm_start_info.  We note the
 * time, map with 2 MiB pages the image where it is and the first and the fourth GiB in
 * the direct map, turn on long mode and SSE, and call arch_start(start_info).
 */
#include "registers.h"

	.section .note.Xen, "a", @note
	.balign 4
	.long 4f - 3f
	.long 6f - 5f
	.long 18                        /* XEN_ELFNOTE_PHYS32_ENTRY */
3:	.asciz "Xen"
4:	.balign 4
5:	.long _rumpkit_entry32
6:	.balign 4

	.section .note.rumplab, "a", @note
	.balign 4
	.long 4f - 3f
	.long 6f - 5f
	.long 1                         /* LAB_NOTE_HEADER */
3:	.asciz "rumplab"
4:	.balign 4
5:	.long 1                         /* struct lab_note: LAB_ABI_VERSION */
	.long LAB_HEADER_BYTES
	.quad lab_header
6:	.balign 4

	.section .text
	.code32
	.globl _rumpkit_entry32
_rumpkit_entry32:
	cli
	cld
	rdtsc
	movl %eax, lab_header + LAB_HEADER_PHASE_ENTRY
	movl %edx, lab_header + LAB_HEADER_PHASE_ENTRY + 4
	movl $boot_stack_top, %esp
	movl %ebx, %ebp                 /* start_info survives in ebp */

	/* Level 4 -> level 3 -> level 2: one table for the image, two for the direct map. */
	movl $arch_pdpt + PTE_TABLE, arch_pml4
	movl $arch_pd_image + PTE_TABLE, arch_pdpt
	movl $arch_pdpt_direct + PTE_TABLE, arch_pml4 + DIRECT_SLOT * 8
	movl $arch_pd_direct + PTE_TABLE, arch_pdpt_direct
	movl $arch_pd_devices + PTE_TABLE, arch_pdpt_direct + 3 * 8
	movl $PTE_PRESENT | PTE_WRITE | PTE_LARGE, %eax
	xorl %ecx, %ecx
1:	movl %eax, arch_pd_direct(, %ecx, 8)
	leal 0xc0000000 + PTE_UNCACHED(%eax), %edx
	movl %edx, arch_pd_devices(, %ecx, 8)
	cmpl $image_end, %eax
	ja 2f
	movl %eax, arch_pd_image(, %ecx, 8)
2:	addl $0x200000, %eax
	incl %ecx
	cmpl $512, %ecx
	jne 1b

	movl %cr4, %eax
	orl $CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PGE, %eax
	movl %eax, %cr4
	movl $arch_pml4, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_SCE | EFER_LME | EFER_NXE, %eax
	wrmsr
	movl %cr0, %eax
	andl $~(CR0_EM | CR0_CD | CR0_NW), %eax
	orl $CR0_PG | CR0_WP | CR0_NE | CR0_MP, %eax
	movl %eax, %cr0
	lgdt gdt_pointer
	ljmp $SELECTOR_CODE, $1f

	.code64
1:	movw $SELECTOR_DATA, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	xorl %eax, %eax
	movw %ax, %fs
	movw %ax, %gs
	movq $boot_stack_top, %rsp
	movl %ebp, %edi
	xorl %ebp, %ebp
	call arch_start
	ud2

	.section .data
	.balign 16
	.globl arch_gdt
arch_gdt:
	.quad 0
	.quad 0x00af9b000000ffff        /* SELECTOR_CODE: 64-bit, ring 0 */
	.quad 0x00cf93000000ffff        /* SELECTOR_DATA */
	.quad 0, 0                      /* SELECTOR_TSS, filled by arch_start */
gdt_end:
gdt_pointer:
	.word gdt_end - arch_gdt - 1
	.quad arch_gdt

	.section .bss
	.balign 4096
	.globl arch_pml4
arch_pml4:      .skip 4096
arch_pdpt:      .skip 4096
	.globl arch_pd_image
arch_pd_image:  .skip 4096
	.globl arch_pdpt_direct
arch_pdpt_direct: .skip 4096
	.globl arch_pd_direct
arch_pd_direct: .skip 4096
arch_pd_devices: .skip 4096
boot_stack:     .skip 8192
boot_stack_top:
	.section .note.GNU-stack, "", @progbits
