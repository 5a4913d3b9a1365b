/*
 * trace_ring.c - the header that the lab reads, and the ring of trace records.
 */
#include "trace.h"
#include "upstream.h"

#define PAGE_BYTES 4096
#define RECORDS_DEFAULT 4096
#define RECORDS_SMALLEST 256
/* A ring never takes more than this part of the RAM. */
#define RING_SHARE 8
#define TEXT_PART 32

struct lab_header lab_header __attribute__((section(".data.lab"), aligned(PAGE_BYTES))) = {
	.magic = LAB_MAGIC,
	.version = LAB_ABI_VERSION,
	.header_bytes = sizeof(struct lab_header),
	.counters_address = (uintptr_t)lab_counters,
};
uint64_t lab_counters[LAB_EVENTS];

/*
 * The note that finds it.  Upstream's linker script gathers sections called .note… into
 * .text, where nobody would see that it is one; this name is left alone.
 */
static const struct {
	uint32_t name_bytes, data_bytes, type;
	char name[sizeof(LAB_NOTE_OWNER)];
	struct lab_note data;
} __attribute__((packed)) note
    __attribute__((used, aligned(4), section(".lab.note,\"a\",@note#"))) = {
	sizeof(LAB_NOTE_OWNER), sizeof(struct lab_note), LAB_NOTE_HEADER, LAB_NOTE_OWNER,
	{ LAB_ABI_VERSION, sizeof(struct lab_header), (uintptr_t)&lab_header },
};
_Static_assert(sizeof(LAB_NOTE_OWNER) % 4 == 0, "the owner's name needs no padding");

static struct lab_record *ring;
static uint64_t ring_mask;

void lab_ring_create(uint64_t records)
{
	uint64_t capacity = RECORDS_SMALLEST;
	uint64_t most = bmk_memsize / RING_SHARE / sizeof(struct lab_record);
	int order = 0;

	if (!records)
		records = RECORDS_DEFAULT;
	while (capacity < records && capacity * 2 <= most)
		capacity *= 2;
	while ((uint64_t)PAGE_BYTES << order < capacity * sizeof(*ring))
		order++;
	ring = bmk_pgalloc(order);
	if (!ring)
		return;
	/* What was there before must look like no record. */
	for (uint64_t i = 0; i < capacity; i++)
		ring[i].sequence = 0;
	lab_header.ring_record_bytes = sizeof(*ring);
	lab_header.ring_capacity = (uint32_t)capacity;
	ring_mask = capacity - 1;
	__atomic_store_n(&lab_header.ring_address, (uintptr_t)ring, __ATOMIC_RELEASE);
}

/* Take the next slot: the lab sees the index before anything of the slot changes. */
static inline struct lab_record *take(uint64_t *index)
{
	struct lab_record *record;
	uint64_t next = 1;

	/* One instruction, so that an interrupt comes before or after it. */
	__asm__ volatile("xaddq %0, %1" : "+r"(next), "+m"(lab_header.ring_write_index) : : "memory");
	*index = next;
	record = &ring[next & ring_mask];
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	record->tsc = lab_tsc();
	return record;
}

static inline void give(struct lab_record *record, uint64_t index, uint64_t what, uint64_t a0,
    uint64_t a1, uint64_t a2, uint64_t a3, uint64_t caller)
{
	/* Event, kind, detail and thread in one store. */
	__builtin_memcpy(&record->event, &what, sizeof(what));
	record->args[0] = a0;
	record->args[1] = a1;
	record->args[2] = a2;
	record->args[3] = a3;
	record->caller = caller;
	__atomic_store_n(&record->sequence, index + 1, __ATOMIC_RELEASE);
}

static inline uint64_t what_of(unsigned event, unsigned kind, unsigned detail, uint32_t thread)
{
	return (uint64_t)thread << 32 | (uint64_t)detail << 24 | kind << 16 | event;
}

/* Who runs, and what was left open until that is known. */
static inline uint32_t number_settled(void)
{
	uint32_t number = lab_own_number;

	if (__builtin_expect(lab_unsettled != 0, 0))
		lab_switch_settle();
	return __builtin_expect(lab_unsettled || !number, 0) ? lab_thread_number() : number;
}

void lab_record_enter(unsigned event, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
    uint64_t caller)
{
	uint32_t number;
	uint64_t index;
	struct lab_record *record;

	if (!ring)
		return;
	number = number_settled();
	record = take(&index);
	give(record, index, what_of(event, LAB_RECORD_ENTER, 0, number), a0, a1, a2, a3, caller);
}

void lab_record_exit(unsigned event, uint64_t result)
{
	uint32_t number;
	uint64_t index, what;
	struct lab_record *record;

	if (!ring)
		return;
	number = number_settled();
	record = take(&index);
	what = what_of(event, LAB_RECORD_EXIT, 0, number);
	__builtin_memcpy(&record->event, &what, sizeof(what));
	record->args[0] = result;
	__atomic_store_n(&record->sequence, index + 1, __ATOMIC_RELEASE);
}

void lab_record(unsigned event, unsigned kind, unsigned detail, const uint64_t words[5])
{
	uint32_t number;
	uint64_t index;
	struct lab_record *record;

	if (!ring)
		return;
	number = number_settled();
	record = take(&index);
	give(record, index, what_of(event, kind, detail, number), words[0], words[1], words[2],
	    words[3], words[4]);
}

uint64_t lab_record_open(uint64_t time)
{
	struct lab_record *record;
	uint64_t index;

	if (!ring)
		return 0;
	record = take(&index);
	record->tsc = time;
	return index + 1;
}

void lab_record_close(uint64_t slot, unsigned event, unsigned kind, uint32_t thread,
    const uint64_t words[5])
{
	uint64_t index = slot - 1;

	/* The ring may have gone round since. */
	if (slot && lab_header.ring_write_index - index <= ring_mask)
		give(&ring[index & ring_mask], index, what_of(event, kind, 0, thread), words[0],
		    words[1], words[2], words[3], words[4]);
}

void lab_record_text(unsigned event, unsigned argument, const char *text)
{
	uint64_t most = lab_header.trace_data_bytes, length = 0, offset = 0;

	most = most < LAB_DATA_BYTES_MOST ? most : LAB_DATA_BYTES_MOST;
	while (length < most && text[length])
		length++;
	while (offset < length) {
		uint64_t words[5] = { 0, 0, 0, 0, length | offset << 32 };
		uint64_t part = length - offset < TEXT_PART ? length - offset : TEXT_PART;

		__builtin_memcpy(words, text + offset, part);
		lab_record(event, LAB_RECORD_DATA, argument, words);
		offset += part;
	}
}
