/*
 * onebyte.S - the least a guest can do: write one byte to the console, and leave.
 *
 * What QEMU needs to start this is what QEMU needs to start anything, so the time from
 * its exec to this byte is the yardstick for every other guest's.
 *
 * Entered in 32-bit protected mode by the PVH boot ABI (Xen, x86/HVM direct boot).
 */
	.section .note.xen, "a", @note
	.balign 4
	.long 4, 4, 18              /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long entry32

	.text
	.code32
	.globl entry32
entry32:
	mov $0x3f8, %edx            /* COM1's transmit register */
	mov $'!', %al
	out %al, %dx
	mov $0x501, %edx            /* isa-debug-exit: QEMU ends with status 1 */
	xor %eax, %eax
	out %eax, %dx
1:	hlt
	jmp 1b

	.section .note.GNU-stack, "", @progbits
