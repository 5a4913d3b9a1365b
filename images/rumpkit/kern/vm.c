/*
 * vm.c - the application's virtual memory: mmap(2) and relatives, faults, brk, stack.
 *
 * Regions are a list sorted by address.  Memory costs a page when it is first touched;
 * a page of a mapped file is read then, and is private from then on.
 */
#include "process.h"
#include "rumplib.h"
#include "vfs.h"

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
/* A fault this close below a stack's pointer is the stack's. */
#define STACK_REACH 0x10000ull

#define MAP_SHARED 0x01
#define MAP_PRIVATE 0x02
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MAP_NORESERVE 0x4000
#define MAP_FIXED_NOREPLACE 0x100000
#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED 2
#define MADV_DONTNEED 4
#define MADV_FREE 8

struct region {
	struct region *next;
	uint64_t start, end;
	int protection;
	bool guard;
	struct vfs_file *file;  /* a reference, or NULL: zeroes */
	uint64_t offset;        /* in the file, of start */
};

static struct region *regions;

/* The first region that ends above address. */
static struct region *region_above(uint64_t address)
{
	struct region *region = regions;

	while (region && region->end <= address)
		region = region->next;
	return region;
}

static struct region *region_create(uint64_t start, uint64_t end, int protection)
{
	struct region **at = &regions;
	struct region *region = kern_alloc(sizeof(*region));

	if (!region)
		return NULL;
	region->start = start;
	region->end = end;
	region->protection = protection;
	while (*at && (*at)->start < start)
		at = &(*at)->next;
	region->next = *at;
	*at = region;
	return region;
}

static void region_destroy(struct region *region)
{
	struct region **at = &regions;

	while (*at != region)
		at = &(*at)->next;
	*at = region->next;
	vfs_file_put(region->file);
	kern_free(region);
}

static struct vfs_file *file_get(struct vfs_file *file)
{
	return file ? vfs_file_get(file) : NULL;
}

/* Make address the start of a region if it lies inside one. */
static bool region_split(uint64_t address)
{
	struct region *region = region_above(address);
	struct region *rest;

	if (!region || region->start >= address)
		return true;
	rest = region_create(address, region->end, region->protection);
	if (!rest)
		return false;
	rest->guard = region->guard;
	rest->file = file_get(region->file);
	rest->offset = region->offset + (address - region->start);
	region->end = address;
	return true;
}

static void merge_neighbours(void)
{
	struct region *region = regions;

	while (region && region->next) {
		struct region *next = region->next;

		if (region->end == next->start && region->protection == next->protection &&
		    region->guard == next->guard && region->file == next->file && (!region->file ||
		    region->offset + (region->end - region->start) == next->offset)) {
			region->end = next->end;
			region_destroy(next);
		} else {
			region = next;
		}
	}
}

static uint64_t find_gap(uint64_t bytes)
{
	uint64_t start = MMAP_START;

	for (struct region *region = region_above(start); region; region = region->next) {
		if (region->start >= start + bytes)
			break;
		start = region->end;
	}
	return start + bytes <= RUMPCOMP_VM_END ? start : 0;
}

static bool in_bounds(uint64_t address, uint64_t bytes)
{
	return address >= rumpcomp_vm_lowest() && address < RUMPCOMP_VM_END &&
	    bytes <= RUMPCOMP_VM_END - address;
}

/* Give a page its first content.  Files in memory never block. */
static enum rumpcomp_fault page_in(const struct region *region, uint64_t page)
{
	if (!region->file)
		return rumpcomp_vm_map(page, PAGE, region->protection) ?
		    RUMPCOMP_FAULT_NO_MEMORY : RUMPCOMP_FAULT_HANDLED;
	if (rumpcomp_vm_map(page, PAGE, RUMPCOMP_VM_READ | RUMPCOMP_VM_WRITE))
		return RUMPCOMP_FAULT_NO_MEMORY;
	vfs_file_pread(region->file, region->offset + (page - region->start), (void *)page, PAGE);
	rumpcomp_vm_protect(page, PAGE, region->protection);
	return RUMPCOMP_FAULT_HANDLED;
}

static enum rumpcomp_fault on_fault(uintptr_t address, uintptr_t stack, bool write, bool execute)
{
	struct region *region = region_above(address);
	int wanted = write ? RUMPCOMP_VM_WRITE : execute ? RUMPCOMP_VM_EXECUTE : RUMPCOMP_VM_READ;
	bool near_stack = stack && address + STACK_REACH > stack && address < stack + STACK_GUARD_BYTES;

	if (!region || address < region->start)
		return RUMPCOMP_FAULT_BAD;
	if (region->guard || (!region->protection && near_stack))
		return RUMPCOMP_FAULT_GUARD;
	if (!(region->protection & wanted))
		return RUMPCOMP_FAULT_PROTECTION;
	return page_in(region, address & ~(PAGE - 1));
}

void kern_vm_create(void)
{
	rumpcomp_vm_on_fault(on_fault);
	kern_process.brk_end = BRK_START;
}

uint64_t kern_vm_stack_create(void)
{
	struct region *guard = region_create(GUARD_START, STACK_START, 0);

	if (!guard || !region_create(STACK_START, STACK_START + STACK_BYTES,
	    RUMPCOMP_VM_READ | RUMPCOMP_VM_WRITE))
		return 0;
	guard->guard = true;
	return STACK_START + STACK_BYTES;
}

long kern_vm_munmap(uint64_t address, uint64_t bytes)
{
	struct region *region;
	uint64_t end;

	bytes = PAGE_ALIGN(bytes);
	end = address + bytes;
	if (address & (PAGE - 1) || !bytes || !in_bounds(address, bytes))
		return -EINVAL;
	if (!region_split(address) || !region_split(end))
		return -ENOMEM;
	while ((region = region_above(address)) && region->start < end) {
		rumpcomp_vm_unmap(region->start, region->end - region->start);
		region_destroy(region);
	}
	return 0;
}

static long choose_address(uint64_t address, uint64_t bytes, int flags)
{
	struct region *region;

	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
		address = find_gap(bytes);
		return address ? (long)address : -ENOMEM;
	}
	if (address & (PAGE - 1))
		return -EINVAL;
	if (!in_bounds(address, bytes))
		return -ENOMEM;
	region = region_above(address);
	if (region && region->start < address + bytes) {
		if (flags & MAP_FIXED_NOREPLACE)
			return -EEXIST;
		if (kern_vm_munmap(address, bytes))
			return -ENOMEM;
	}
	return (long)address;
}

static long check_mmap(uint64_t bytes, int protection, int flags, uint64_t offset)
{
	if (!bytes || offset & (PAGE - 1) || !(flags & (MAP_SHARED | MAP_PRIVATE)))
		return -EINVAL;
	/* Like Linux's heuristic: refuse what all of the RAM could not hold. */
	if (bytes > RUMPCOMP_VM_END - RUMPCOMP_VM_START ||
	    (protection & RUMPCOMP_VM_WRITE && !(flags & MAP_NORESERVE) &&
	    bytes / PAGE > rumpcomp_vm_total_pages()))
		return -ENOMEM;
	/* A shared file mapping would have to write back, which is not done. */
	if (!(flags & MAP_ANONYMOUS) && flags & MAP_SHARED && protection & RUMPCOMP_VM_WRITE)
		return -ENODEV;
	return 0;
}

long kern_vm_map_file(uint64_t address, uint64_t bytes, int protection, int flags,
    struct vfs_file *file, uint64_t offset)
{
	long where = check_mmap(bytes, protection, flags, offset);
	struct region *region;

	if (where)
		return where;
	bytes = PAGE_ALIGN(bytes);
	where = choose_address(address, bytes, flags);
	if (where < 0)
		return where;
	region = region_create((uint64_t)where, (uint64_t)where + bytes, protection & 7);
	if (!region)
		return -ENOMEM;
	region->file = file_get(file);
	region->offset = offset;
	merge_neighbours();
	return where;
}

long kern_vm_mmap(uint64_t address, uint64_t bytes, int protection, int flags, int fd,
    uint64_t offset)
{
	struct vfs_file *file = NULL;
	long where;

	if (!(flags & MAP_ANONYMOUS)) {
		file = vfs_descriptor_get(fd);
		if (!file)
			return -EBADF;
	}
	where = kern_vm_map_file(address, bytes, protection, flags, file, offset);
	vfs_file_put(file);
	return where;
}

/* Is every page of the range part of some region? */
static bool covered(uint64_t address, uint64_t end)
{
	struct region *region = region_above(address);

	while (region && region->start <= address && region->end < end) {
		address = region->end;
		region = region->next;
	}
	return region && region->start <= address && region->end >= end;
}

long kern_vm_mprotect(uint64_t address, uint64_t bytes, int protection)
{
	uint64_t end = address + PAGE_ALIGN(bytes);

	if (address & (PAGE - 1))
		return -EINVAL;
	if (!bytes)
		return 0;
	/* musl's start-up protects RELRO of the image itself, which is fixed. */
	if (!in_bounds(address, end - address))
		return address < rumpcomp_vm_lowest() ? 0 : -ENOMEM;
	if (!covered(address, end) || !region_split(address) || !region_split(end))
		return -ENOMEM;
	protection &= 7;
	for (struct region *region = region_above(address); region && region->start < end;
	    region = region->next)
		region->protection = protection;
	rumpcomp_vm_protect(address, end - address, protection);
	merge_neighbours();
	return 0;
}

long kern_vm_madvise(uint64_t address, uint64_t bytes, int advice)
{
	uint64_t end = address + PAGE_ALIGN(bytes);

	if (address & (PAGE - 1) || !in_bounds(address, end - address))
		return -EINVAL;
	if (!covered(address, end) && bytes)
		return -ENOMEM;
	if (advice == MADV_DONTNEED || advice == MADV_FREE)
		rumpcomp_vm_unmap(address, end - address);
	return 0;
}

long kern_vm_mremap(uint64_t old, uint64_t old_bytes, uint64_t new_bytes, int flags,
    uint64_t new_address)
{
	struct region *region = region_above(old);
	long where;
	int protection;

	old_bytes = PAGE_ALIGN(old_bytes);
	new_bytes = PAGE_ALIGN(new_bytes);
	if (old & (PAGE - 1) || !new_bytes || !old_bytes || !in_bounds(old, old_bytes))
		return -EINVAL;
	if (!region || region->start > old || !covered(old, old + old_bytes))
		return -EFAULT;
	protection = region->protection;
	if (!(flags & MREMAP_FIXED)) {
		struct region *after = region_above(old + old_bytes);

		if (new_bytes < old_bytes)
			kern_vm_munmap(old + new_bytes, old_bytes - new_bytes);
		if (new_bytes <= old_bytes)
			return (long)old;
		/* Grow in place where nothing follows. */
		if (old + new_bytes <= RUMPCOMP_VM_END && old >= MMAP_START &&
		    region->end == old + old_bytes && (!after || after->start >= old + new_bytes)) {
			region->end = old + new_bytes;
			merge_neighbours();
			return (long)old;
		}
		if (!(flags & MREMAP_MAYMOVE))
			return -ENOMEM;
		new_address = 0;
	}
	where = kern_vm_mmap(new_address, new_bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS |
	    MAP_NORESERVE | (flags & MREMAP_FIXED ? MAP_FIXED : 0), -1, 0);
	if (where < 0)
		return where;
	if (rumpcomp_vm_move(old, (uint64_t)where, old_bytes < new_bytes ? old_bytes : new_bytes)) {
		kern_vm_munmap((uint64_t)where, new_bytes);
		return -ENOMEM;
	}
	kern_vm_munmap(old, old_bytes);
	return where;
}

long kern_vm_brk(uint64_t end)
{
	uint64_t from = PAGE_ALIGN(kern_process.brk_end), to = PAGE_ALIGN(end);

	if (end < BRK_START || end > BRK_LIMIT ||
	    (to - BRK_START) / PAGE > rumpcomp_vm_total_pages())
		return (long)kern_process.brk_end;
	if (to > from) {
		if (!region_create(from, to, RUMPCOMP_VM_READ | RUMPCOMP_VM_WRITE))
			return (long)kern_process.brk_end;
		merge_neighbours();
	} else if (to < from && kern_vm_munmap(to, from - to)) {
		return (long)kern_process.brk_end;
	}
	kern_process.brk_end = end;
	return (long)end;
}
