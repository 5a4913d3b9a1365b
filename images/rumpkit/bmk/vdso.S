/*
 * vdso.S - the vDSO as it is linked (vdso/vdso.ld), in the image's text: programs call it
 * where it lies.
 */
	.section .text
	.balign 64
	.globl bmk_vdso
bmk_vdso:
	.incbin "vdso.so"
	.section .note.GNU-stack, "", @progbits
