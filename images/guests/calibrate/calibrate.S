/*
 * calibrate.S - the guest that decides between KVM and TCG, and measures the clock.
 *
 * It does a fixed piece of work that a kernel's start resembles (arithmetic and memory
 * in ring 0, SSE in ring 0, page-table reloads, exits to QEMU), leaves its duration in
 * RAM, then publishes the time-stamp counter until the lab tells it to stop.  A KVM that
 * emulates ring 0 in software needs hundreds of times longer than TCG, or dies at the
 * first SSE instruction.
 *
 * Results, at `header` + 2048 (read by kernel_magics/boot/accel.py, same order):
 *   u64 work_ticks    TSC ticks the work took; 0 while it is being done
 *   u64 sample_tsc    the counter, stored again and again after the work
 *   u64 stop          the lab writes 1 to end the guest
 */
#include "longmode.S"

#define RESULT 2048
#define WORK_ROUNDS 100000
#define SSE_ROUNDS 1000
#define EXITS 64
#define RELOADS 64
#ifndef SAMPLES
#define SAMPLES 20000000            /* bound, should the lab have gone away */
#endif

	.globl main64
main64:
	movl $2, header + H_STATE       /* LAB_STATE_RUNNING */
	stamp PHASE_MAIN
	putc $'c'
	stamp PHASE_OUTPUT
	rdtsc
	shl $32, %rdx
	lea (%rdx, %rax), %r15

	mov $WORK_ROUNDS, %ecx
1:	add %rcx, scratch
	xor %rcx, %rax
	dec %ecx
	jnz 1b

	mov $SSE_ROUNDS, %ecx
2:	pxor %xmm0, %xmm0
	movups scratch, %xmm1
	paddq %xmm1, %xmm0
	movups %xmm0, scratch
	dec %ecx
	jnz 2b

	mov $RELOADS, %ecx
3:	mov %cr3, %rax
	mov %rax, %cr3
	dec %ecx
	jnz 3b

	mov $EXITS, %ecx
	mov $COM1 + 7, %edx             /* the UART's scratch register */
4:	in %dx, %al
	dec %ecx
	jnz 4b

	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	sub %r15, %rax
	mov %rax, header + RESULT

	mov $SAMPLES, %ecx
5:	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	mov %rax, header + RESULT + 8
	cmpq $0, header + RESULT + 16
	jne 6f
	dec %ecx
	jnz 5b
6:	ret

	.bss
	.balign 16
scratch: .skip 16
