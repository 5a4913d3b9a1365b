/*
 * files_list.c - reading directories: getdents64.
 */
#include "call.h"
#include "files.h"
#include "files_path.h"
#include "kern.h"
#include "rumplib.h"

struct listing {
	char *records;
	size_t used_bytes, room_bytes;
};

static uint8_t type_of(uint32_t mode)
{
	return (uint8_t)((mode & S_IFMT) >> 12);
}

static bool add_record(void *argument, struct vfs_name name, uint64_t number, uint32_t mode,
    uint64_t next_position)
{
	struct listing *listing = argument;
	size_t bytes = (offsetof(struct linux_dirent64, d_name) + name.bytes + 1 + 7) & ~7ul;
	struct linux_dirent64 *record;

	if (bytes > listing->room_bytes - listing->used_bytes)
		return false;
	record = (struct linux_dirent64 *)(listing->records + listing->used_bytes);
	record->d_ino = number;
	record->d_off = (int64_t)next_position;
	record->d_reclen = (uint16_t)bytes;
	record->d_type = type_of(mode);
	memcpy(record->d_name, name.text, name.bytes);
	record->d_name[name.bytes] = 0;
	listing->used_bytes += bytes;
	return true;
}

static long list(struct vfs_file *file, long user, size_t bytes)
{
	struct listing listing = { .room_bytes = bytes < VFS_PAGE_BYTES ? bytes : VFS_PAGE_BYTES };
	uint64_t position = file->position;
	long result;

	listing.records = kern_alloc(VFS_PAGE_BYTES);
	if (!listing.records)
		return -ENOMEM;
	result = file->node->ops->list(file->node, &position, add_record, &listing);
	if (!result && !listing.used_bytes && listing.room_bytes < sizeof(struct linux_dirent64) + NAME_MAX + 1) {
		/* Nothing was listed: at the end, or the first entry does not fit? */
		listing.room_bytes = VFS_PAGE_BYTES;
		file->node->ops->list(file->node, &position, add_record, &listing);
		result = listing.used_bytes ? -EINVAL : 0;
		listing.used_bytes = 0;
	}
	if (!result && kern_copyout(listing.records, (void *)user, listing.used_bytes))
		result = -EFAULT;
	if (!result) {
		file->position = position;
		result = (long)listing.used_bytes;
		vfs_node_touch(file->node, VFS_ACCESSED);
	}
	kern_free(listing.records);
	return result;
}

SYSCALL(getdents64)
{
	struct vfs_file *file = vfs_descriptor_get((int)a);
	long result;

	if (!file)
		return -EBADF;
	if (file->flags & O_PATH)
		result = -EBADF;
	else if (!S_ISDIR(file->node->mode))
		result = -ENOTDIR;
	else if (!file->node->nlink)
		result = -ENOENT;
	else
		result = list(file, b, (size_t)c);
	vfs_file_put(file);
	return result;
}
