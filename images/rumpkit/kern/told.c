/*
 * told.c - what a trace is told of processes: who they are, which code they have mapped.
 *
 * Addresses in a trace mean something only with this: by the time somebody looks at them
 * the process may be gone.
 */
#include "lab_abi.h"
#include "region.h"
#include "vfs.h"

#define PATH_BYTES 256

void kern_tell_thread(const struct kern_thread *thread, bool forked)
{
	const struct kern_process *process = thread->process;

	if (rumpcomp_is_traced())
		rumpcomp_tell_process(thread->number, process->pid,
		    process->parent ? process->parent->pid : 0,
		    forked ? LAB_PROCESS_FORKED : LAB_PROCESS_THREAD, process->command);
}

/* The path may have to be looked for on a disk, and that sleeps. */
void kern_tell_mapped(struct vfs_file *file, uint64_t start, uint64_t end, uint64_t offset)
{
	char path[PATH_BYTES];
	uint32_t pid = kern_process->pid;

	if (rumpcomp_is_traced() && vfs_path_of(file->dir, file->node, path, sizeof(path)) > 0)
		rumpcomp_tell_mapped(pid, start, end, offset, path);
}

void kern_tell_program(void)
{
	const struct kern_process *process = kern_process;
	uint64_t next = 0;

	if (!rumpcomp_is_traced())
		return;
	rumpcomp_tell_process(kern_current()->number, process->pid,
	    process->parent ? process->parent->pid : 0, LAB_PROCESS_PROGRAM, process->command);
	for (struct kern_region *region; (region = kern_region_above(next)); next = region->end)
		if (region->file && region->protection & RUMPCOMP_VM_EXECUTE)
			kern_tell_mapped(region->file, region->start, region->end, region->offset);
}
