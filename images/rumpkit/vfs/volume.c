/*
 * volume.c - all file systems that are in use: numbers, sync, statfs, the end.
 */
#include "kern.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "vfs.h"
#include "vfs_volume.h"

#define FIRST_NUMBER 0x800 /* as the first disk's major number 8 would give */

static struct vfs_volume *volumes;

void vfs_volume_init(struct vfs_volume *volume, const struct vfs_volume_ops *ops)
{
	static uint32_t last_number = FIRST_NUMBER;
	struct vfs_volume **end = &volumes;

	volume->ops = ops;
	volume->number = ++last_number;
	vfs_mutex_init(&volume->lock);
	while (*end)
		end = &(*end)->next;
	*end = volume;
}

void vfs_volume_deinit(struct vfs_volume *volume)
{
	struct vfs_volume **at = &volumes;

	while (*at != volume)
		at = &(*at)->next;
	*at = volume->next;
	vfs_mutex_destroy(&volume->lock);
}

static int statfs_memory(struct linux_statfs *statfs)
{
	uint64_t total = rumpcomp_vm_total_pages(), left = rumpcomp_vm_free_pages();

	statfs->f_type = TMPFS_MAGIC;
	statfs->f_bsize = statfs->f_frsize = VFS_PAGE_BYTES;
	statfs->f_blocks = total / 2; /* tmpfs may have half, see tmpfs.c */
	statfs->f_bfree = statfs->f_bavail = left < total / 2 ? left : total / 2;
	statfs->f_files = total;
	statfs->f_ffree = left;
	statfs->f_namelen = NAME_MAX;
	return 0;
}

#define ST_RDONLY 1
#define ST_VALID 32

int vfs_statfs(struct vfs_node *node, struct linux_statfs *statfs)
{
	struct vfs_volume *volume = node->volume;
	int error;

	memset(statfs, 0, sizeof *statfs);
	if (!volume)
		return statfs_memory(statfs);
	error = volume->ops->statfs(volume, statfs);
	statfs->f_fsid[0] = (int32_t)volume->number;
	statfs->f_flags = ST_VALID | (volume->read_only ? ST_RDONLY : 0);
	return error;
}

int vfs_sync(void)
{
	struct vfs_volume *volume;
	int first = 0, error;

	for (volume = volumes; volume; volume = volume->next) {
		error = volume->ops->sync(volume);
		if (!first)
			first = error;
	}
	return first;
}

void vfs_stop(void)
{
	static bool stopped;
	struct vfs_volume *volume;

	if (stopped)
		return;
	stopped = true;
	for (volume = volumes; volume; volume = volume->next)
		volume->ops->stop(volume);
}

size_t vfs_shrink(size_t pages)
{
	struct vfs_volume *volume;
	size_t given = 0;

	for (volume = volumes; volume && given < pages; volume = volume->next)
		if (volume->ops->shrink)
			given += volume->ops->shrink(volume, pages - given);
	return given;
}
