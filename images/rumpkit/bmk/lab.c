/*
 * lab.c - the header the lab reads, boot phases, and the trace ring.
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "rumplib.h"
#include "trace.h"

#define RECORDS_DEFAULT 4096
#define RECORDS_SMALLEST 256
/* A ring never takes more than this part of the RAM. */
#define RING_SHARE 4
#define DATA_PART 32

struct lab_header lab_header __attribute__((section(".data.lab"), aligned(4096))) = {
	.magic = LAB_MAGIC,
	.version = LAB_ABI_VERSION,
	.header_bytes = sizeof(struct lab_header),
	.counters_address = (uintptr_t)lab_counters,
};
uint64_t lab_counters[LAB_EVENTS];

static struct lab_record unread;
struct lab_record *lab_ring = &unread;
uint64_t lab_ring_mask;
struct lab_record_who lab_record_who __attribute__((aligned(8)));

_Static_assert(sizeof(struct lab_record_who) == 8 &&
    offsetof(struct lab_record, thread) - offsetof(struct lab_record, event) ==
    offsetof(struct lab_record_who, thread) &&
    offsetof(struct lab_record, detail) - offsetof(struct lab_record, event) ==
    offsetof(struct lab_record_who, detail), "it is a part of a record");

void lab_phase(enum lab_phase phase)
{
	if (lab_header.phase_tsc[phase])
		return;
	lab_header.phase_tsc[phase] = arch_tsc();
	lab_trace_instant(LAB_EVENT_PHASE, phase, 0, 0);
}

void lab_trace_record(unsigned event, unsigned kind, uint64_t a0, uint64_t a1,
    uint64_t a2, uint64_t a3, uint64_t caller)
{
	lab_record_put(event, kind, a0, a1, a2, a3, caller);
	if (kind == LAB_RECORD_INSTANT && lab_record_wants_stack(event))
		lab_record_stack(event);
}

void bmk_trace_words(unsigned event, unsigned kind, unsigned detail, const uint64_t words[5])
{
	uint8_t before = lab_record_who.detail;

	lab_record_who.detail = (uint8_t)detail;
	lab_trace_record(event, kind, words[0], words[1], words[2], words[3], words[4]);
	lab_record_who.detail = before;
}

void lab_trace_data(unsigned event, unsigned argument, const void *data, size_t most,
    size_t total)
{
	size_t count = total < most ? total : most;
	size_t offset = 0;

	do {
		size_t part = count - offset < DATA_PART ? count - offset : DATA_PART;
		uint64_t words[5] = { 0, 0, 0, 0, total | (uint64_t)offset << 32 };

		memcpy(words, (const char *)data + offset, part);
		bmk_trace_words(event, LAB_RECORD_DATA, argument, words);
		offset += part;
	} while (offset < count);
}

bool lab_trace_any(void)
{
	const volatile uint64_t *enabled = lab_header.enabled;
	uint64_t any = 0;

	for (unsigned i = 0; i < LAB_EVENTS / 64; i++)
		any |= enabled[i];
	return any && lab_ring != &unread;
}

void lab_trace_fact(unsigned event, const uint64_t words[4], const char *text)
{
	uint64_t part[5] = { words[0], words[1], words[2], words[3], 0 };
	size_t bytes = strlen(text);

	bmk_trace_words(event, LAB_RECORD_FACT, 0, part);
	for (unsigned number = 1; bytes; number++) {
		size_t count = bytes < sizeof(part) ? bytes : sizeof(part);

		memset(part, 0, sizeof(part));
		memcpy(part, text, count);
		bmk_trace_words(event, LAB_RECORD_FACT, number, part);
		text += count;
		bytes -= count;
	}
}

void bmk_trace_create(uint64_t records)
{
	uint64_t capacity = RECORDS_SMALLEST;
	uint64_t most = lab_header.ram_bytes / RING_SHARE / sizeof(struct lab_record);
	struct lab_record *ring;

	if (!records)
		records = RECORDS_DEFAULT;
	while (capacity < records && capacity * 2 <= most)
		capacity *= 2;
	ring = bmk_memory_alloc(capacity * sizeof(*ring), BMK_PAGE_BYTES);
	if (!ring)
		return;
	lab_header.ring_record_bytes = sizeof(*ring);
	lab_header.ring_capacity = (uint32_t)capacity;
	lab_ring = ring;
	lab_ring_mask = capacity - 1;
	lab_header.ring_write_index = 0; /* what went to the unread slot does not count */
	__atomic_store_n(&lab_header.ring_address, bmk_physical(ring), __ATOMIC_RELEASE);
}
