/*
 * ring.c - the file mapped, and records put into its ring.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "plugin.h"

#define PART 32
#define WORDS_PART 5

struct lab_header *header;
struct plugin_setup *setup;
uint64_t *counters;
unsigned in_interrupt;
static struct lab_record *ring;
static uint64_t ring_mask;

uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* The lab made the file a moment ago; what is looked at is what a mistake would change. */
int ring_create(const char *path)
{
	int file = open(path, O_RDWR | O_CLOEXEC);
	struct stat status;
	char *place;

	if (file < 0 || fstat(file, &status) != 0 || status.st_size < 2 * PLUGIN_SETUP_OFFSET)
		return -1;
	place = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	if (place == MAP_FAILED)
		return -1;
	header = (void *)place;
	setup = (void *)(place + PLUGIN_SETUP_OFFSET);
	if (header->magic != LAB_MAGIC || setup->magic != PLUGIN_MAGIC ||
	    setup->file_bytes != (uint64_t)status.st_size)
		return -1;
	counters = (void *)(place + header->counters_address);
	ring = (void *)(place + header->ring_address);
	ring_mask = header->ring_capacity - 1;
	return 0;
}

void record_at(uint64_t time, unsigned event, unsigned kind, unsigned detail, uint32_t thread,
    const uint64_t words[5])
{
	uint64_t index = header->ring_write_index;
	struct lab_record *record = &ring[index & ring_mask];

	__atomic_store_n(&header->ring_write_index, index + 1, __ATOMIC_SEQ_CST);
	record->tsc = time;
	record->event = (uint16_t)event;
	record->kind = (uint8_t)kind;
	record->detail = (uint8_t)detail;
	record->thread = thread;
	record->args[0] = words[0];
	record->args[1] = words[1];
	record->args[2] = words[2];
	record->args[3] = words[3];
	record->caller = words[4];
	__atomic_store_n(&record->sequence, index + 1, __ATOMIC_RELEASE);
}

void record(unsigned event, unsigned kind, unsigned detail, const uint64_t words[5])
{
	if (kind <= LAB_RECORD_INSTANT)
		detail = in_interrupt;
	record_at(now(), event, kind, detail, thread_number(), words);
}

void record_text(unsigned event, unsigned argument, uint64_t address)
{
	uint64_t most = header->trace_data_bytes, length = 0;
	char text[LAB_DATA_BYTES_MOST];

	most = most < sizeof(text) ? most : sizeof(text);
	machine_read(address, text, (unsigned)most);
	while (length < most && text[length])
		length++;
	for (uint64_t offset = 0; offset < length; offset += PART) {
		uint64_t words[5] = { 0, 0, 0, 0, length | offset << 32 };

		__builtin_memcpy(words, text + offset, length - offset < PART ? length - offset : PART);
		record(event, LAB_RECORD_DATA, argument, words);
	}
}

static void words_write(unsigned event, enum lab_stack_part part, const uint64_t *words,
    unsigned count)
{
	for (unsigned done = 0; done < count; done += WORDS_PART) {
		uint64_t five[WORDS_PART] = { 0 };

		for (unsigned i = 0; i < WORDS_PART && done + i < count; i++)
			five[i] = words[done + i];
		record(event, LAB_RECORD_STACK, part, five);
	}
}

/* Registers and words as the caller will have them: the lab finds the frames in them. */
void record_stack(unsigned event, uint64_t caller)
{
	uint64_t registers[] = { caller, machine_register(REG_RSP) + 8, machine_register(REG_RBP),
	    machine_register(REG_RBX), machine_register(REG_R12) };
	uint64_t words[LAB_STACK_WORDS_MOST];
	unsigned most = header->trace_stack_words;

	most = most < LAB_STACK_WORDS_MOST ? most : LAB_STACK_WORDS_MOST;
	machine_read(registers[1], words, most * 8);
	words_write(event, LAB_STACK_REGISTERS, registers, WORDS_PART);
	words_write(event, LAB_STACK_WORDS, words, most);
}
