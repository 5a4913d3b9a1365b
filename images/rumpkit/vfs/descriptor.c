/*
 * descriptor.c - the numbers a program has for its open files.
 */
#include "kern.h"
#include "rumplib.h"
#include "vfs.h"

struct vfs_slot *vfs_descriptor_slot(int descriptor)
{
	struct vfs_slot *slot;

	if (descriptor < 0 || (unsigned)descriptor >= vfs_current->capacity)
		return NULL;
	slot = &vfs_current->slots[descriptor];
	return slot->file ? slot : NULL;
}

struct vfs_file *vfs_descriptor_get(int descriptor)
{
	struct vfs_slot *slot = vfs_descriptor_slot(descriptor);

	return slot ? vfs_file_get(slot->file) : NULL;
}

/* Have slots for a descriptor below the limit. */
static int reserve(unsigned descriptor)
{
	unsigned capacity = vfs_current->capacity;
	struct vfs_slot *slots;

	if (descriptor < vfs_current->capacity)
		return 0;
	while (capacity <= descriptor)
		capacity *= 2;
	slots = kern_alloc(capacity * sizeof *slots);
	if (!slots)
		return -ENOMEM;
	memcpy(slots, vfs_current->slots, vfs_current->capacity * sizeof *slots);
	if (vfs_current->capacity > VFS_FIRST_SLOTS) /* the first ones are not from kern_alloc */
		kern_free(vfs_current->slots);
	vfs_current->slots = slots;
	vfs_current->capacity = capacity;
	return 0;
}

int vfs_descriptor_add(struct vfs_file *file, int minimum, bool close_on_exec)
{
	bool from_first = (unsigned)minimum <= vfs_current->first_free;
	unsigned at = from_first ? vfs_current->first_free : (unsigned)minimum;
	int error;

	while (at < vfs_current->capacity && vfs_current->slots[at].file)
		at++;
	if (at >= vfs_current->limit)
		return -EMFILE;
	error = reserve(at);
	if (error)
		return error;
	vfs_current->slots[at] = (struct vfs_slot){ vfs_file_get(file), close_on_exec };
	if (from_first)
		vfs_current->first_free = at + 1;
	return (int)at;
}

int vfs_descriptor_set(int descriptor, struct vfs_file *file, bool close_on_exec)
{
	struct vfs_file *old;
	int error;

	if (descriptor < 0 || (unsigned)descriptor >= vfs_current->limit)
		return -EBADF;
	error = reserve((unsigned)descriptor);
	if (error)
		return error;
	old = vfs_current->slots[descriptor].file;
	vfs_current->slots[descriptor] = (struct vfs_slot){ vfs_file_get(file), close_on_exec };
	if (old)
		vfs_record_drop(old->node, vfs_current);
	vfs_file_put(old);
	return descriptor;
}

int vfs_descriptor_close(int descriptor)
{
	struct vfs_slot *slot = vfs_descriptor_slot(descriptor);
	struct vfs_file *file;

	if (!slot)
		return -EBADF;
	file = slot->file;
	*slot = (struct vfs_slot){ NULL, false };
	if ((unsigned)descriptor < vfs_current->first_free)
		vfs_current->first_free = (unsigned)descriptor;
	vfs_record_drop(file->node, vfs_current);
	vfs_file_put(file);
	return 0;
}
