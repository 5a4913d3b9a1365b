/*
 * call.S - a function whose callers can use files or sockets, and so want all of the runtime.
 *
 * Compiled once for each such function with its name as CALL, and linked for those that the
 * program refers to.
 */
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

	.section .text, "ax", @progbits
	.globl JOIN(__wrap_, CALL)
	.type JOIN(__wrap_, CALL), @function
JOIN(__wrap_, CALL):
	jmp JOIN(__real_, CALL)
	.size JOIN(__wrap_, CALL), . - JOIN(__wrap_, CALL)
	/* Nothing to patch: this only makes the linker look for it. */
	.reloc ., R_X86_64_NONE, rumpkit_main
	.section .note.GNU-stack, "", @progbits
