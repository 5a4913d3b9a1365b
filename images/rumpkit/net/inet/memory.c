/*
 * memory.c - the memory lwIP works with, and the other things it asks of its system.
 *
 * The network may hold a part of the guest's memory and no more, so that a peer that sends
 * without reading, or a flood of connections, cannot take the application's.  lwIP drops a
 * packet or refuses a connection for which there is none, and the sender tries again.
 */
#include "inet/inet.h"

#include "lwip/sys.h"
#include "net_memory.h"
#include "rumpcomp.h"

#define SHARE 4             /* of the memory: a quarter */
#define PAGE_BYTES 4096ul
#define LEAST_FREE_PAGES 64 /* left to the application when all is short */
#define ASK_EVERY 16        /* blocks */

struct block {
	size_t bytes;
	size_t reserved;
};

static size_t used_bytes;

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

/* Looked at now and then: a packet is several blocks, and the question costs a hypercall. */
static bool is_short(void)
{
	static unsigned asked;
	static bool answer;

	if (answer || asked++ % ASK_EVERY == 0)
		answer = rumpcomp_vm_free_pages() < LEAST_FREE_PAGES;
	return answer;
}

void *net_memory_alloc(size_t bytes)
{
	size_t all = bytes + sizeof(struct block);
	struct block *block;
	void *memory;

	if (used_bytes + all > net_memory_limit() || is_short() ||
	    rumpuser_malloc(all, 0, &memory))
		return NULL;
	block = memory;
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

	used_bytes -= block->bytes;
	rumpuser_free(block, block->bytes);
}

/* Sum with end-around carry, eight bytes a step; the carries are folded in at the end. */
uint16_t net_checksum(const void *data, int bytes)
{
	const uint8_t *at = data;
	uint64_t sum = 0, word;
	int left;

	for (left = bytes; left >= 8; left -= 8, at += 8) {
		word = *(const uint64_t *)at;
		sum += word;
		sum += sum < word;
	}
	if (left) {
		word = 0;
		memcpy(&word, at, (size_t)left);
		sum += word;
		sum += sum < word;
	}
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

uint32_t net_random(void)
{
	uint32_t number;
	size_t got;

	rumpuser_getrandom(&number, sizeof number, 0, &got);
	return number;
}

uint32_t sys_now(void)
{
	return (uint32_t)(kern_monotonic_ns() / 1000000);
}

void net_assertion(const char *what)
{
	rumpuser_dprintf("rumpkit: lwIP: %s\n", what);
	rumpuser_exit(RUMPUSER_PANIC);
}
