/*
 * context.c - what a process has of the file system: descriptors, directory, umask.
 */
#include "kern.h"
#include "rumplib.h"
#include "vfs.h"

struct vfs_context *vfs_context_copy(const struct vfs_context *from)
{
	struct vfs_context *copy = kern_alloc(sizeof *copy);
	/* More than the first ones, which alone do not come from kern_alloc. */
	unsigned capacity = from->capacity > VFS_FIRST_SLOTS ? from->capacity : 2 * VFS_FIRST_SLOTS;
	struct vfs_slot *slots = kern_alloc(capacity * sizeof *slots);
	unsigned i;

	if (!copy || !slots) {
		kern_free(copy);
		kern_free(slots);
		return NULL;
	}
	*copy = *from;
	copy->slots = slots;
	copy->capacity = capacity;
	copy->permanent = false;
	vfs_node_get(copy->cwd);
	for (i = 0; i < from->capacity; i++) {
		slots[i] = from->slots[i];
		if (slots[i].file)
			vfs_file_get(slots[i].file);
	}
	return copy;
}

static void close_all(struct vfs_context *context, bool only_on_exec)
{
	unsigned i;

	for (i = 0; i < context->capacity; i++) {
		struct vfs_slot slot = context->slots[i];

		if (!slot.file || (only_on_exec && !slot.close_on_exec))
			continue;
		context->slots[i] = (struct vfs_slot){ NULL, false };
		if (i < context->first_free)
			context->first_free = i;
		vfs_record_drop(slot.file->node, context);
		vfs_file_put(slot.file);
	}
}

void vfs_context_exec(struct vfs_context *context)
{
	close_all(context, true);
}

void vfs_context_destroy(struct vfs_context *context)
{
	close_all(context, false);
	if (context->permanent)
		return;
	vfs_node_put(context->cwd);
	if (context->capacity > VFS_FIRST_SLOTS)
		kern_free(context->slots);
	kern_free(context);
}
