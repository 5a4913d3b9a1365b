/*
 * mount.c - an ext2 volume's life: mounted, synced, left clean.
 */
#include "ext2.h"
#include "kern.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "rumpuser.h"

#define EXT2_SUPER_MAGIC 0xef53
#define CACHE_SHARE 8 /* of memory; an application's files may matter more, or less */

static struct ext2_volume *of(struct vfs_volume *volume)
{
	return (struct ext2_volume *)volume;
}

static int volume_sync(struct vfs_volume *volume)
{
	int error;

	vfs_mutex_enter(&volume->lock);
	error = ext2_flush(of(volume), true);
	vfs_mutex_exit(&volume->lock);
	return error;
}

static int volume_statfs(struct vfs_volume *volume, struct linux_statfs *statfs)
{
	struct ext2_volume *ext2 = of(volume);
	uint64_t overhead = (uint64_t)ext2->groups * (ext2->table_blocks + 2);

	statfs->f_type = EXT2_SUPER_MAGIC;
	statfs->f_bsize = statfs->f_frsize = ext2->block_bytes;
	statfs->f_blocks = ext2->blocks > overhead ? ext2->blocks - overhead : 0;
	statfs->f_bfree = ext2->free_blocks;
	statfs->f_bavail = ext2->free_blocks; /* root may use what is reserved */
	statfs->f_files = ext2->inodes;
	statfs->f_ffree = ext2->free_inodes;
	statfs->f_namelen = NAME_MAX;
	return 0;
}

static void volume_destroy(struct ext2_volume *volume)
{
	disk_view_put(&volume->super_view);
	for (size_t i = 0; i < volume->group_lines; i++)
		disk_view_put(&volume->group_views[i]);
	kern_free(volume->group_views);
	ext2_index_forget(volume);
	disk_close(&volume->disk);
	vfs_volume_deinit(&volume->volume);
	kern_free(volume);
}

static int volume_unmount(struct vfs_volume *volume)
{
	struct ext2_volume *ext2 = of(volume);
	int error = 0;

	ext2_flusher_stop(ext2);
	if (!volume->read_only)
		error = ext2_mark_clean(ext2);
	volume_destroy(ext2);
	return error;
}

/* Files that are open but have no name any more end with the guest. */
static void erase_nameless(struct ext2_volume *volume)
{
	for (size_t i = 0; i < EXT2_NODE_BUCKETS; i++)
		for (struct ext2_node *node = volume->buckets[i]; node; node = node->same_bucket)
			if (!node->node.nlink)
				ext2_node_erase(node);
}

static int volume_stop(struct vfs_volume *volume)
{
	int error = 0;

	vfs_mutex_enter(&volume->lock);
	if (!volume->read_only) {
		erase_nameless(of(volume));
		error = ext2_mark_clean(of(volume));
	}
	/* Nothing may be written behind the mark. */
	volume->read_only = true;
	vfs_mutex_exit(&volume->lock);
	return error;
}

static size_t volume_shrink(struct vfs_volume *volume, size_t pages)
{
	size_t line_pages = DISK_LINE_BYTES / VFS_PAGE_BYTES;

	return disk_shrink(&of(volume)->disk, (pages + line_pages - 1) / line_pages) * line_pages;
}

static const struct vfs_volume_ops volume_ops = {
	.sync = volume_sync,
	.statfs = volume_statfs,
	.unmount = volume_unmount,
	.stop = volume_stop,
	.shrink = volume_shrink,
};

static int open_root(struct ext2_volume *volume, struct vfs_node **root)
{
	int error = ext2_node_get(volume, EXT2_ROOT_INODE, root);

	if (error)
		return error;
	if (!S_ISDIR((*root)->mode)) {
		vfs_node_put(*root);
		return -EINVAL;
	}
	(*root)->parent = *root;
	return 0;
}

/* From here on a crash leaves the mark that e2fsck looks for. */
static int begin_writing(struct ext2_volume *volume)
{
	volume->state_at_mount = volume->super->state;
	if (!(volume->state_at_mount & EXT2_STATE_VALID) ||
	    (volume->state_at_mount & EXT2_STATE_ERROR))
		rumpuser_dprintf("rumpkit: %s was not unmounted in order: run e2fsck on it\n",
		    volume->name);
	return ext2_mark_dirty(volume);
}

static int mount_opened(struct ext2_volume *volume, const char *source, struct vfs_node **root)
{
	int error = ext2_super_read(volume, source);

	if (!error)
		error = open_root(volume, root);
	if (error || volume->volume.read_only)
		return error;
	error = begin_writing(volume);
	if (error)
		vfs_node_put(*root);
	else
		ext2_flusher_start(volume);
	return error;
}

int ext2_mount(const char *source, bool read_only, struct vfs_node **root)
{
	struct ext2_volume *volume = kern_alloc(sizeof *volume);
	size_t cache_bytes = rumpcomp_vm_total_pages() / CACHE_SHARE * VFS_PAGE_BYTES;
	int error;

	if (!volume)
		return -ENOMEM;
	error = disk_open(&volume->disk, source, read_only, cache_bytes);
	if (error == -EROFS) {
		rumpuser_dprintf("rumpkit: %s cannot be written: mounted read-only\n", source);
		read_only = true;
		error = disk_open(&volume->disk, source, read_only, cache_bytes);
	}
	if (error) {
		kern_free(volume);
		return error;
	}
	volume->disk.make_room = ext2_make_room;
	volume->disk.argument = volume;
	vfs_volume_init(&volume->volume, &volume_ops);
	volume->volume.read_only = read_only;
	error = mount_opened(volume, source, root);
	if (error) {
		disk_discard(&volume->disk);
		volume_destroy(volume);
	}
	return error;
}
