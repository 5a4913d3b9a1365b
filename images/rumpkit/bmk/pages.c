/*
 * pages.c - RAM in whole pages: a binary buddy allocator.
 *
 * A free block of 2^order pages is linked through its first page; orders[] holds
 * order + 1 for the first page of each free block and 0 for every other page, so a
 * buddy can be judged without touching its RAM.  A page in use may carry a mark there,
 * MARKED and up.  A count that is no power of two gets its surplus back at once.
 */
#include "bmk.h"
#include "lab_trace.h"
#include "rumplib.h"

#define ORDERS 24 /* the largest block is 32 GiB */
#define MARKED 0x80

struct block {
	struct block *next, *previous;
};

static struct block *free_lists[ORDERS];
static uint8_t *orders;
static uintptr_t base, limit; /* what orders[] covers */
static uint16_t *shares;      /* users of a page beside the first, once there are any */

static size_t index_of(uintptr_t page)
{
	return (page - base) / BMK_PAGE_BYTES;
}

static void list_insert(uintptr_t page, unsigned order)
{
	struct block *block = (struct block *)page;

	block->next = free_lists[order];
	block->previous = NULL;
	if (block->next)
		block->next->previous = block;
	free_lists[order] = block;
	orders[index_of(page)] = (uint8_t)(order + 1);
}

static void list_remove(uintptr_t page, unsigned order)
{
	struct block *block = (struct block *)page;

	if (block->previous)
		block->previous->next = block->next;
	else
		free_lists[order] = block->next;
	if (block->next)
		block->next->previous = block->previous;
	orders[index_of(page)] = 0;
}

static void block_free(uintptr_t page, unsigned order)
{
	while (order < ORDERS - 1) {
		uintptr_t buddy = page ^ (BMK_PAGE_BYTES << order);

		if (buddy < base || buddy >= limit || orders[index_of(buddy)] != order + 1)
			break;
		list_remove(buddy, order);
		page &= ~(BMK_PAGE_BYTES << order);
		order++;
	}
	list_insert(page, order);
}

/* Free any run of pages: in the largest aligned blocks that it is made of. */
static void run_free(uintptr_t page, size_t count)
{
	while (count) {
		unsigned order = 0;

		while (order < ORDERS - 1 && (2ul << order) <= count &&
		    !(page & (BMK_PAGE_BYTES << order)))
			order++;
		block_free(page, order);
		page += BMK_PAGE_BYTES << order;
		count -= 1ul << order;
	}
}

void bmk_pages_create(uintptr_t start, uintptr_t end, uintptr_t ram_end)
{
	size_t bytes = (ram_end - start) / BMK_PAGE_BYTES;

	base = start;
	limit = ram_end;
	orders = (uint8_t *)start;
	memset(orders, 0, bytes);
	bmk_pages_add(start + ((bytes + BMK_PAGE_MASK) & ~BMK_PAGE_MASK), end);
}

void bmk_pages_add(uintptr_t start, uintptr_t end)
{
	size_t count = (end - start) / BMK_PAGE_BYTES;

	lab_header.total_pages += count;
	lab_header.free_pages += count;
	run_free(start, count);
}

void *bmk_pages_alloc(size_t count)
{
	unsigned wanted = 0, order;
	uintptr_t page;

	while ((1ul << wanted) < count)
		if (++wanted == ORDERS)
			return NULL;
	for (order = wanted; order < ORDERS && !free_lists[order]; order++)
		;
	if (order == ORDERS)
		return NULL;
	page = (uintptr_t)free_lists[order];
	list_remove(page, order);
	while (order > wanted) {
		order--;
		list_insert(page + (BMK_PAGE_BYTES << order), order);
	}
	if ((1ul << wanted) > count)
		run_free(page + count * BMK_PAGE_BYTES, (1ul << wanted) - count);
	lab_header.free_pages -= count;
	return (void *)page;
}

void bmk_pages_free(void *pages, size_t count)
{
	bmk_assert(!((uintptr_t)pages & BMK_PAGE_MASK));
	bmk_assert((uintptr_t)pages >= base && (uintptr_t)pages < limit);
	if (shares && count == 1 && shares[index_of((uintptr_t)pages)]) {
		shares[index_of((uintptr_t)pages)]--;
		return;
	}
	run_free((uintptr_t)pages, count);
	lab_header.free_pages += count;
}

bool bmk_page_share(const void *page)
{
	size_t bytes = (limit - base) / BMK_PAGE_BYTES * sizeof(*shares);
	uint16_t *count;

	if (!shares) {
		shares = bmk_pages_alloc((bytes + BMK_PAGE_MASK) / BMK_PAGE_BYTES);
		if (!shares)
			return false;
		memset(shares, 0, bytes);
	}
	count = &shares[index_of((uintptr_t)page)];
	if (*count == UINT16_MAX)
		return false;
	++*count;
	return true;
}

bool bmk_page_is_shared(const void *page)
{
	return shares && shares[index_of((uintptr_t)page)];
}

void bmk_pages_mark(uintptr_t page, unsigned mark)
{
	orders[index_of(page)] = (uint8_t)(MARKED + mark);
}

int bmk_pages_marked(uintptr_t page)
{
	return orders[index_of(page)] - MARKED;
}
