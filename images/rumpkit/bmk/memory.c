/*
 * memory.c - memory of any size: size classes carved from pages, whole pages above.
 *
 * The page of a small block is marked with its class, and the caller gives the size of
 * a large one back when it frees, so blocks have no header.
 */
#include "bmk.h"

#define SMALLEST_SHIFT 4
#define CLASSES 8 /* 16 ... 2048 bytes */

struct chunk {
	struct chunk *next;
};

static struct chunk *classes[CLASSES];

/* The class that serves a request, or CLASSES if only whole pages do. */
static unsigned class_of(size_t bytes, size_t alignment)
{
	size_t wanted = bytes > alignment ? bytes : alignment;
	unsigned class = 0;

	while (class < CLASSES && (1ul << (SMALLEST_SHIFT + class)) < wanted)
		class++;
	return class;
}

static size_t pages_of(size_t bytes)
{
	return (bytes + BMK_PAGE_MASK) / BMK_PAGE_BYTES;
}

static bool class_refill(unsigned class)
{
	size_t step = 1ul << (SMALLEST_SHIFT + class);
	char *page = bmk_pages_alloc(1);

	if (!page)
		return false;
	bmk_pages_mark((uintptr_t)page, class);
	for (size_t at = 0; at < BMK_PAGE_BYTES; at += step) {
		struct chunk *chunk = (struct chunk *)(page + at);

		chunk->next = classes[class];
		classes[class] = chunk;
	}
	return true;
}

void *bmk_memory_alloc(size_t bytes, size_t alignment)
{
	unsigned class = class_of(bytes, alignment);
	struct chunk *chunk;

	if (class == CLASSES)
		return bmk_pages_alloc(pages_of(bytes));
	if (!classes[class] && !class_refill(class))
		return NULL;
	chunk = classes[class];
	classes[class] = chunk->next;
	return chunk;
}

void bmk_memory_free(void *memory, size_t bytes)
{
	int class = bmk_pages_marked((uintptr_t)memory & ~BMK_PAGE_MASK);
	struct chunk *chunk = memory;

	if (class < 0) {
		bmk_pages_free(memory, pages_of(bytes));
		return;
	}
	chunk->next = classes[class];
	classes[class] = chunk;
}
