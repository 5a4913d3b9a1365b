/*
 * trace_stack.c - the stack at a hypercall, for the lab to find the frames in.
 *
 * Upstream is compiled without frame pointers.  So the registers and the words of the stack
 * are recorded as they are here, and the lab walks them with the image's debugging
 * information, which begins in this very function.
 */
#include "trace.h"

#define WORDS_PART 5

static void words_write(unsigned event, enum lab_stack_part part, const uint64_t *words,
    unsigned count)
{
	for (unsigned done = 0; done < count; done += WORDS_PART) {
		uint64_t five[WORDS_PART] = { 0 };

		for (unsigned i = 0; i < WORDS_PART && done + i < count; i++)
			five[i] = words[done + i];
		lab_record(event, LAB_RECORD_STACK, part, five);
	}
}

__attribute__((noinline)) void lab_record_stack(unsigned event)
{
	uint64_t registers[WORDS_PART];
	unsigned most = lab_header.trace_stack_words;

	/* rip, rsp, rbp, rbx, r12, of one moment. */
	__asm__ volatile("leaq 0(%%rip), %%rax\n\t"
	    "movq %%rax, 0(%0)\n\t"
	    "movq %%rsp, 8(%0)\n\t"
	    "movq %%rbp, 16(%0)\n\t"
	    "movq %%rbx, 24(%0)\n\t"
	    "movq %%r12, 32(%0)"
	    : : "r"(registers) : "rax", "memory");
	words_write(event, LAB_STACK_REGISTERS, registers, WORDS_PART);
	most = most < LAB_STACK_WORDS_MOST ? most : LAB_STACK_WORDS_MOST;
	words_write(event, LAB_STACK_WORDS, (const uint64_t *)registers[1], most);
}
