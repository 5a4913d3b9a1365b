/*
 * map.c - the address space: 4-level page tables (Intel SDM volume 3A, 4.5).
 *
 * The image is where it was linked, its sections protected as their names promise.  All
 * of RAM is in the direct map, high up.  What lies between is the application's.
 */
#include "lab_trace.h"
#include "map.h"
#include "rumplib.h"

/* Entry.S mapped the first GiB and the one that ends at 4 GiB. */
#define MAPPED_AT_ENTRY 0x40000000ul
#define DEVICES_START 0xc0000000ul
#define DEVICES_END 0x100000000ul

extern uint64_t arch_pd_direct[TABLE_ENTRIES];
extern char image_start[], image_end[];
extern char image_text_start[], image_text_end[], image_rodata_end[];

uint64_t *bmk_map_root = arch_pml4;

uintptr_t bmk_physical(const void *address)
{
	return (uintptr_t)address & ~DIRECT_BASE;
}

void *bmk_at_physical(uintptr_t address)
{
	return (void *)(DIRECT_BASE + address);
}

uintptr_t bmk_map_lowest(void)
{
	return ((uintptr_t)image_end + LARGE_BYTES - 1) & ~(LARGE_BYTES - 1);
}

/* --- entries --- */

uint64_t *bmk_map_table(void)
{
	uint64_t *table = bmk_pages_alloc(1);

	if (table)
		memset(table, 0, BMK_PAGE_BYTES);
	return table;
}

/* Replace a 2 MiB mapping by a table of 4 KiB ones with the same effect. */
static bool split(uint64_t *entry)
{
	uint64_t *table = bmk_pages_alloc(1);

	if (!table)
		return false;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		table[i] = (*entry & ~(uint64_t)PTE_LARGE) + i * BMK_PAGE_BYTES;
	*entry = entry_for_table(table);
	return true;
}

uint64_t *bmk_map_entry(uint64_t *table, uintptr_t address, bool create)
{
	for (int level = 3; level > 0; level--) {
		uint64_t *entry = &table[slot(address, level)];

		if (!*entry) {
			uint64_t *fresh = create ? bmk_map_table() : NULL;

			if (!fresh)
				return NULL;
			*entry = entry_for_table(fresh);
		} else if (*entry & PTE_LARGE && (!create || !split(entry))) {
			return NULL;
		}
		table = table_of(*entry);
	}
	return &table[slot(address, 0)];
}

static bool map(uintptr_t address, uint64_t value)
{
	uint64_t *entry = bmk_map_entry(bmk_map_root, address, true);
	bool was_present;

	if (!entry)
		return false;
	was_present = *entry & PTE_PRESENT;
	*entry = value;
	/* What was absent is in no translation cache (SDM 3A, 4.10.2.3). */
	if (was_present)
		arch_invalidate(address);
	return true;
}

bool bmk_map_page(uintptr_t address, const void *page, int protection)
{
	/* A page without access is kept, not present, with its address. */
	return map(address, bmk_physical(page) | bits_of(protection));
}

bool bmk_map_lent(uintptr_t address, const void *page, int protection, bool borrowed,
    bool copy)
{
	return map(address, bmk_physical(page) | (borrowed ? PTE_BORROWED : 0) |
	    (copy ? PTE_COPY : 0) | bits_of(copy ? protection & ~BMK_MAP_WRITE : protection));
}

bool bmk_map_dirty(uintptr_t address, bool clean)
{
	uint64_t *entry = bmk_map_entry(bmk_map_root, address, false);
	bool dirty = entry && *entry & PTE_DIRTY;

	if (dirty && clean) {
		*entry &= ~(uint64_t)PTE_DIRTY;
		arch_invalidate(address);
	}
	return dirty;
}

void *bmk_map_remove(uintptr_t address, bool *borrowed)
{
	uint64_t *entry = bmk_map_entry(bmk_map_root, address, false);
	uint64_t was = entry ? *entry : 0;

	if (!was)
		return NULL;
	*entry = 0;
	if (was & PTE_PRESENT)
		arch_invalidate(address);
	*borrowed = was & PTE_BORROWED;
	return bmk_at_physical(was & ADDRESS_BITS);
}

bool bmk_map_move(uintptr_t from, uintptr_t to)
{
	uint64_t *entry = bmk_map_entry(bmk_map_root, from, false);

	if (!entry || !*entry || !map(to, *entry))
		return false;
	*entry = 0;
	arch_invalidate(from);
	return true;
}

bool bmk_map_protect(uintptr_t address, int protection)
{
	uint64_t *entry = bmk_map_entry(bmk_map_root, address, false);
	uint64_t was = entry ? *entry : 0;

	if (!was)
		return false;
	if (was & PTE_COPY)
		protection &= ~BMK_MAP_WRITE;
	*entry = (was & (ADDRESS_BITS | PTE_BORROWED | PTE_COPY)) | bits_of(protection);
	if (was & PTE_PRESENT)
		arch_invalidate(address);
	return true;
}

int bmk_map_unshare(uintptr_t address, int protection)
{
	uint64_t *entry = bmk_map_entry(bmk_map_root, address, false);
	void *page, *copy;

	if (!entry || !(*entry & PTE_COPY))
		return 0;
	page = bmk_at_physical(*entry & ADDRESS_BITS);
	if (!(*entry & PTE_BORROWED) && !bmk_page_is_shared(page)) {
		*entry = bmk_physical(page) | bits_of(protection);
	} else {
		copy = bmk_pages_alloc(1);
		if (!copy)
			return -1;
		memcpy(copy, page, BMK_PAGE_BYTES);
		if (!(*entry & PTE_BORROWED))
			bmk_pages_free(page, 1);
		*entry = bmk_physical(copy) | bits_of(protection);
	}
	arch_invalidate(address);
	return 1;
}

uintptr_t bmk_map_next(uintptr_t address, uintptr_t end)
{
	while (address < end) {
		uint64_t *table = bmk_map_root;
		int level = 3;

		while (level > 0 && table[slot(address, level)]) {
			table = table_of(table[slot(address, level)]);
			level--;
		}
		if (level == 0 && table[slot(address, 0)])
			return address;
		/* Nothing there: go on behind what the missing entry would cover. */
		address = (address | ((BMK_PAGE_BYTES << (9 * level)) - 1)) + 1;
	}
	return end;
}

bool bmk_map_present(uintptr_t address)
{
	const uint64_t *table = bmk_map_root;

	/* Canonical addresses repeat bit 47 above it. */
	if ((int64_t)(address << 16) >> 16 != (int64_t)address)
		return false;
	for (int level = 3; level >= 0; level--) {
		uint64_t entry = table[slot(address, level)];

		if (!(entry & PTE_PRESENT))
			return false;
		if (entry & PTE_LARGE && level > 0)
			return !(entry & PTE_UNCACHED);
		table = table_of(entry);
	}
	return true;
}

/* --- the start --- */

/* Part of the image in 4 KiB pages, in tables for all of it that follow each other. */
static void map_part(uint64_t *entries, const char *start, const char *end, int protection)
{
	uint64_t bits = bits_of(protection) | PTE_GLOBAL;

	for (uintptr_t page = (uintptr_t)start; page < (uintptr_t)end; page += BMK_PAGE_BYTES)
		entries[page / BMK_PAGE_BYTES] = page | bits;
}

/*
 * The image as its sections promise, nothing else low (so that null pointers fault), and
 * nothing to execute in the direct map.  Everything takes effect at once in the end: the
 * code that does this runs in these pages.
 */
static void map_image(void)
{
	size_t count = bmk_map_lowest() / LARGE_BYTES;
	uint64_t *tables = bmk_pages_alloc(count);

	bmk_assert(tables);
	memset(tables, 0, count * BMK_PAGE_BYTES);
	map_part(tables, image_start, image_rodata_end, BMK_MAP_READ);
	map_part(tables, image_text_start, image_text_end, BMK_MAP_READ | BMK_MAP_EXECUTE);
	map_part(tables, image_rodata_end, image_end, BMK_MAP_READ | BMK_MAP_WRITE);
	for (size_t i = 0; i < count; i++)
		arch_pd_image[i] = entry_for_table(tables + i * TABLE_ENTRIES);
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		arch_pd_direct[i] |= PTE_NO_EXECUTE | PTE_GLOBAL;
	arch_set_tables((uintptr_t)arch_pml4);
}

static void map_large(uintptr_t physical)
{
	uintptr_t address = DIRECT_BASE + physical;
	uint64_t *top = table_of(arch_pml4[DIRECT_SLOT]);
	uint64_t *middle = &top[slot(address, 2)];

	if (!*middle) {
		uint64_t *table = bmk_map_table();

		bmk_assert(table);
		*middle = entry_for_table(table);
	}
	table_of(*middle)[slot(address, 1)] = physical | PTE_PRESENT | PTE_WRITE |
	    PTE_LARGE | PTE_GLOBAL | PTE_NO_EXECUTE;
}

void bmk_map_create(uintptr_t ram_end)
{
	map_image();
	for (uintptr_t address = MAPPED_AT_ENTRY; address < ram_end; address += LARGE_BYTES)
		if (address < DEVICES_START || address >= DEVICES_END)
			map_large(address);
	lab_header.page_table_address = (uintptr_t)arch_pml4;
}
