/*
 * memory.c - pages and mappings.
 */
#include "operations.h"

#include <stddef.h>
#include <sys/mman.h>

#define PAGE 4096

static char *map(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* An operation is the first touch of one page.  Linux is asked for small pages, else
 * what it does once for 2 MiB would be counted as 512 faults. */
static int64_t page_fault(long count)
{
	volatile char *memory = map((size_t)count * PAGE);
	int64_t taken_ns;

	if (!memory)
		return -1;
	madvise((void *)memory, (size_t)count * PAGE, MADV_NOHUGEPAGE);
	taken_ns = now_ns();
	for (long i = 0; i < count; i++)
		memory[i * PAGE] = 1;
	taken_ns = now_ns() - taken_ns;
	munmap((void *)memory, (size_t)count * PAGE);
	return taken_ns;
}

/* As an allocator does for a large block: map it, use a page of it, give it back. */
static int64_t map_and_unmap(long count)
{
	int64_t begun_ns = now_ns();

	for (long i = 0; i < count; i++) {
		char *memory = map(32 * PAGE);

		if (!memory)
			return -1;
		munmap(memory, 32 * PAGE);
	}
	return now_ns() - begun_ns;
}

static int64_t map_use_unmap(long count)
{
	int64_t begun_ns = now_ns();

	for (long i = 0; i < count; i++) {
		char *memory = map(32 * PAGE);

		if (!memory)
			return -1;
		for (int page = 0; page < 32; page++)
			memory[page * PAGE] = 1;
		munmap(memory, 32 * PAGE);
	}
	return now_ns() - begun_ns;
}

static int64_t protect(long count)
{
	char *memory = map(16 * PAGE);
	int64_t taken_ns = now_ns();

	if (!memory)
		return -1;
	for (int page = 0; page < 16; page++)
		memory[page * PAGE] = 1;
	for (long i = 0; i < count; i++)
		if (mprotect(memory + 4 * PAGE, 4 * PAGE, i & 1 ? PROT_READ | PROT_WRITE : PROT_READ))
			return -1;
	taken_ns = now_ns() - taken_ns;
	munmap(memory, 16 * PAGE);
	return taken_ns;
}

const struct operation operations_memory[] = {
	{ "page_fault", page_fault },
	{ "map_and_unmap", map_and_unmap },
	{ "map_use_unmap", map_use_unmap },
	{ "protect", protect },
	{ 0 },
};
