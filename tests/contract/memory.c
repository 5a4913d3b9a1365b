/* memory.c - clauses M: rumpuser_malloc and relatives. */
#include "suite.h"

static void aligned(void)
{
	for (int alignment = 16; alignment <= 4096; alignment *= 2)
		for (size_t bytes = 1; bytes <= 20000; bytes = bytes * 3 + 1) {
			void *memory = NULL;

			CHECK(rumpuser_malloc(bytes, alignment, &memory) == 0);
			CHECK(memory && ((uintptr_t)memory & (uintptr_t)(alignment - 1)) == 0);
			memset(memory, 0x5a, bytes);
			rumpuser_free(memory, bytes);
		}
}

static void distinct(void)
{
	enum { COUNT = 64, BYTES = 1000 };
	uint8_t *blocks[COUNT];

	for (int i = 0; i < COUNT; i++) {
		CHECK(rumpuser_malloc(BYTES, 0, (void **)&blocks[i]) == 0);
		memset(blocks[i], i, BYTES);
	}
	for (int i = 0; i < COUNT; i++) {
		for (int at = 0; at < BYTES; at++)
			if (blocks[i][at] != i) {
				CHECK(!"a block was overwritten");
				break;
			}
		rumpuser_free(blocks[i], BYTES);
	}
}

static void exhausted(void)
{
	void *memory = NULL;

	CHECK(rumpuser_malloc((size_t)1 << 45, 0, &memory) == RUMPUSER_ENOMEM);
	CHECK(rumpuser_anonmmap(NULL, (size_t)1 << 45, 0, 0, &memory) == RUMPUSER_ENOMEM);
}

/* What was freed can be had again: a leak would exhaust the RAM within the loop. */
static void reused(void)
{
	for (int i = 0; i < 4096; i++) {
		void *memory;

		if (rumpuser_malloc(64 << 10, 0, &memory)) {
			CHECK(!"freed memory did not come back");
			return;
		}
		rumpuser_free(memory, 64 << 10);
	}
}

static void bad_alignment(void)
{
	void *memory = NULL;

	CHECK(rumpuser_malloc(100, 24, &memory) == RUMPUSER_EINVAL);
}

static void mapped(void)
{
	uint8_t *memory = NULL;

	CHECK(rumpuser_anonmmap(NULL, 3 * 4096, 0, 0, (void **)&memory) == 0);
	CHECK(((uintptr_t)memory & 4095) == 0);
	for (int at = 0; at < 3 * 4096; at++)
		if (memory[at]) {
			CHECK(!"mapped memory was not zero");
			break;
		}
	rumpuser_unmap(memory, 3 * 4096);
}

const struct suite_case memory_cases[] = {
	{ "M1 malloc honours size and alignment", aligned },
	{ "M2 blocks do not overlap", distinct },
	{ "M3 no memory is ENOMEM", exhausted },
	{ "M4 freed memory is used again", reused },
	{ "M5 an alignment that is no power of two is EINVAL", bad_alignment },
	{ "M6 anonmmap gives zeroed pages", mapped },
	{ NULL, NULL },
};
