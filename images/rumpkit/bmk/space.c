/*
 * space.c - one level-4 table a process: its own application memory, everybody's rest.
 */
#include "lab_trace.h"
#include "map.h"

uint64_t *bmk_space_create(void)
{
	uint64_t *space = bmk_map_table(), *upper = bmk_map_table(), *lower = bmk_map_table();

	if (!space || !upper || !lower) {
		if (space)
			bmk_pages_free(space, 1);
		if (upper)
			bmk_pages_free(upper, 1);
		if (lower)
			bmk_pages_free(lower, 1);
		return NULL;
	}
	for (uintptr_t address = 0; address < bmk_map_lowest(); address += LARGE_BYTES)
		lower[slot(address, 1)] = arch_pd_image[slot(address, 1)];
	upper[0] = entry_for_table(lower);
	space[0] = entry_for_table(upper);
	space[DIRECT_SLOT] = arch_pml4[DIRECT_SLOT];
	return space;
}

uint64_t *bmk_space_current(void)
{
	return bmk_map_root;
}

void bmk_space_use(uint64_t *space)
{
	if (space == bmk_map_root)
		return;
	bmk_map_root = space;
	lab_header.page_table_address = bmk_physical(space);
	arch_set_tables(bmk_physical(space));
}

static void tables_free(uint64_t *table, int level, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end && level > 0; i++)
		if (table[i])
			tables_free(table_of(table[i]), level - 1, 0, TABLE_ENTRIES);
	bmk_pages_free(table, 1);
}

void bmk_space_destroy(uint64_t *space)
{
	uint64_t *lower = table_of(table_of(space[0])[0]);

	/* The first one is part of the image. */
	if (space == arch_pml4)
		return;
	bmk_assert(space != bmk_map_root);
	/* The tables of the image are everybody's. */
	for (uintptr_t address = 0; address < bmk_map_lowest(); address += LARGE_BYTES)
		lower[slot(address, 1)] = 0;
	tables_free(space, 3, 0, DIRECT_SLOT);
}

bool bmk_space_copy(uint64_t *to, uintptr_t start, uintptr_t end, bool private)
{
	for (uintptr_t at = start; (at = bmk_map_next(at, end)) < end; at += BMK_PAGE_BYTES) {
		uint64_t *from = bmk_map_entry(bmk_map_root, at, false);
		uint64_t *entry = bmk_map_entry(to, at, true);

		if (!entry || (!(*from & PTE_BORROWED) &&
		    !bmk_page_share(bmk_at_physical(*from & ADDRESS_BITS))))
			return false;
		if (private) {
			*from = (*from & ~(uint64_t)PTE_WRITE) | PTE_COPY;
			arch_invalidate(at);
		}
		*entry = *from;
	}
	return true;
}
