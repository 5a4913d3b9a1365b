/*
 * lab.c - the header the lab reads, boot phases, and the trace ring.
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "rumplib.h"

#define RECORDS_DEFAULT 4096
#define RECORDS_SMALLEST 256
/* A ring never takes more than this part of the RAM. */
#define RING_SHARE 4

struct lab_header lab_header __attribute__((section(".data.lab"), aligned(4096))) = {
	.magic = LAB_MAGIC,
	.version = LAB_ABI_VERSION,
	.header_bytes = sizeof(struct lab_header),
	.counters_address = (uintptr_t)lab_counters,
};
uint64_t lab_counters[LAB_EVENTS];

static struct lab_record *ring;

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
	struct lab_record *record;
	uint64_t index = 1;

	if (!ring)
		return;
	/* One instruction, so that an interrupt here takes another slot. */
	__asm__ volatile("xaddq %0, %1" : "+r"(index), "+m"(lab_header.ring_write_index));
	record = &ring[index & (lab_header.ring_capacity - 1)];
	record->sequence = 0;
	/* Nothing of the new record may be stored before that. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	record->tsc = arch_tsc();
	record->event = (uint16_t)event;
	record->kind = (uint8_t)kind;
	record->thread = bmk_current ? bmk_current->number : 0;
	record->args[0] = a0;
	record->args[1] = a1;
	record->args[2] = a2;
	record->args[3] = a3;
	record->caller = caller;
	__atomic_store_n(&record->sequence, index + 1, __ATOMIC_RELEASE);
}

void bmk_trace_create(uint64_t records)
{
	uint64_t capacity = RECORDS_SMALLEST;
	uint64_t most = lab_header.ram_bytes / RING_SHARE / sizeof(struct lab_record);

	if (!records)
		records = RECORDS_DEFAULT;
	while (capacity < records && capacity * 2 <= most)
		capacity *= 2;
	ring = bmk_memory_alloc(capacity * sizeof(*ring), BMK_PAGE_BYTES);
	if (!ring)
		return;
	lab_header.ring_record_bytes = sizeof(*ring);
	lab_header.ring_capacity = (uint32_t)capacity;
	__atomic_store_n(&lab_header.ring_address, bmk_physical(ring), __ATOMIC_RELEASE);
}
