/*
 * order.S - void arch_order_memory(void): what was stored before is seen by devices
 * before anything after it is loaded.
 *
 * That is mfence's work (Intel SDM volume 3A, 8.2.5), and real processors do it.  But QEMU's
 * translator, for a machine with one processor, leaves mfence out before version 8.1, and
 * in every version lets a lock prefix order nothing: it forgets that its devices run in
 * another thread.  Then a ring's index can still be in the store buffer of the machine
 * below when the device's side of the bargain has been read already, each of the two
 * believes that the other one will look, and both sleep.  To read the time-stamp counter
 * QEMU takes a lock, which is a barrier.
 */
	.cfi_sections .debug_frame

	.section .text
	.balign 16
	.globl arch_order_memory
	.type arch_order_memory, @function
arch_order_memory:
	.cfi_startproc
	mfence
	rdtsc
	ret
	.cfi_endproc
	.size arch_order_memory, . - arch_order_memory
	.section .note.GNU-stack, "", @progbits
