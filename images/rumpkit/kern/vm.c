/*
 * vm.c - the application's virtual memory: mmap(2) and relatives, brk, stack.
 */
#include "region.h"
#include "rumplib.h"
#include "vfs.h"

#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED 2
#define MADV_DONTNEED 4
#define MADV_FREE 8

static bool in_bounds(uint64_t address, uint64_t bytes)
{
	return address >= rumpcomp_vm_lowest() && address < RUMPCOMP_VM_END &&
	    bytes <= RUMPCOMP_VM_END - address;
}

bool kern_vm_has(uint64_t address)
{
	const struct kern_region *region = kern_region_above(address);

	return region && region->start <= address;
}

uint64_t kern_vm_stack_create(void)
{
	struct kern_region *guard = kern_region_create(GUARD_START, STACK_START, 0);
	const uint64_t top = STACK_START + STACK_BYTES;

	if (!guard || !kern_region_create(STACK_START, top, RUMPCOMP_VM_READ | RUMPCOMP_VM_WRITE))
		return 0;
	guard->guard = true;
	/* Sooner than by a fault; where no page is to be had, the fault says so. */
	rumpcomp_vm_map(top - PAGE, PAGE, RUMPCOMP_VM_READ | RUMPCOMP_VM_WRITE);
	return top;
}

long kern_vm_munmap(uint64_t address, uint64_t bytes)
{
	struct kern_region *region;
	uint64_t end;

	bytes = PAGE_ALIGN(bytes);
	end = address + bytes;
	if (address & (PAGE - 1) || !bytes || !in_bounds(address, bytes))
		return -EINVAL;
	if (!kern_region_split(address) || !kern_region_split(end))
		return -ENOMEM;
	while ((region = kern_region_above(address)) && region->start < end) {
		kern_region_write(region, region->start, region->end);
		rumpcomp_vm_unmap(region->start, region->end - region->start);
		kern_region_destroy(region);
	}
	return 0;
}

/* Where to put it: there (fixed), there if it is free (a hint), or anywhere. */
static long choose_address(uint64_t address, uint64_t bytes, int flags)
{
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	bool possible = !(address & (PAGE - 1)) && address && in_bounds(address, bytes);
	struct kern_region *region = possible ? kern_region_above(address) : NULL;
	bool taken = region && region->start < address + bytes;

	if (!fixed) {
		if (!possible || taken)
			address = flags & MAP_32BIT ?
			    kern_region_gap(bytes, MMAP_32BIT_START, MMAP_32BIT_END) :
			    kern_region_gap(bytes, MMAP_START, RUMPCOMP_VM_END);
		return address ? (long)address : -ENOMEM;
	}
	if (address & (PAGE - 1))
		return -EINVAL;
	if (!possible)
		return -ENOMEM;
	if (taken && flags & MAP_FIXED_NOREPLACE)
		return -EEXIST;
	if (taken && kern_vm_munmap(address, bytes))
		return -ENOMEM;
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
	return 0;
}

long kern_vm_map_file(uint64_t address, uint64_t bytes, int protection, int flags,
    struct vfs_file *file, uint64_t offset)
{
	long where = check_mmap(bytes, protection, flags, offset);
	struct kern_region *region;

	if (where)
		return where;
	bytes = PAGE_ALIGN(bytes);
	where = choose_address(address, bytes, flags);
	if (where < 0)
		return where;
	region = kern_region_create((uint64_t)where, (uint64_t)where + bytes, protection & 7);
	if (!region)
		return -ENOMEM;
	region->file = file ? vfs_file_get(file) : NULL;
	region->offset = offset;
	region->shared = flags & MAP_SHARED;
	kern_region_merge();
	return where;
}

/* Memory that processes share lies in a file without a name. */
int kern_vm_shared_file(uint64_t bytes, struct vfs_file **file)
{
	struct vfs_node *node;
	int error = vfs_tmpfs_make(S_IFREG | 0600, &node);

	if (error)
		return error;
	error = vfs_node_resize(node, PAGE_ALIGN(bytes));
	if (!error)
		error = vfs_open_node(node, NULL, O_RDWR, file);
	vfs_node_put(node);
	return error;
}

/* The file to map, with a reference; *file stays NULL for private memory. */
static int file_of_mmap(uint64_t bytes, int protection, int flags, int fd, struct vfs_file **file)
{
	if (flags & MAP_ANONYMOUS)
		return flags & MAP_SHARED ? kern_vm_shared_file(bytes, file) : 0;
	*file = vfs_descriptor_get(fd);
	if (!*file)
		return -EBADF;
	if (!S_ISREG((*file)->node->mode))
		return -ENODEV;
	if (((*file)->flags & O_ACCMODE) == O_WRONLY || (flags & MAP_SHARED &&
	    protection & RUMPCOMP_VM_WRITE && ((*file)->flags & O_ACCMODE) != O_RDWR))
		return -EACCES;
	return 0;
}

long kern_vm_mmap(uint64_t address, uint64_t bytes, int protection, int flags, int fd,
    uint64_t offset)
{
	struct vfs_file *file = NULL;
	long where;

	/* MAP_SHARED_VALIDATE sets both bits. */
	if (flags & MAP_SHARED)
		flags &= ~MAP_PRIVATE;
	where = check_mmap(bytes, protection, flags, offset);
	if (!where)
		where = file_of_mmap(bytes, protection, flags, fd, &file);
	if (!where)
		where = kern_vm_map_file(address, bytes, protection, flags, file,
		    flags & MAP_ANONYMOUS ? 0 : offset);
	if (where > 0 && file && !(flags & MAP_ANONYMOUS) && protection & RUMPCOMP_VM_EXECUTE)
		kern_tell_mapped(file, (uint64_t)where, (uint64_t)where + PAGE_ALIGN(bytes), offset);
	vfs_file_put(file);
	return where;
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
	if (!kern_region_covers(address, end) || !kern_region_split(address) || !kern_region_split(end))
		return -ENOMEM;
	protection &= 7;
	for (struct kern_region *region = kern_region_above(address); region && region->start < end;
	    region = region->next)
		region->protection = protection;
	rumpcomp_vm_protect(address, end - address, protection);
	kern_region_merge();
	return 0;
}

long kern_vm_madvise(uint64_t address, uint64_t bytes, int advice)
{
	uint64_t end = address + PAGE_ALIGN(bytes);

	if (address & (PAGE - 1) || !in_bounds(address, end - address))
		return -EINVAL;
	if (!kern_region_covers(address, end) && bytes)
		return -ENOMEM;
	if (advice == MADV_DONTNEED || advice == MADV_FREE) {
		kern_region_write_range(address, end, false);
		rumpcomp_vm_unmap(address, end - address);
	}
	return 0;
}

long kern_vm_mremap(uint64_t old, uint64_t old_bytes, uint64_t new_bytes, int flags,
    uint64_t new_address)
{
	struct kern_region *region = kern_region_above(old);
	long where;
	struct vfs_file *file;
	uint64_t offset;
	int protection, kind;

	old_bytes = PAGE_ALIGN(old_bytes);
	new_bytes = PAGE_ALIGN(new_bytes);
	if (old & (PAGE - 1) || !new_bytes || !old_bytes || !in_bounds(old, old_bytes))
		return -EINVAL;
	if (!region || region->start > old || !kern_region_covers(old, old + old_bytes))
		return -EFAULT;
	protection = region->protection;
	kind = region->shared ? MAP_SHARED : MAP_PRIVATE;
	if (!(flags & MREMAP_FIXED)) {
		struct kern_region *after = kern_region_above(old + old_bytes);

		if (new_bytes < old_bytes)
			kern_vm_munmap(old + new_bytes, old_bytes - new_bytes);
		if (new_bytes <= old_bytes)
			return (long)old;
		/* Grow in place where nothing follows. */
		if (old + new_bytes <= RUMPCOMP_VM_END && old >= MMAP_START &&
		    region->end == old + old_bytes && (!after || after->start >= old + new_bytes)) {
			region->end = old + new_bytes;
			kern_region_merge();
			return (long)old;
		}
		if (!(flags & MREMAP_MAYMOVE))
			return -ENOMEM;
		new_address = 0;
	}
	file = region->file ? vfs_file_get(region->file) : NULL;
	offset = region->offset + (old - region->start);
	where = kern_vm_map_file(new_address, new_bytes, protection, kind | MAP_NORESERVE |
	    (file ? 0 : MAP_ANONYMOUS) | (flags & MREMAP_FIXED ? MAP_FIXED : 0), file, offset);
	vfs_file_put(file);
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
	uint64_t from = PAGE_ALIGN(kern_process->vm->brk_end), to = PAGE_ALIGN(end);

	if (end < BRK_START || end > BRK_LIMIT ||
	    (to - BRK_START) / PAGE > rumpcomp_vm_total_pages())
		return (long)kern_process->vm->brk_end;
	if (to > from) {
		if (!kern_region_create(from, to, RUMPCOMP_VM_READ | RUMPCOMP_VM_WRITE))
			return (long)kern_process->vm->brk_end;
		kern_region_merge();
	} else if (to < from && kern_vm_munmap(to, from - to)) {
		return (long)kern_process->vm->brk_end;
	}
	kern_process->vm->brk_end = end;
	return (long)end;
}
