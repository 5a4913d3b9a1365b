/*
 * map.c - the address space: 4-level page tables (Intel SDM volume 3A, 4.5).
 *
 * RAM is mapped where it is.  The image's sections get the protection their names
 * promise, page 0 is not there, and what lies above 64 GiB is the application's.
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "rumplib.h"

#define LARGE_BYTES 0x200000ul
#define TABLE_ENTRIES 512
#define ADDRESS_BITS 0x000ffffffffff000ul
/* Entry.S mapped the first GiB and the one that ends at 4 GiB. */
#define MAPPED_AT_ENTRY 0x40000000ul
#define DEVICES_START 0xc0000000ul
#define DEVICES_END 0x100000000ul

extern uint64_t arch_pd_first[TABLE_ENTRIES];
extern char image_start[], image_end[];
extern char image_text_start[], image_text_end[], image_rodata_end[];

static uint64_t bits_of(int protection)
{
	if (!protection)
		return 0;
	return PTE_PRESENT | (protection & BMK_MAP_WRITE ? PTE_WRITE : 0) |
	    (protection & BMK_MAP_EXECUTE ? 0 : PTE_NO_EXECUTE);
}

static unsigned slot(uintptr_t address, int level)
{
	return address >> (12 + 9 * level) & (TABLE_ENTRIES - 1);
}

static uint64_t *table_of(uint64_t entry)
{
	return (uint64_t *)(entry & ADDRESS_BITS);
}

static uint64_t *table_create(void)
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
	*entry = (uintptr_t)table | PTE_TABLE;
	return true;
}

/* The level-1 entry for an address; NULL if a table is missing and create is false. */
static uint64_t *entry_of(uintptr_t address, bool create)
{
	uint64_t *table = arch_pml4;

	for (int level = 3; level > 0; level--) {
		uint64_t *entry = &table[slot(address, level)];

		if (!*entry) {
			uint64_t *fresh = create ? table_create() : NULL;

			if (!fresh)
				return NULL;
			*entry = (uintptr_t)fresh | PTE_TABLE;
		} else if (*entry & PTE_LARGE && (!create || !split(entry))) {
			return NULL;
		}
		table = table_of(*entry);
	}
	return &table[slot(address, 0)];
}

bool bmk_map_page(uintptr_t address, uintptr_t page, int protection)
{
	uint64_t *entry = entry_of(address, true);
	bool was_present;

	if (!entry)
		return false;
	was_present = *entry & PTE_PRESENT;
	/* A page without access is kept, not present, with its address. */
	*entry = page | bits_of(protection);
	/* What was absent is in no translation cache (SDM 3A, 4.10.2.3). */
	if (was_present)
		arch_invalidate(address);
	return true;
}

uintptr_t bmk_map_remove(uintptr_t address)
{
	uint64_t *entry = entry_of(address, false);
	uintptr_t page;

	if (!entry || !*entry)
		return 0;
	page = *entry & ADDRESS_BITS;
	*entry = 0;
	arch_invalidate(address);
	return page;
}

bool bmk_map_protect(uintptr_t address, int protection)
{
	uint64_t *entry = entry_of(address, false);

	if (!entry || !*entry)
		return false;
	*entry = (*entry & ADDRESS_BITS) | bits_of(protection);
	arch_invalidate(address);
	return true;
}

uintptr_t bmk_map_next(uintptr_t address, uintptr_t end)
{
	while (address < end) {
		uint64_t *table = arch_pml4;
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
	uint64_t *table = arch_pml4;

	if (address >> 47)
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

static void map_large(uintptr_t address)
{
	uint64_t *top = &arch_pml4[slot(address, 3)];
	uint64_t *middle;

	if (!*top)
		*top = (uintptr_t)table_create() | PTE_TABLE;
	middle = &table_of(*top)[slot(address, 2)];
	if (!*middle)
		*middle = (uintptr_t)table_create() | PTE_TABLE;
	table_of(*middle)[slot(address, 1)] = address | PTE_PRESENT | PTE_WRITE |
	    PTE_LARGE | PTE_NO_EXECUTE;
}

/* The protection that the image's layout promises for a page near it. */
static uint64_t image_bits(uintptr_t page)
{
	if (!page)
		return 0;
	if (page >= (uintptr_t)image_text_start && page < (uintptr_t)image_text_end)
		return bits_of(BMK_MAP_READ | BMK_MAP_EXECUTE);
	if (page >= (uintptr_t)image_start && page < (uintptr_t)image_rodata_end)
		return bits_of(BMK_MAP_READ);
	return bits_of(BMK_MAP_READ | BMK_MAP_WRITE);
}

/*
 * The first GiB, as 4 KiB pages where the image lies (and page 0, which is left out so
 * that null pointers fault), and without execution elsewhere.  Everything takes effect
 * at once in the end: the code that does this runs in these pages.
 */
static void map_first(void)
{
	uintptr_t address;

	for (address = 0; address < (uintptr_t)image_end; address += LARGE_BYTES) {
		uint64_t *table = bmk_pages_alloc(1);

		bmk_assert(table);
		for (unsigned i = 0; i < TABLE_ENTRIES; i++)
			table[i] = (address + i * BMK_PAGE_BYTES) | image_bits(address + i * BMK_PAGE_BYTES);
		arch_pd_first[slot(address, 1)] = (uintptr_t)table | PTE_TABLE;
	}
	for (; address < MAPPED_AT_ENTRY; address += LARGE_BYTES)
		arch_pd_first[slot(address, 1)] |= PTE_NO_EXECUTE;
	arch_invalidate_all();
}

void bmk_map_create(uintptr_t ram_end)
{
	uintptr_t address;

	map_first();
	for (address = MAPPED_AT_ENTRY; address < ram_end; address += LARGE_BYTES)
		if (address < DEVICES_START || address >= DEVICES_END)
			map_large(address);
	lab_header.page_table_address = (uintptr_t)arch_pml4;
}

uintptr_t bmk_physical(const void *address)
{
	return (uintptr_t)address;
}

void *bmk_at_physical(uintptr_t address)
{
	return (void *)address;
}
