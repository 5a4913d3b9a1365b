/*
 * ring_writer - writes a trace ring into a file the way a guest writes it into its RAM.
 *
 *   ring_writer FILE RAM_BYTES CAPACITY RECORDS RATE LATE_EVERY
 *
 * The file is mapped shared, so a reader in another process sees a genuine concurrent
 * writer.  RATE is records a second, 0: as fast as possible.  Every LATE_EVERY-th record
 * is finished only after the next three, as one that an interrupt cut short; 0: none.
 * Each call is two records, enter and exit, on one of four threads; only events whose bit
 * is set in the bitmap are recorded, and every record's arguments follow from its index,
 * so that a reader can tell a whole record from a torn one.
 *
 * Prints the header's address, waits for a line on stdin, writes, sets the state to
 * exited, prints how many records it began.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lab_abi.h"

#define HEADER_ADDRESS 0x1000u
#define RING_ADDRESS 0x10000u
#define TSC_HZ 2000000000ull
#define THREADS 4
#define MIX 0x9e3779b97f4a7c15ull

static struct lab_header *header;
static struct lab_record *ring;

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct lab_record *
record_begin(uint64_t *index)
{
	struct lab_record *record;

	*index = header->ring_write_index;
	record = &ring[*index & (header->ring_capacity - 1)];
	header->ring_write_index = *index + 1;
	atomic_signal_fence(memory_order_seq_cst);
	record->sequence = 0;
	atomic_signal_fence(memory_order_seq_cst);
	return record;
}

static void
record_fill(struct lab_record *record, uint64_t index)
{
	uint64_t call = index / 2;
	unsigned hypercall = call % LAB_HYPERCALL_COUNT;

	record->tsc = 1000 + index * 20;
	record->event = (uint16_t)(LAB_EVENT_HYPERCALL + hypercall);
	record->kind = index % 2 ? LAB_RECORD_EXIT : LAB_RECORD_ENTER;
	record->detail = 0;
	record->thread = call % THREADS;
	record->args[0] = index % 2 ? call : index * MIX;
	record->args[1] = (index + 1) * MIX;
	record->args[2] = (index + 2) * MIX;
	record->args[3] = (index + 3) * MIX;
	record->caller = (index + 4) * MIX;
}

static void
record_finish(struct lab_record *record, uint64_t index)
{
	atomic_signal_fence(memory_order_seq_cst);
	*(volatile uint64_t *)&record->sequence = index + 1;
}

static void
record_write(void)
{
	uint64_t index;
	struct lab_record *record = record_begin(&index);

	record_fill(record, index);
	record_finish(record, index);
}

static int
enabled(unsigned event)
{
	const volatile uint64_t *words = header->enabled;

	return words[event / 64] >> event % 64 & 1;
}

static void
write_all(uint64_t records, uint64_t rate, uint64_t late_every)
{
	uint64_t begun_ns = now_ns();

	for (uint64_t done = 0; done < records; done++) {
		while (rate && done % 64 == 0 && (now_ns() - begun_ns) * rate / 1000000000 < done)
			;
		if (!enabled(LAB_EVENT_HYPERCALL))
			continue;
		if (late_every && done % late_every == 0) {
			uint64_t index;
			struct lab_record *late = record_begin(&index);

			for (int i = 0; i < 3; i++)
				record_write();
			record_fill(late, index);
			record_finish(late, index);
			done += 3;
		} else {
			record_write();
		}
	}
}

int
main(int argc, char **argv)
{
	size_t ram_bytes;
	char *ram;
	int fd;

	if (argc != 7)
		return 2;
	ram_bytes = strtoull(argv[2], NULL, 0);
	fd = open(argv[1], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)ram_bytes))
		return 1;
	ram = mmap(NULL, ram_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ram == MAP_FAILED)
		return 1;
	header = (struct lab_header *)(ram + HEADER_ADDRESS);
	ring = (struct lab_record *)(ram + RING_ADDRESS);
	header->version = LAB_ABI_VERSION;
	header->header_bytes = sizeof(*header);
	header->tsc_hz = TSC_HZ;
	header->phase_tsc[LAB_PHASE_ENTRY] = 1000;
	header->phase_tsc[LAB_PHASE_DEVICES] = 2000;
	header->ram_bytes = ram_bytes;
	header->ring_address = RING_ADDRESS;
	header->ring_record_bytes = sizeof(struct lab_record);
	header->ring_capacity = (uint32_t)strtoul(argv[3], NULL, 0);
	header->state = LAB_STATE_RUNNING;
	header->magic = LAB_MAGIC;
	printf("%u\n", HEADER_ADDRESS);
	fflush(stdout);
	getchar();
	write_all(strtoull(argv[4], NULL, 0), strtoull(argv[5], NULL, 0), strtoull(argv[6], NULL, 0));
	header->state = LAB_STATE_EXITED;
	printf("%llu\n", (unsigned long long)header->ring_write_index);
	return 0;
}
