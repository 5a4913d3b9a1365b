/*
 * trace_stack.c - the stack at a trace point, and samples of what runs.
 *
 * The runtime is compiled with frame pointers, so its own frames are followed here.  A
 * program may have none: of its stack the words are recorded as they are, and the lab,
 * which has the program's debugging information, finds the frames in them.
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "schedule.h"
#include "trace.h"

#define WORDS_PART 5
#define FRAMES_MOST 30

static void words_write(unsigned event, enum lab_stack_part part, const uint64_t *words,
    unsigned count)
{
	for (unsigned done = 0; done < count; done += WORDS_PART) {
		uint64_t five[WORDS_PART] = { 0 };
		unsigned rest = count - done < WORDS_PART ? count - done : WORDS_PART;

		memcpy(five, words + done, rest * sizeof(*words));
		bmk_trace_words(event, LAB_RECORD_STACK, part, five);
	}
}

/* What is there of the program's stack; nothing is brought in for it. */
static void program_write(unsigned event, const uint64_t registers[WORDS_PART])
{
	uint64_t stack = registers[1] & ~7ull, words[WORDS_PART];
	unsigned most = lab_header.trace_stack_words;
	unsigned count = 0;

	words_write(event, LAB_STACK_REGISTERS, registers, WORDS_PART);
	most = most < LAB_STACK_WORDS_MOST ? most : LAB_STACK_WORDS_MOST;
	for (unsigned i = 0; i < most; i++, stack += 8) {
		if ((i == 0 || stack % BMK_PAGE_BYTES == 0) && !bmk_map_present(stack))
			break;
		words[count++] = *(const uint64_t *)stack;
		if (count == WORDS_PART || i + 1 == most) {
			words_write(event, LAB_STACK_WORDS, words, count);
			count = 0;
		}
	}
	words_write(event, LAB_STACK_WORDS, words, count);
}

static bool called_by(uint64_t program[WORDS_PART], const struct rumpcomp_frame *frame)
{
	const uint64_t registers[] = { frame->rip, frame->rsp, frame->rbp, frame->rbx, frame->r12 };

	memcpy(program, registers, sizeof(registers));
	return true;
}

/* False if it was the runtime that was interrupted, on the stack between lowest and top. */
static bool interrupted(uint64_t program[WORDS_PART], const struct arch_trap *trap,
    uintptr_t lowest, uintptr_t top)
{
	const uint64_t registers[] = { trap->rip, trap->rsp, trap->rbp, trap->rbx, trap->r12 };

	memcpy(program, registers, sizeof(registers));
	return trap->rsp < lowest || trap->rsp > top;
}

/* Follow frame pointers in a thread's stack of the runtime, up to the program's registers. */
static void stack_write(unsigned event, const uint64_t *frame)
{
	uint64_t frames[FRAMES_MOST], program[WORDS_PART];
	uintptr_t lowest = (uintptr_t)bmk_current->stack, top = bmk_thread_stack_top(bmk_current);
	bool from_program = false;
	unsigned count = 0;

	while (count < FRAMES_MOST && !from_program && (uintptr_t)frame >= lowest &&
	    (uintptr_t)frame + 16 <= top && (uintptr_t)frame % 8 == 0) {
		const uint64_t *next = (const uint64_t *)frame[0];
		size_t room = top - (uintptr_t)(frame + 2);

		frames[count++] = frame[1];
		if (frame[1] == (uintptr_t)arch_syscall_return && room >= sizeof(struct rumpcomp_frame))
			from_program = called_by(program, (const void *)(frame + 2));
		else if (frame[1] == (uintptr_t)arch_trap_return && room >= sizeof(struct arch_trap))
			from_program = interrupted(program, (const void *)(frame + 2), lowest, top);
		/* A fault in the runtime itself: go on where it was. */
		if (frame[1] == (uintptr_t)arch_trap_return && !from_program)
			next = (const uint64_t *)program[2];
		if (next <= frame)
			break;
		frame = next;
	}
	words_write(event, LAB_STACK_FRAMES, frames, count);
	if (from_program)
		program_write(event, program);
}

void lab_record_stack(unsigned event)
{
	if (bmk_current && bmk_current->stack)
		stack_write(event, __builtin_frame_address(0));
}

/* --- samples --- */

static int64_t sample_due_ns;

int64_t bmk_sample_due_ns(int64_t now_ns)
{
	const volatile uint64_t *wanted = &lab_header.trace_sample_ns;
	uint64_t period = *wanted;

	if (!period) {
		sample_due_ns = 0;
		return BMK_FOREVER;
	}
	period = period < LAB_SAMPLE_NS_LEAST ? LAB_SAMPLE_NS_LEAST : period;
	if (!sample_due_ns || sample_due_ns > now_ns + (int64_t)period)
		sample_due_ns = now_ns + (int64_t)period;
	return sample_due_ns;
}

void bmk_sample(const struct arch_trap *trap, bool from_app)
{
	uint64_t program[WORDS_PART];
	int64_t now, late;

	if (!sample_due_ns)
		return;
	now = bmk_clock_ns();
	late = now - sample_due_ns;
	if (late < 0)
		return;
	sample_due_ns = 0;
	bmk_sample_due_ns(now);
	lab_trace_count(LAB_EVENT_SAMPLE);
	if (!lab_trace_wants(LAB_EVENT_SAMPLE))
		return;
	lab_trace_record(LAB_EVENT_SAMPLE, LAB_RECORD_INSTANT, trap ? trap->rip : 0,
	    (uint64_t)late, from_app, 0, 0);
	if (!(lab_header.stacks[0] >> LAB_EVENT_SAMPLE & 1) || !bmk_current)
		return;
	if (from_app && interrupted(program, trap, 0, 0))
		program_write(LAB_EVENT_SAMPLE, program);
}
