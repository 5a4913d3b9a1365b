/*
 * describe_memory.c - what /proc says of a process's mappings.
 */
#include "describe.h"
#include "region.h"
#include "rumplib.h"
#include "vfs.h"

#define PATH_BYTES 512

static uint64_t device_major(const struct vfs_node *node)
{
	return node->file_system >> 8 & 0xfff;
}

static const char *name_of(const struct kern_region *region)
{
	if (region->start >= BRK_START && region->end <= BRK_LIMIT)
		return "[heap]";
	return region->start >= STACK_START && region->end <= STACK_START + STACK_BYTES ?
	    "[stack]" : "";
}

static void print_region(struct kern_text *text, const struct kern_region *region)
{
	const struct vfs_node *node = region->file ? region->file->node : NULL;
	char path[PATH_BYTES];
	long length = -1;

	if (region->file && region->file->dir)
		length = vfs_path_of(region->file->dir, region->file->node, path, sizeof(path));
	kern_print(text, "%08lx-%08lx %c%c%c%c %08lx %02lx:%02lx %lu", region->start, region->end,
	    region->protection & RUMPCOMP_VM_READ ? 'r' : '-',
	    region->protection & RUMPCOMP_VM_WRITE ? 'w' : '-',
	    region->protection & RUMPCOMP_VM_EXECUTE ? 'x' : '-', region->shared ? 's' : 'p',
	    region->offset, node ? device_major(node) : 0, node ? node->file_system & 0xfful : 0,
	    node ? node->number : 0);
	kern_print(text, " %s\n", length > 0 ? path : node ? "/memfd: (deleted)" : name_of(region));
}

/* The first region that ends above an address, of a process that may have ended by now. */
static const struct kern_region *region_above(void *argument, uint64_t at)
{
	const struct kern_process *process = kern_subject_of(argument).process;
	const struct kern_region *region = process && process->vm ? process->vm->regions : NULL;

	while (region && region->end <= at)
		region = region->next;
	return region;
}

/* A path's listing may sleep, and regions come and go meanwhile: each is found anew. */
size_t kern_describe_maps(void *argument, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };
	const struct kern_region *region;
	uint64_t at = 0;

	while ((region = region_above(argument, at))) {
		struct kern_region copy = *region;

		at = copy.end;
		if (copy.file)
			vfs_file_get(copy.file);
		if (!copy.guard)
			print_region(&text, &copy);
		vfs_file_put(copy.file);
	}
	return text.used;
}

uint64_t kern_mapped_bytes(const struct kern_process *process)
{
	const struct kern_region *region = process && process->vm ? process->vm->regions : NULL;
	uint64_t bytes = 0;

	for (; region; region = region->next)
		if (!region->guard)
			bytes += region->end - region->start;
	return bytes;
}

/* What is really there is not counted by process: of one program it is what is not free. */
uint64_t kern_resident_pages(const struct kern_process *process)
{
	uint64_t used = rumpcomp_vm_total_pages() - rumpcomp_vm_free_pages();
	uint64_t mapped = kern_mapped_bytes(process) / PAGE;

	return used < mapped ? used : mapped;
}

size_t kern_describe_statm(void *argument, char *room, size_t bytes)
{
	const struct kern_process *process = kern_subject_of(argument).process;
	struct kern_text text = { room, bytes, 0 };

	kern_print(&text, "%lu %lu 0 0 0 %lu 0\n", kern_mapped_bytes(process) / 4096,
	    kern_resident_pages(process), kern_mapped_bytes(process) / 4096);
	return text.used;
}
