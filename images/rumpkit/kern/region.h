/*
 * region.h - the ranges of addresses a program has mapped, and what is behind them.
 */
#ifndef KERN_REGION_H
#define KERN_REGION_H

#include "process.h"

#define PAGE 4096ull
#define PAGE_ALIGN(x) (((x) + PAGE - 1) & ~(PAGE - 1))

/* Stack, heap and the first mappings lie close together to share page tables. */
#define GUARD_START RUMPCOMP_VM_START
#define STACK_GUARD_BYTES 0x100000ull
#define STACK_BYTES 0x800000ull
#define STACK_START (GUARD_START + STACK_GUARD_BYTES)
#define BRK_START (STACK_START + STACK_BYTES + 0x700000ull)
#define BRK_LIMIT (RUMPCOMP_VM_START + 0x40000000ull)
#define MMAP_START BRK_LIMIT
#define MMAP_32BIT_START 0x40000000ull
#define MMAP_32BIT_END 0x80000000ull

struct kern_region {
	struct kern_region *next;
	uint64_t start, end;
	int protection;
	bool guard;
	bool shared;            /* writes reach the file, and other processes */
	struct vfs_file *file;  /* a reference, or NULL: zeroes */
	uint64_t offset;        /* in the file, of start */
};

/* The first region that ends above address, NULL if none does. */
struct kern_region *kern_region_above(uint64_t address);
struct kern_region *kern_region_create(uint64_t start, uint64_t end, int protection);
void kern_region_destroy(struct kern_region *region);
/* Make address the start of a region if it lies inside one; false: no memory. */
bool kern_region_split(uint64_t address);
void kern_region_merge(void);
/* Room for so many bytes between two addresses; 0 if there is none. */
uint64_t kern_region_gap(uint64_t bytes, uint64_t from, uint64_t to);
/* Is every page of the range part of some region? */
bool kern_region_covers(uint64_t address, uint64_t end);

/* mapped.c: what was changed in a region, or in a range, goes to the file; with settle, until
 * it is on the disk.  -ENOMEM: not all of the range is mapped. */
int kern_region_write(const struct kern_region *region, uint64_t start, uint64_t end);
int kern_region_write_range(uint64_t address, uint64_t end, bool settle);

/* fault.c: give a page its first content, or its own copy. */
void kern_fault_create(void);

#endif
