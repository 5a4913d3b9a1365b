/*
 * probe.S - a guest that behaves as a test asks: its command line holds @ and a letter.
 *
 *   @x NN   exit with the two decimal digits as status   @h       halt for ever
 *   @o      write "hello" and a newline, exit 0          @s       spin for ever
 *   @f      flood the console for ever                   @l NN    write NN * 64 KiB, exit 0
 *   @e      echo input; q ends with status 7             @t       triple fault
 *   @p      panic as a guest of the lab does             @P       the same, and halt
 *   @w      write only to RAM: fill it, then halt
 */
#include "longmode.S"

#define H_PANIC_MAGIC 0x43494e50

	.globl main64
main64:
	mov %rdi, %rbx
	movl $2, header + H_STATE
	stamp PHASE_MAIN
1:	mov (%rbx), %al
	test %al, %al
	jz halt
	inc %rbx
	cmp $'@', %al
	jne 1b
	mov (%rbx), %al
	inc %rbx
	cmp $'x', %al
	je exit_digits
	cmp $'o', %al
	je hello
	cmp $'f', %al
	je flood
	cmp $'l', %al
	je limited
	cmp $'e', %al
	je echo
	cmp $'p', %al
	je panic
	cmp $'P', %al
	je panic_halt
	cmp $'t', %al
	je triple
	cmp $'s', %al
	je spin
	cmp $'w', %al
	je fill
halt:
	hlt
	jmp halt
spin:
	jmp spin

/* Return the number of two decimal digits after a space at (%rbx) in %edi. */
digits:
	movzbl 1(%rbx), %eax
	sub $'0', %eax
	imul $10, %eax, %edi
	movzbl 2(%rbx), %eax
	sub $'0', %eax
	add %eax, %edi
	ret

exit_digits:
	call digits
	jmp leave

/* Write the byte in %al; counts it and stamps the first. */
write:
	mov %al, %cl
	cmpq $0, header + H_CONSOLE_WRITTEN
	jne 1f
	stamp PHASE_OUTPUT
1:	putc %cl
	ret

hello:
	mov $text, %rbx
1:	mov (%rbx), %al
	test %al, %al
	jz 2f
	call write
	inc %rbx
	jmp 1b
2:	xor %edi, %edi
	jmp leave

/* 64-byte lines of one letter, the next letter each line. */
flood:
	mov $-1, %r15
	jmp lines
limited:
	call digits
	mov %rdi, %r15
	shl $10, %r15               /* lines of 64 bytes in 64 KiB */
lines:
	mov $'a', %r14b
1:	mov $63, %r13d
2:	mov %r14b, %al
	call write
	dec %r13d
	jnz 2b
	mov $'\n', %al
	call write
	inc %r14b
	cmp $'z', %r14b
	jbe 3f
	mov $'a', %r14b
3:	dec %r15
	jnz 1b
	xor %edi, %edi
	jmp leave

echo:
	mov $COM1 + 5, %edx         /* line status: bit 0 = data ready */
	in %dx, %al
	test $1, %al
	jz echo
	mov $COM1, %edx
	in %dx, %al
	cmp $'q', %al
	je 1f
	call write
	jmp echo
1:	mov $7, %edi
	jmp leave

panic:
	call record
	mov $EXIT_PORT, %edx
	mov $1, %eax
	out %eax, %dx
panic_halt:
	call record
	jmp halt
record:
	stamp PHASE_EXIT
	movq $panic_record, header + H_PANIC_ADDRESS
	movl $H_PANIC_MAGIC, panic_record
	movl $4, header + H_STATE   /* LAB_STATE_PANICKED */
	ret

triple:
	lidt no_table
	int3

fill:
	mov $0x400000, %rdi
	mov $0x5a5a5a5a5a5a5a5a, %rax
	mov $0x180000, %ecx         /* 12 MiB of 8-byte words */
	rep stosq
	jmp halt

	.section .rodata
text:	.asciz "hello\n"
	.balign 8
no_table: .word 0
	.quad 0

	.data
	.balign 16
panic_record:                   /* struct lab_panic */
	.long 0, 1                  /* kind: assertion */
	.org panic_record + PANIC_REASON
	.asciz "assertion failed: the probe was asked to"
	.org panic_record + PANIC_BYTES
