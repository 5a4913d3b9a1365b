/*
 * entry.S - where an image begins, and what libc calls as main: both lead into the runtime,
 * whichever of the two was linked.
 */
	.section .text, "ax", @progbits
	.globl __wrap_main
	.type __wrap_main, @function
__wrap_main:
	jmp rumpkit_main
	.size __wrap_main, . - __wrap_main

	.code32
	.globl _rumpkit_entry32
	.type _rumpkit_entry32, @function
_rumpkit_entry32:
	jmp rumpkit_entry32
	.size _rumpkit_entry32, . - _rumpkit_entry32
	.section .note.GNU-stack, "", @progbits
