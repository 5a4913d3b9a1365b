/*
 * malloc.c - the heap: small, large, aligned, grown, freed, and refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCKS 2000

static uint64_t state = 1;

static unsigned any(unsigned below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(state >> 33) % below;
}

static int holds(const unsigned char *block, size_t bytes, unsigned char value)
{
	for (size_t i = 0; i < bytes; i++)
		if (block[i] != value)
			return 0;
	return 1;
}

/* Blocks of random sizes come, grow and go; each keeps what was written to it. */
static void churn(void)
{
	static unsigned char *blocks[BLOCKS];
	static size_t sizes[BLOCKS];
	long wrong = 0, live = 0;

	for (int step = 0; step < 30000; step++) {
		unsigned at = any(BLOCKS);
		size_t bytes = any(20) ? any(300) : any(9000);

		wrong += !holds(blocks[at], sizes[at], (unsigned char)at);
		if (blocks[at] && any(2)) {
			free(blocks[at]);
			blocks[at] = NULL;
			sizes[at] = 0;
			continue;
		}
		blocks[at] = realloc(blocks[at], bytes + 1);
		if (!blocks[at] || (uintptr_t)blocks[at] % 16)
			wrong++;
		sizes[at] = bytes + 1;
		memset(blocks[at], (int)at, sizes[at]);
	}
	for (int at = 0; at < BLOCKS; at++) {
		live += blocks[at] != NULL;
		wrong += !holds(blocks[at], sizes[at], (unsigned char)at);
		free(blocks[at]);
	}
	printf("churn: %ld live at the end, %ld wrong\n", live, wrong);
}

/* Memory that is freed can be had again, far more often than there is of it. */
static void reuse(void)
{
	for (int i = 0; i < 2000; i++) {
		char *block = malloc(1 << 20);

		if (!block) {
			printf("no memory at %d\n", i);
			return;
		}
		block[0] = block[(1 << 20) - 1] = 1;
		free(block);
	}
	printf("2000 MiB, one at a time\n");
}

static void special(void)
{
	unsigned char *zeros = calloc(1000, 1000);
	void *aligned = NULL;

	printf("calloc zero: %d\n", holds(zeros, 1000000, 0));
	free(zeros);
	printf("posix_memalign: %d\n", posix_memalign(&aligned, 65536, 100));
	printf("aligned: %d\n", (uintptr_t)aligned % 65536 == 0);
	free(aligned);
	aligned = aligned_alloc(4096, 8192);
	printf("aligned: %d\n", (uintptr_t)aligned % 4096 == 0);
	free(aligned);
	errno = 0;
	/* The compiler must not know that this cannot work. */
	volatile size_t absurd = PTRDIFF_MAX / 2, many = SIZE_MAX / 4;

	printf("absurd: %d", malloc(absurd) == NULL);
	printf(" %s\n", strerror(errno));
	printf("overflow: %d\n", calloc(many, 8) == NULL);
	printf("usable: %d\n", malloc_usable_size(malloc(100)) >= 100);
	free(NULL);
}

static void mappings(void)
{
	long page = sysconf(_SC_PAGESIZE);
	unsigned char *area = mmap(NULL, 64 * page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *moved;

	printf("mmap: %d zero %d\n", area != MAP_FAILED, holds(area, 64 * page, 0));
	memset(area, 7, 64 * page);
	printf("munmap a hole: %d\n", munmap(area + 8 * page, 8 * page));
	printf("both sides: %d %d\n", holds(area, 8 * page, 7), holds(area + 16 * page, 48 * page, 7));
	printf("mprotect: %d\n", mprotect(area, page, PROT_READ));
	moved = mremap(area + 16 * page, 48 * page, 96 * page, MREMAP_MAYMOVE);
	printf("mremap: %d kept %d zero %d\n", moved != MAP_FAILED, holds(moved, 48 * page, 7),
	    holds(moved + 48 * page, 48 * page, 0));
	printf("madvise: %d zero %d\n", madvise(moved, page, MADV_DONTNEED), holds(moved, page, 0));
	printf("munmap: %d %d\n", munmap(area, 8 * page), munmap(moved, 96 * page));
	printf("misaligned: %d", munmap((char *)area + 1, page));
	printf(" %s\n", strerror(errno));
	area = sbrk(0);
	printf("sbrk: %d\n", area != (void *)-1);
}

int main(void)
{
	churn();
	reuse();
	special();
	mappings();
	return 0;
}
