/* The least that can be linked as a guest: the PVH note, an entry that prints '!' and
 * stops, and the wrapper around main.  Tests of the build use it in the runtime's place
 * where they are about the build alone. */
	.section .note.pvh, "a", @note
	.long 4, 4, 18
	.asciz "Xen"
	.long _rumpkit_entry32

	.section .arch.text, "ax"
	.code32
	.globl _rumpkit_entry32
	.type _rumpkit_entry32, @function
_rumpkit_entry32:
	mov $0x3f8, %dx
	mov $'!', %al
	out %al, %dx
1:	hlt
	jmp 1b
	.size _rumpkit_entry32, . - _rumpkit_entry32

	.code64
	.globl __wrap_main
	.type __wrap_main, @function
__wrap_main:
	jmp __real_main
	.weak _start		/* a kernel for packages is linked without a program */
	.quad _start
	.size __wrap_main, . - __wrap_main
	.section .note.GNU-stack, "", @progbits
