/*
 * tmpfs_pages.c - the pages of a file: a tree that is as high as the file needs.
 */
#include "kern.h"
#include "rumplib.h"
#include "rumpuser.h"
#include "tmpfs.h"

#define SLOT_BITS 6

uint64_t tmpfs_used_pages, tmpfs_limit_pages;

/* First index that a tree of this height cannot hold. */
static uint64_t span_of(unsigned height)
{
	return 1ull << (SLOT_BITS * height);
}

static uint8_t *page_alloc(struct tmpfs_pages *pages)
{
	void *page;

	/* Zeroes, and of the kind that an application's mapping may share. */
	if (tmpfs_used_pages >= tmpfs_limit_pages ||
	    rumpuser_anonmmap(NULL, VFS_PAGE_BYTES, 0, 0, &page))
		return NULL;
	tmpfs_used_pages++;
	pages->count++;
	return page;
}

static void page_free(struct tmpfs_pages *pages, void *page)
{
	rumpuser_unmap(page, VFS_PAGE_BYTES);
	tmpfs_used_pages--;
	pages->count--;
}

uint8_t *tmpfs_page(struct tmpfs_pages *pages, uint64_t index)
{
	void *at = pages->root;
	unsigned height;

	if (index >= span_of(pages->height))
		return NULL;
	for (height = pages->height; at && height; height--)
		at = ((void **)at)[index >> (SLOT_BITS * (height - 1)) & (TMPFS_SLOTS - 1)];
	return at;
}

/* Put tables above the root until the tree spans index. */
static bool grow(struct tmpfs_pages *pages, uint64_t index)
{
	void **table;

	while (index >= span_of(pages->height)) {
		if (pages->root) {
			table = kern_alloc(TMPFS_SLOTS * sizeof *table);
			if (!table)
				return false;
			table[0] = pages->root;
			pages->root = table;
		}
		pages->height++;
	}
	return true;
}

/* A page that is written for the first time begins as what lay below it. */
static void copy_base(const struct tmpfs_pages *pages, uint64_t index, uint8_t *page)
{
	uint64_t offset = index * VFS_PAGE_BYTES;
	uint64_t left = offset < pages->base_bytes ? pages->base_bytes - offset : 0;

	memcpy(page, pages->base + offset, left < VFS_PAGE_BYTES ? left : VFS_PAGE_BYTES);
}

uint8_t *tmpfs_page_make(struct tmpfs_pages *pages, uint64_t index)
{
	void **slot = &pages->root;
	unsigned height;

	if (!grow(pages, index))
		return NULL;
	for (height = pages->height; height; height--) {
		if (!*slot)
			*slot = kern_alloc(TMPFS_SLOTS * sizeof *slot);
		if (!*slot)
			return NULL;
		slot = (void **)*slot +
		    (index >> (SLOT_BITS * (height - 1)) & (TMPFS_SLOTS - 1));
	}
	if (!*slot) {
		*slot = page_alloc(pages);
		if (*slot)
			copy_base(pages, index, *slot);
	}
	return *slot;
}

/*
 * Free the part of a subtree that lies in [index, end), both relative to its first
 * page; a table whose whole span lies in it, or that became empty, goes as well.
 */
static void drop(struct tmpfs_pages *pages, void **slot, unsigned height,
    uint64_t index, uint64_t end)
{
	void **table = *slot;
	uint64_t step, low, high;
	bool used = false;
	unsigned i;

	if (!table)
		return;
	if (!height) {
		page_free(pages, *slot);
		*slot = NULL;
		return;
	}
	step = span_of(height - 1);
	for (i = 0; i < TMPFS_SLOTS; i++) {
		low = i * step < index ? index - i * step : 0;
		high = end < i * step ? 0 : end - i * step;
		if (high > step)
			high = step;
		if (low < high)
			drop(pages, &table[i], height - 1, low, high);
		used = used || table[i];
	}
	if (!used) {
		kern_free(table);
		*slot = NULL;
	}
}

void tmpfs_pages_drop(struct tmpfs_pages *pages, uint64_t index, uint64_t end)
{
	if (end > span_of(pages->height))
		end = span_of(pages->height);
	if (index < end)
		drop(pages, &pages->root, pages->height, index, end);
	if (!pages->root)
		pages->height = 0;
}

static uint64_t next_in(void *at, unsigned height, uint64_t index)
{
	uint64_t step, found, from;
	unsigned i;

	if (!at || !height)
		return at ? 0 : UINT64_MAX;
	step = span_of(height - 1);
	for (i = (unsigned)(index / step); i < TMPFS_SLOTS; i++) {
		from = i * step < index ? index - i * step : 0;
		found = next_in(((void **)at)[i], height - 1, from);
		if (found != UINT64_MAX)
			return i * step + found;
	}
	return UINT64_MAX;
}

uint64_t tmpfs_pages_next(struct tmpfs_pages *pages, uint64_t index)
{
	if (index >= span_of(pages->height))
		return UINT64_MAX;
	return next_in(pages->root, pages->height, index);
}
