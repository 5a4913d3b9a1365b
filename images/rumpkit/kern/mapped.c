/*
 * mapped.c - what a program has changed in shared mappings goes to their files.
 *
 * Files on disks and shares are mapped as copies of their pages; those of others are the
 * file's own, with nothing to bring.  Writing may sleep, and regions come and go meanwhile.
 */
#include "region.h"
#include "rumplib.h"
#include "vfs.h"

#define MS_ASYNC 1
#define MS_INVALIDATE 2
#define MS_SYNC 4

int kern_region_write(const struct kern_region *region, uint64_t start, uint64_t end)
{
	struct vfs_file *file = region->file;
	uint64_t base = region->start, offset = region->offset;
	long result = 0;

	if (!region->shared || !file || !(region->protection & RUMPCOMP_VM_WRITE) ||
	    file->node->ops->page)
		return 0;
	vfs_file_get(file);
	for (uint64_t page = start; page < end && result >= 0; page += PAGE) {
		uint64_t at = offset + (page - base), size = file->node->size_bytes;

		if (rumpcomp_vm_dirty(page, true) && at < size)
			result = vfs_file_pwrite(file, at, (const void *)page,
			    size - at < PAGE ? size - at : PAGE);
	}
	vfs_file_put(file);
	return result < 0 ? (int)result : 0;
}

/* With settle, until it is on the disk. */
static int write_out(const struct kern_region *region, uint64_t start, uint64_t end, bool settle)
{
	struct vfs_file *file = region->shared ? region->file : NULL;
	int error;

	if (!file)
		return 0;
	vfs_file_get(file);
	error = kern_region_write(region, start, end);
	if (!error && settle)
		error = vfs_file_sync(file, true);
	vfs_file_put(file);
	return error;
}

int kern_region_write_range(uint64_t address, uint64_t end, bool settle)
{
	int error = 0;

	for (uint64_t at = address; at < end && !error;) {
		struct kern_region *region = kern_region_above(at);
		uint64_t stop = region && region->end < end ? region->end : end;

		if (!region || region->start > at)
			return -ENOMEM;
		error = write_out(region, at, stop, settle);
		at = stop;
	}
	return error;
}

int kern_write_mapped(const struct vfs_node *node)
{
	struct kern_region *region;
	int error = 0;

	for (uint64_t at = 0; !error && (region = kern_region_above(at));) {
		at = region->end;
		if (!node || (region->file && region->file->node == node))
			error = write_out(region, region->start, at, false);
	}
	return error;
}

long kern_vm_msync(uint64_t address, uint64_t bytes, int flags)
{
	if (address & (PAGE - 1) || flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
	    (flags & MS_ASYNC && flags & MS_SYNC))
		return -EINVAL;
	return kern_region_write_range(address, address + PAGE_ALIGN(bytes), flags & MS_SYNC);
}
