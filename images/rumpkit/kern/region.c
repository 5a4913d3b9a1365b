/*
 * region.c - the list of a program's regions, sorted by address.
 */
#include "region.h"
#include "vfs.h"

struct kern_region *kern_region_above(uint64_t address)
{
	struct kern_vm *vm = kern_process->vm;
	struct kern_region *region = vm->hint && vm->hint->start <= address ? vm->hint : vm->regions;

	while (region && region->end <= address)
		region = region->next;
	if (region)
		vm->hint = region;
	return region;
}

struct kern_region *kern_region_create(uint64_t start, uint64_t end, int protection)
{
	struct kern_vm *vm = kern_process->vm;
	struct kern_region **at = &vm->regions;
	struct kern_region *region = kern_alloc(sizeof(*region));

	if (!region)
		return NULL;
	region->start = start;
	region->end = end;
	region->protection = protection;
	if (vm->hint && vm->hint->start < start)
		at = &vm->hint->next;
	while (*at && (*at)->start < start)
		at = &(*at)->next;
	region->next = *at;
	*at = region;
	return region;
}

void kern_region_destroy(struct kern_region *region)
{
	struct kern_vm *vm = kern_process->vm;
	struct kern_region **at = &vm->regions;

	while (*at != region)
		at = &(*at)->next;
	*at = region->next;
	vm->hint = NULL;
	vfs_file_put(region->file);
	kern_free(region);
}

bool kern_region_split(uint64_t address)
{
	struct kern_region *region = kern_region_above(address);
	struct kern_region *rest;

	if (!region || region->start >= address)
		return true;
	rest = kern_region_create(address, region->end, region->protection);
	if (!rest)
		return false;
	rest->guard = region->guard;
	rest->shared = region->shared;
	rest->file = region->file ? vfs_file_get(region->file) : NULL;
	rest->offset = region->offset + (address - region->start);
	region->end = address;
	return true;
}

static bool continues(const struct kern_region *region, const struct kern_region *next)
{
	return region->end == next->start && region->protection == next->protection &&
	    region->guard == next->guard && region->shared == next->shared &&
	    region->file == next->file && (!region->file ||
	    region->offset + (region->end - region->start) == next->offset);
}

void kern_region_merge(void)
{
	struct kern_region *region = kern_process->vm->regions;

	while (region && region->next) {
		struct kern_region *next = region->next;

		if (continues(region, next)) {
			region->end = next->end;
			kern_region_destroy(next);
		} else {
			region = next;
		}
	}
}

uint64_t kern_region_gap(uint64_t bytes, uint64_t from, uint64_t to)
{
	for (struct kern_region *region = kern_region_above(from); region; region = region->next) {
		if (region->start >= from + bytes)
			break;
		from = region->end;
	}
	return from + bytes <= to ? from : 0;
}

bool kern_region_covers(uint64_t address, uint64_t end)
{
	struct kern_region *region = kern_region_above(address);

	while (region && region->start <= address && region->end < end) {
		address = region->end;
		region = region->next;
	}
	return region && region->start <= address && region->end >= end;
}
