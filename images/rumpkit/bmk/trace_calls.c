/*
 * trace_calls.c - system calls in the trace, with the texts and buffers they are about.
 *
 * Addresses alone say little later: by then the memory holds something else.  So a path is
 * copied when the call begins, and what a call has read when it ends.
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "trace.h"

#define CALLS 512
#define VECTORS_MOST 8
#define TEXT 1    /* of each argument: a path or a name */
#define FIRST 1   /* arguments by number, in the fields below; 0: none */
#define SECOND 2
#define THIRD 3
#define FOURTH 4
#define RESULT 7  /* the length is the call's result */
#define BYTES(count) (8 + (count)) /* the length is this */

/*
 * texts: a bit for each argument that is one.  given, taken: the buffer that the call
 * reads when it begins, that it has filled when it ends; and where the length stands.
 * vectors: the buffer is an array of struct iovec, the length a number of them.
 */
struct shape {
	uint8_t texts;
	uint8_t given, given_bytes;
	uint8_t taken, taken_bytes;
	bool vectors;
};

#define ARGUMENT(number) (1u << ((number) - 1))
#define TEXTS(bits) { .texts = (bits) }
#define GIVEN(buffer, bytes) { .given = (buffer), .given_bytes = (bytes) }
#define TAKEN(buffer, bytes) { .taken = (buffer), .taken_bytes = (bytes) }
#define A ARGUMENT(FIRST)
#define B ARGUMENT(SECOND)
#define C ARGUMENT(THIRD)
#define D ARGUMENT(FOURTH)

/* By Linux's x86-64 numbers. */
static const struct shape shapes[CALLS] = {
	[0] = TAKEN(SECOND, RESULT), [1] = GIVEN(SECOND, THIRD), [2] = TEXTS(A), [4] = TEXTS(A),
	[6] = TEXTS(A), [7] = GIVEN(FIRST, BYTES(8)), [17] = TAKEN(SECOND, RESULT),
	[18] = GIVEN(SECOND, THIRD),
	[19] = { .taken = SECOND, .taken_bytes = RESULT, .vectors = true },
	[20] = { .given = SECOND, .given_bytes = THIRD, .vectors = true },
	[21] = TEXTS(A), [22] = TAKEN(FIRST, BYTES(8)), [35] = GIVEN(FIRST, BYTES(16)),
	[42] = GIVEN(SECOND, THIRD), [43] = TAKEN(SECOND, BYTES(28)), [44] = GIVEN(SECOND, THIRD),
	[45] = TAKEN(SECOND, RESULT), [49] = GIVEN(SECOND, THIRD), [51] = TAKEN(SECOND, BYTES(28)),
	[52] = TAKEN(SECOND, BYTES(28)), [53] = TAKEN(FOURTH, BYTES(8)), [59] = TEXTS(A),
	[76] = TEXTS(A), [79] = { .taken = FIRST, .taken_bytes = RESULT }, [80] = TEXTS(A),
	[82] = TEXTS(A | B), [83] = TEXTS(A), [84] = TEXTS(A), [85] = TEXTS(A), [86] = TEXTS(A | B),
	[87] = TEXTS(A), [88] = TEXTS(A | B),
	[89] = { .texts = A, .taken = SECOND, .taken_bytes = RESULT }, [90] = TEXTS(A),
	[92] = TEXTS(A), [94] = TEXTS(A), [132] = TEXTS(A), [133] = TEXTS(A), [137] = TEXTS(A),
	[161] = TEXTS(A), [165] = TEXTS(A | B | C), [166] = TEXTS(A), [230] = GIVEN(THIRD, BYTES(16)),
	[232] = TAKEN(SECOND, BYTES(12)), [233] = GIVEN(FOURTH, BYTES(12)), [235] = TEXTS(A),
	[257] = TEXTS(B), [258] = TEXTS(B), [259] = TEXTS(B), [260] = TEXTS(B), [262] = TEXTS(B),
	[263] = TEXTS(B), [264] = TEXTS(B | D), [265] = TEXTS(B | D), [266] = TEXTS(A | C),
	[267] = { .texts = B, .taken = THIRD, .taken_bytes = RESULT }, [268] = TEXTS(B),
	[269] = TEXTS(B), [280] = TEXTS(B), [281] = TAKEN(SECOND, BYTES(12)),
	[288] = TAKEN(SECOND, BYTES(28)), [293] = TAKEN(FIRST, BYTES(8)), [316] = TEXTS(B | D),
	[319] = TEXTS(A), [322] = TEXTS(B), [332] = TEXTS(B), [437] = TEXTS(B), [439] = TEXTS(B),
};

static uint64_t argument(const struct rumpcomp_frame *frame, unsigned number)
{
	const uint64_t arguments[] = { frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8,
	    frame->r9 };

	return arguments[number - 1];
}

static size_t length(const struct rumpcomp_frame *frame, unsigned where)
{
	if (where == RESULT)
		return (int64_t)frame->rax > 0 ? frame->rax : 0;
	return where >= BYTES(0) ? where - BYTES(0) : argument(frame, where);
}

struct vector {
	uintptr_t base;
	size_t bytes;
};

/* Copy the first bytes of several buffers; total is made what they have together. */
static size_t vectors_copy(char *to, size_t most, uintptr_t from, size_t count, size_t *total)
{
	struct vector vectors[VECTORS_MOST];
	size_t used = 0, all = 0;

	count = count < VECTORS_MOST ? count : VECTORS_MOST;
	if (arch_copy(vectors, (const void *)from, count * sizeof(vectors[0])))
		return 0;
	for (size_t i = 0; i < count; i++) {
		size_t part = vectors[i].bytes < most - used ? vectors[i].bytes : most - used;

		if (part && arch_copy(to + used, (const void *)vectors[i].base, part))
			break;
		used += part;
		all += vectors[i].bytes;
	}
	*total = *total ? *total : all;
	return used < *total ? used : *total;
}

/* Copy the first bytes of a buffer; how many, at most as many as the lab wants. */
static size_t buffer_copy(char *to, const struct rumpcomp_frame *frame, unsigned number,
    unsigned bytes, bool vectors, size_t *total)
{
	size_t most = lab_header.trace_data_bytes;
	uintptr_t from = argument(frame, number);

	most = most < LAB_DATA_BYTES_MOST ? most : LAB_DATA_BYTES_MOST;
	*total = vectors && bytes != RESULT ? 0 : length(frame, bytes);
	if (vectors && (bytes != RESULT || *total))
		return vectors_copy(to, most, from, argument(frame, THIRD), total);
	most = *total < most ? *total : most;
	return most && !arch_copy(to, (const void *)from, most) ? most : 0;
}

void bmk_trace_syscall(unsigned event, const struct rumpcomp_frame *frame)
{
	const struct shape *shape = &shapes[event - LAB_EVENT_SYSCALL];
	char text[2][LAB_DATA_BYTES_MOST], given[LAB_DATA_BYTES_MOST];
	long text_bytes[2] = { 0, 0 };
	unsigned texts[2] = { 0, 0 }, count = 0;
	size_t given_bytes = 0, total = 0;

	if (lab_header.trace_data_bytes) {
		/* First all copies, which may fault and sleep; then the records, together. */
		for (unsigned number = FIRST; number <= FOURTH && count < 2; number++)
			if (shape->texts & ARGUMENT(number)) {
				text_bytes[count] = arch_copy_string(text[count],
				    (const char *)argument(frame, number), LAB_DATA_BYTES_MOST);
				texts[count++] = number;
			}
		if (shape->given)
			given_bytes = buffer_copy(given, frame, shape->given, shape->given_bytes,
			    shape->vectors, &total);
	}
	lab_trace_enter(event, frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->rip);
	for (unsigned i = 0; i < count; i++)
		if (text_bytes[i] > 1)
			lab_trace_data(event, texts[i] - 1, text[i], (size_t)text_bytes[i] - 1,
			    (size_t)text_bytes[i] - 1);
	if (given_bytes)
		lab_trace_data(event, shape->given - 1u, given, given_bytes, total);
}

void bmk_trace_result(unsigned event, const struct rumpcomp_frame *frame)
{
	const struct shape *shape = &shapes[event - LAB_EVENT_SYSCALL];
	char taken[LAB_DATA_BYTES_MOST];
	size_t taken_bytes = 0, total = 0;

	if (lab_header.trace_data_bytes && shape->taken && (int64_t)frame->rax >= 0)
		taken_bytes = buffer_copy(taken, frame, shape->taken, shape->taken_bytes,
		    shape->vectors, &total);
	lab_trace_record(event, LAB_RECORD_EXIT, frame->rax, frame->r8, frame->r9, 0, 0);
	if (taken_bytes)
		lab_trace_data(event, shape->taken - 1u, taken, taken_bytes, total);
}
