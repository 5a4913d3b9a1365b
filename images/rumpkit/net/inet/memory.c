/*
 * memory.c - the memory lwIP works with.
 *
 * The network may hold a part of the guest's memory and no more, so that a peer that sends
 * without reading, or a flood of connections, cannot take the application's.  lwIP drops a
 * packet or refuses a connection for which there is none, and the sender tries again.
 *
 * A request is a dozen blocks that live for microseconds, of few sizes.  So some of those
 * that were freed are kept for the next of their size: a hypercall each way would cost more
 * than the rest of the work on them.
 */
#include "inet/inet.h"

#include "net_memory.h"
#include "rumpcomp.h"

#define SHARE 4             /* of the memory: a quarter */
#define PAGE_BYTES 4096ul
#define LEAST_FREE_PAGES 64 /* left to the application when all is short */
#define ASK_EVERY 16        /* blocks */
#define STEP_BYTES 64ul     /* sizes are multiples of this */
#define KEPT_SIZES 32       /* those below 2 KiB: a packet fits */
#define KEPT_SHARE 8        /* of the network's limit, and no more than … */
#define KEPT_MOST_BYTES (128 * 1024ul)

struct block {
	size_t bytes;
	struct block *next; /* while it is kept */
};

static size_t used_bytes, kept_bytes;
static struct block *kept[KEPT_SIZES];

size_t net_memory_used(void)
{
	return used_bytes;
}

size_t net_memory_limit(void)
{
	static size_t limit;

	if (!limit)
		limit = rumpcomp_vm_total_pages() / SHARE * PAGE_BYTES;
	return limit;
}

static size_t most_kept(void)
{
	size_t most = net_memory_limit() / KEPT_SHARE;

	return most < KEPT_MOST_BYTES ? most : KEPT_MOST_BYTES;
}

static struct block *take_kept(size_t bytes)
{
	struct block **first = &kept[bytes / STEP_BYTES], *block = *first;

	if (block) {
		*first = block->next;
		kept_bytes -= bytes;
	}
	return block;
}

static void give_back_kept(void)
{
	struct block *block;

	for (unsigned size = 0; size < KEPT_SIZES; size++)
		while ((block = take_kept(size * STEP_BYTES)))
			rumpuser_free(block, block->bytes);
}

/* Looked at now and then: a packet is several blocks, and the question costs a hypercall. */
static bool is_short(void)
{
	static unsigned asked;
	static bool answer;

	if (answer || asked++ % ASK_EVERY == 0)
		answer = rumpcomp_vm_free_pages() < LEAST_FREE_PAGES;
	if (answer)
		give_back_kept();
	return answer;
}

static struct block *take(size_t bytes)
{
	void *memory = bytes < KEPT_SIZES * STEP_BYTES ? take_kept(bytes) : NULL;

	if (!memory && (is_short() || rumpuser_malloc(bytes, 0, &memory)))
		return NULL;
	return memory;
}

void *net_memory_alloc(size_t bytes)
{
	size_t all = (bytes + sizeof(struct block) + STEP_BYTES - 1) & -STEP_BYTES;
	struct block *block;

	if (used_bytes + all > net_memory_limit() || !(block = take(all)))
		return NULL;
	block->bytes = all;
	used_bytes += all;
	return block + 1;
}

void *net_memory_calloc(size_t count, size_t bytes)
{
	void *memory = net_memory_alloc(count * bytes);

	return memory ? memset(memory, 0, count * bytes) : NULL;
}

void net_memory_free(void *memory)
{
	struct block *block = (struct block *)memory - 1;
	size_t bytes = block->bytes;

	used_bytes -= bytes;
	if (bytes >= KEPT_SIZES * STEP_BYTES || kept_bytes + bytes > most_kept()) {
		rumpuser_free(block, bytes);
		return;
	}
	block->next = kept[bytes / STEP_BYTES];
	kept[bytes / STEP_BYTES] = block;
	kept_bytes += bytes;
}
