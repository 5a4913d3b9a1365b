/*
 * guest.S - half of a bargain, again and again: store mine, order, look at the other's.
 *
 * The words are at `header` + 2048, each in a cache line of its own (other_side.c has the
 * same): 0 the round, which the other side sets, all ones for the end; 64 mine; 128 the
 * other's; 192 what was seen of it; 256 the round that is done; 320 one, when the
 * guest has begun.
 */
#include "longmode.S"

#define WORDS header + 2048

	.globl main64
main64:
	movl $2, header + H_STATE
	xor %ecx, %ecx
	movl $1, WORDS + 320
1:	mov WORDS, %eax
	cmp %eax, %ecx
	je 1b
	cmp $-1, %eax
	je 2f
	mov %eax, %ecx
	mov %ecx, WORDS + 64
	call arch_order_memory
	mov WORDS + 128, %ebx
	mov %ebx, WORDS + 192
	mov %ecx, WORDS + 256
	jmp 1b
2:	xor %edi, %edi
	jmp leave

#include "../../../images/rumpkit/arch/x86_64/order.S"
