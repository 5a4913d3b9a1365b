/*
 * trap.S - the ways into the runtime and out of it: exceptions, interrupts, system
 * calls, thread switches, and copies that may fault.
 *
 * Every exception and interrupt arrives on a stack of the interrupt stack table, never
 * on the interrupted one: code in ring 0 uses the 128 bytes below its stack pointer.
 * What may sleep goes on on the thread's own stack in the runtime.
 */
#include "registers.h"

/*
 * Call frame information, so that a debugger finds its way through all of this.  Where it
 * stands is code that calls or sleeps; the instructions that save and load registers one by
 * one, with interrupts off, say that the caller is unknown.
 */
	.cfi_sections .debug_frame
#define RIP 16 /* DWARF's number of it, which the assembler has no name for */

	.section .text

/* One stub a vector: vector number and error code (or 0) on the stack. */
	.balign 16
	.globl arch_vectors
arch_vectors:
	.set vector, 0
	.rept 64
	.balign 16
	.if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
	.else
	pushq $0
	.endif
	pushq $vector
	jmp trap_common
	.set vector, vector + 1
	.endr

	.set saved_at, -176
trap_common:
	.cfi_startproc
	.cfi_signal_frame
	.cfi_undefined RIP
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rbx
	pushq %rbp
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	/* rsp leads to a struct arch_trap, here and on the other stack. */
	.cfi_def_cfa rsp, 176
	.irp register, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
	.cfi_offset \register, saved_at
	.set saved_at, saved_at + 8
	.endr
	.cfi_offset RIP, -40
	.cfi_offset rsp, -16
	cld
	movq %rsp, %rdi
	call bmk_trap
	testq %rax, %rax
	jz 1f
	/* The registers have been copied there, to the thread's stack. */
	movq %rax, %rsp
	movq %rax, %rdi
	call bmk_trap_on_thread
	/* The lab's walks of the stack know the registers that lie here by this label. */
	.globl arch_trap_return
arch_trap_return:
1:	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rbp
	popq %rbx
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq
	.cfi_endproc

/* void arch_resume(const struct arch_trap *): go on with these registers. */
	.globl arch_resume
arch_resume:
	movq %rdi, %rsp
	movl $0, arch_in_kernel(%rip)
	jmp 1b

/* The spurious interrupt needs no acknowledgement. */
	.balign 16
	.globl arch_spurious
arch_spurious:
	iretq

/*
 * System call.  The processor put the return address in rcx and the flags in r11 and
 * cleared the flags in MSR_FMASK, so interrupts are off until the return.  The
 * registers are saved as struct rumpcomp_frame at the top of the thread's stack.
 */
	.balign 16
	.globl arch_syscall_entry
arch_syscall_entry:
	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa rsp, 0
	.cfi_register RIP, rcx
	movq %rsp, arch_user_rsp(%rip)
	.cfi_undefined RIP
	movq arch_kernel_top(%rip), %rsp
	pushq arch_user_rsp(%rip)
	pushq %r11
	pushq %rcx
	pushq %rax
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %r10
	pushq %r8
	pushq %r9
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	/* rsp leads to a struct rumpcomp_frame. */
	.cfi_def_cfa rsp, 128
	.set saved_at, -128
	.irp register, r15, r14, r13, r12, rbp, rbx, r9, r8, r10, rdx, rsi, rdi, rax, RIP
	.cfi_offset \register, saved_at
	.set saved_at, saved_at + 8
	.endr
	.cfi_offset rsp, -8
	movl $1, arch_in_kernel(%rip)
	movq %rsp, %rdi
	call bmk_syscall

/* Also where a new application thread begins: its frame is all there is on its stack. */
	.globl arch_syscall_return
arch_syscall_return:
	movl $0, arch_in_kernel(%rip)
	popq %r15
	.cfi_undefined RIP
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r9
	popq %r8
	popq %r10
	popq %rdx
	popq %rsi
	popq %rdi
	popq %rax
	popq %rcx
	popfq
	/* An interrupt here finds these labels and does what they would have done. */
	.globl arch_leave_stack, arch_leave_jump
arch_leave_stack:
	.cfi_def_cfa rsp, 8
	.cfi_offset rsp, -8
	.cfi_register RIP, rcx
	.irp register, r15, r14, r13, r12, rbp, rbx
	.cfi_same_value \register
	.endr
	movq (%rsp), %rsp
	.cfi_def_cfa rsp, 0
	.cfi_same_value rsp
arch_leave_jump:
	jmp *%rcx
	.cfi_endproc

/* void arch_switch(uint64_t *save_sp, uint64_t load_sp, uint64_t *shown_sp) */
	.balign 16
	.globl arch_switch
arch_switch:
	.cfi_startproc
	.irp register, rbp, rbx, r12, r13, r14, r15
	pushq %\register
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \register, 0
	.endr
	movq %rsp, (%rdi)
	movq %rsp, (%rdx)
	movq %rsi, %rsp
1:	.irp register, r15, r14, r13, r12, rbx, rbp
	popq %\register
	.cfi_adjust_cfa_offset -8
	.cfi_restore \register
	.endr
	ret
	.cfi_endproc

/* void arch_idle(uint64_t *save_sp, uint64_t *shown_sp): its stack is as after arch_switch */
	.balign 16
	.globl arch_idle
arch_idle:
	.cfi_startproc
	.irp register, rbp, rbx, r12, r13, r14, r15
	pushq %\register
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \register, 0
	.endr
	movq %rsp, (%rdi)
	movq %rsp, (%rsi)
	sti
	hlt
	cli
	jmp 1b
	.cfi_endproc

/* Where a new kernel thread begins: function in rbx, argument in r12. */
	.globl arch_thread_begin
arch_thread_begin:
	.cfi_startproc
	.cfi_undefined RIP
	xorl %ebp, %ebp
	movq %r12, %rdi
	call *%rbx
	call rumpuser_thread_exit
	ud2
	.cfi_endproc

/*
 * Copies between factions and the application.  A fault inside continues at
 * arch_copy_fault, which returns -EFAULT.
 * int arch_copy(void *to, const void *from, size_t bytes)
 * long arch_copy_string(char *to, const char *from, size_t max): length with NUL
 */
	.balign 16
	.globl arch_copy, arch_copy_string, arch_copy_begin, arch_copy_end, arch_copy_fault
arch_copy_begin:
arch_copy:
	.cfi_startproc
	movq %rdx, %rcx
	shrq $3, %rcx
	rep movsq
	movl %edx, %ecx
	andl $7, %ecx
	rep movsb
	xorl %eax, %eax
	ret
	.cfi_endproc
arch_copy_string:
	.cfi_startproc
	xorl %eax, %eax
1:	cmpq %rdx, %rax
	jae 2f
	movb (%rsi,%rax), %cl
	movb %cl, (%rdi,%rax)
	incq %rax
	testb %cl, %cl
	jnz 1b
	ret
2:	movq $-36, %rax                 /* -ENAMETOOLONG */
	ret
	.cfi_endproc
arch_copy_end:
arch_copy_fault:
	movq $-14, %rax                 /* -EFAULT */
	ret

	.section .bss
	.balign 8
	.globl arch_kernel_top, arch_in_kernel
arch_user_rsp:   .skip 8
arch_kernel_top: .skip 8
arch_in_kernel:  .skip 4
	.section .note.GNU-stack, "", @progbits
