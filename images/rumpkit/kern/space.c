/*
 * space.c - a process's set of mappings as a whole: made, copied by fork, given up.
 */
#include "region.h"
#include "rumplib.h"
#include "vfs.h"

static struct kern_vm first_vm = { .references = 1, .brk_end = BRK_START };

void kern_vm_create(void)
{
	first_vm.space = rumpcomp_space_current();
	kern_fault_create();
}

struct kern_vm *kern_vm_get(struct kern_vm *vm)
{
	vm->references++;
	return vm;
}

struct kern_vm *kern_vm_make(void)
{
	static bool first_given;
	struct kern_vm *vm;

	/* The first program needs none but what is there. */
	if (!first_given) {
		first_given = true;
		return &first_vm;
	}
	vm = kern_alloc(sizeof(*vm));
	if (vm)
		vm->space = rumpcomp_space_create();
	if (!vm || !vm->space) {
		kern_free(vm);
		return NULL;
	}
	vm->references = 1;
	vm->brk_end = BRK_START;
	return vm;
}

void kern_vm_use(struct kern_vm *vm)
{
	kern_process->vm = vm;
	rumpcomp_space_use(vm->space);
}

void kern_vm_put(struct kern_vm *vm)
{
	struct kern_vm *before = kern_process->vm;

	if (!vm || --vm->references)
		return;
	vm->references = 1; /* while files are written back */
	kern_vm_use(vm);
	while (vm->regions)
		kern_vm_munmap(vm->regions->start, vm->regions->end - vm->regions->start);
	kern_vm_use(before == vm ? &first_vm : before);
	vm->references = 0;
	if (vm == &first_vm)
		return;
	rumpcomp_space_destroy(vm->space);
	kern_free(vm);
}

static bool copy_region(struct kern_vm *to, struct kern_region ***end, const struct kern_region *from)
{
	struct kern_region *copy = kern_alloc(sizeof(*copy));

	if (!copy)
		return false;
	*copy = *from;
	copy->next = NULL;
	if (copy->file)
		vfs_file_get(copy->file);
	**end = copy;
	*end = &copy->next;
	return !rumpcomp_space_copy(to->space, from->start, from->end - from->start, !from->shared);
}

struct kern_vm *kern_vm_copy(struct kern_vm *from)
{
	struct kern_vm *vm = kern_vm_make();
	struct kern_region **end = vm ? &vm->regions : NULL;
	bool done = vm;

	for (struct kern_region *region = from->regions; region && done; region = region->next)
		done = copy_region(vm, &end, region);
	if (done) {
		vm->brk_end = from->brk_end;
		return vm;
	}
	kern_vm_put(vm);
	return NULL;
}
