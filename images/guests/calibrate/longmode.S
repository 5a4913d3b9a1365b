/*
 * longmode.S - from QEMU's PVH entry to 64-bit code, for guests written in assembly.
 *
 * Interface: a guest includes this file and defines `main64`, entered in long mode with
 * interrupts off, SSE on, a stack, the first GiB identity-mapped with 2 MiB pages, and
 * %rdi = address of the command line (a NUL-terminated string).  `header` is the page
 * the lab reads (struct lab_header in lab_abi.h); `leave` ends the guest with the status
 * in %edi.  Clobbers are the System V ones.
 *
 * Sources: Xen's x86/HVM direct boot ABI (hvm_start_info: cmdline_paddr at offset 24);
 * Intel SDM volume 3A, section 9.8.5, for the order of steps into long mode.
 */
#define COM1 0x3f8
#define EXIT_PORT 0x501

/* H_<FIELD> are the offsets in struct lab_header, and HEADER_BYTES its size: the lab
 * defines them on the assembler's command line from its own copy of the layout. */
#define PHASE(n) (H_PHASE_TSC + (n) * 8)
#define PHASE_ENTRY PHASE(0)
#define PHASE_RUNTIME PHASE(1)
#define PHASE_MAIN PHASE(5)
#define PHASE_OUTPUT PHASE(6)
#define PHASE_EXIT PHASE(7)

/* Store the time-stamp counter at `header` + \where; clobbers %rax, %rdx. */
.macro stamp where
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	mov %rax, header + \where
.endm

/* Write \byte to the console; clobbers %rax, %rdx. */
.macro putc byte
	mov $COM1, %edx
	mov \byte, %al
	incq header + H_CONSOLE_WRITTEN
	out %al, %dx
.endm

	.section .note.xen, "a", @note
	.balign 4
	.long 4, 4, 18              /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long entry32

	.section .note.rumplab, "a", @note
	.balign 4
	.long 8, 16, 1              /* LAB_NOTE_HEADER */
	.asciz "rumplab"
	.long 1, HEADER_BYTES          /* ABI version, sizeof(struct lab_header) */
	.quad header

	.data
	.balign 4096
	.globl header
header:
	.ascii "RUMPLAB\1"
	.long 1, HEADER_BYTES
	.long 0, 0
	.org header + 4096

	.bss
	.balign 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4096
	.skip 8192
stack_top:

	.section .rodata
	.balign 8
gdt:
	.quad 0
	.quad 0x00af9b000000ffff    /* 0x08: 64-bit code */
	.quad 0x00cf93000000ffff    /* 0x10: data */
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long gdt

	.text
	.code32
	.globl entry32
entry32:
	rdtsc
	mov %eax, header + PHASE_ENTRY
	mov %edx, header + PHASE_ENTRY + 4
	movl $1, header + H_STATE
	mov $stack_top, %esp
	mov 24(%ebx), %esi          /* hvm_start_info.cmdline_paddr, below 4 GiB */

	movl $pdpt + 3, pml4
	movl $pd + 3, pdpt
	mov $0x83, %eax             /* present, writable, 2 MiB page */
	mov $pd, %edi
	mov $512, %ecx
1:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	dec %ecx
	jnz 1b

	mov $0x620, %eax            /* cr4: PAE, OSFXSR, OSXMMEXCPT */
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx       /* IA32_EFER */
	mov $0x100, %eax            /* LME */
	xor %edx, %edx
	wrmsr
	mov $0x80000003, %eax       /* cr0: PG, MP, PE */
	mov %eax, %cr0
	lgdt gdt_pointer
	ljmp $8, $start64

	.code64
start64:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	stamp PHASE_RUNTIME
	mov %esi, %edi
	call main64
	xor %edi, %edi

	.globl leave
leave:
	stamp PHASE_EXIT
	mov %edi, header + H_EXIT_STATUS
	movl $3, header + H_STATE   /* LAB_STATE_EXITED */
	mov $EXIT_PORT, %edx
	mov %edi, %eax
	out %eax, %dx
1:	hlt
	jmp 1b
