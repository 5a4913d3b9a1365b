/*
 * fault.c - page faults: memory costs a page when it is first touched.
 *
 * A page of a file that lies in memory is mapped as it is; of any other file it is read.
 * Reading may sleep, and the mapping may be another one afterwards.
 */
#include "region.h"
#include "rumplib.h"
#include "vfs.h"
#include "vfs_volume.h"

/* A fault this close below a stack's pointer is the stack's. */
#define STACK_REACH 0x10000ull
/* Pages mapped at once where that costs no memory: an aligned group of them. */
#define AROUND_BYTES 0x10000ull
/* What is asked of the caches when there is no memory: enough for some more faults. */
#define PAGES_WANTED 64

static enum rumpcomp_fault verdict(int error)
{
	return error ? RUMPCOMP_FAULT_NO_MEMORY : RUMPCOMP_FAULT_HANDLED;
}

static uint64_t offset_of(const struct kern_region *region, uint64_t page)
{
	return region->offset + (page - region->start);
}

/* The other pages of the group, if they are there to be had. */
static void map_around(const struct kern_region *region, uint64_t page)
{
	uint64_t at = page & ~(AROUND_BYTES - 1), end = at + AROUND_BYTES;

	for (; at < end; at += PAGE) {
		const void *content;

		if (at < region->start || at >= region->end || rumpcomp_vm_mapped(at))
			continue;
		content = vfs_file_page(region->file, offset_of(region, at), region->shared);
		if (content && rumpcomp_vm_lend(at, content, region->protection, !region->shared))
			return;
	}
}

/* A private page that begins as a copy of what the file has. */
static int map_copy(uint64_t page, const void *content, int protection)
{
	void *own;

	if (rumpuser_anonmmap(NULL, PAGE, 0, 0, &own))
		return -ENOMEM;
	memcpy(own, content, PAGE);
	if (!rumpcomp_vm_give(page, own, protection))
		return 0;
	rumpuser_unmap(own, PAGE);
	return -ENOMEM;
}

static enum rumpcomp_fault read_in(struct kern_region *region, uint64_t page)
{
	struct vfs_file *file = vfs_file_get(region->file);
	uint64_t offset = offset_of(region, page);
	void *own;
	int error;

	if (rumpuser_anonmmap(NULL, PAGE, 0, 0, &own)) {
		vfs_file_put(file);
		return RUMPCOMP_FAULT_NO_MEMORY;
	}
	error = vfs_file_pread(file, offset, own, PAGE);
	/* While that slept, the region may have become another one. */
	region = kern_region_above(page);
	if (error >= 0 && region && region->start <= page && region->file == file &&
	    offset_of(region, page) == offset && !rumpcomp_vm_mapped(page))
		error = rumpcomp_vm_give(page, own, region->protection);
	else
		rumpuser_unmap(own, PAGE);
	vfs_file_put(file);
	return error >= 0 ? RUMPCOMP_FAULT_HANDLED :
	    error == -ENOMEM ? RUMPCOMP_FAULT_NO_MEMORY : RUMPCOMP_FAULT_BAD;
}

static enum rumpcomp_fault page_in(struct kern_region *region, uint64_t page, bool write)
{
	const void *content;

	if (!region->file)
		return verdict(rumpcomp_vm_map(page, PAGE, region->protection));
	content = vfs_file_page(region->file, offset_of(region, page), region->shared);
	if (!content)
		return read_in(region, page);
	if (write && !region->shared)
		return verdict(map_copy(page, content, region->protection));
	if (rumpcomp_vm_lend(page, content, region->protection, !region->shared))
		return RUMPCOMP_FAULT_NO_MEMORY;
	map_around(region, page);
	return RUMPCOMP_FAULT_HANDLED;
}

/* Once more with what the caches can give back, before saying that there is none. */
static enum rumpcomp_fault page_in_somehow(struct kern_region *region, uint64_t page, bool write)
{
	enum rumpcomp_fault result = page_in(region, page, write);

	if (result != RUMPCOMP_FAULT_NO_MEMORY || !vfs_shrink(PAGES_WANTED))
		return result;
	region = kern_region_above(page);
	return region && region->start <= page ? page_in(region, page, write) : RUMPCOMP_FAULT_BAD;
}

static enum rumpcomp_fault on_fault(uintptr_t address, uintptr_t stack, bool write, bool execute)
{
	struct kern_region *region = kern_region_above(address);
	int wanted = write ? RUMPCOMP_VM_WRITE : execute ? RUMPCOMP_VM_EXECUTE : RUMPCOMP_VM_READ;
	bool near_stack = stack && address + STACK_REACH > stack && address < stack + STACK_GUARD_BYTES;
	uint64_t page = address & ~(PAGE - 1);
	int unshared;

	if (!region || address < region->start)
		return RUMPCOMP_FAULT_BAD;
	if (region->guard || (!region->protection && near_stack))
		return RUMPCOMP_FAULT_GUARD;
	if (!(region->protection & wanted))
		return RUMPCOMP_FAULT_PROTECTION;
	unshared = write ? rumpcomp_vm_unshare(page, region->protection) : 0;
	if (unshared < 0 && vfs_shrink(PAGES_WANTED))
		unshared = rumpcomp_vm_unshare(page, region->protection);
	if (unshared)
		return unshared < 0 ? RUMPCOMP_FAULT_NO_MEMORY : RUMPCOMP_FAULT_HANDLED;
	return page_in_somehow(region, page, write);
}

void kern_fault_create(void)
{
	rumpcomp_vm_on_fault(on_fault);
}
