/*
 * map.h - page tables, for the files that walk and build them.
 */
#ifndef BMK_MAP_H
#define BMK_MAP_H

#include "arch.h"
#include "bmk.h"

#define LARGE_BYTES 0x200000ul
#define TABLE_ENTRIES 512
#define ADDRESS_BITS 0x000ffffffffff000ul

/* The table in use, and the parts of the first one that all share. */
extern uint64_t *bmk_map_root;
extern uint64_t arch_pd_image[TABLE_ENTRIES];

static inline uint64_t bits_of(int protection)
{
	if (!protection)
		return 0;
	return PTE_PRESENT | (protection & BMK_MAP_WRITE ? PTE_WRITE : 0) |
	    (protection & BMK_MAP_EXECUTE ? 0 : PTE_NO_EXECUTE);
}

static inline unsigned slot(uintptr_t address, int level)
{
	return address >> (12 + 9 * level) & (TABLE_ENTRIES - 1);
}

static inline uint64_t *table_of(uint64_t entry)
{
	return bmk_at_physical(entry & ADDRESS_BITS);
}

static inline uint64_t entry_for_table(const uint64_t *table)
{
	return bmk_physical(table) | PTE_TABLE;
}

/* A table of zeroes; NULL if there is no page. */
uint64_t *bmk_map_table(void);
/* The level-1 entry for an address; NULL if a table is missing and create is false. */
uint64_t *bmk_map_entry(uint64_t *table, uintptr_t address, bool create);

#endif
