/*
 * ops.c - the node operations of each type, and attributes.
 */
#include "device.h"
#include "ext2.h"
#include "ext2_name.h"
#include "kern.h"
#include "pipe.h"
#include "rumplib.h"

void ext2_changed(struct vfs_node *node, int which)
{
	(void)which;
	ext2_enter(node);
	ext2_node_store(ext2_node_of(node));
	ext2_exit(node);
}

int ext2_set(struct vfs_node *node, const struct vfs_change *change)
{
	int error;

	ext2_enter(node);
	vfs_node_take(node, change);
	node->changed_ns = kern_wall_ns();
	error = ext2_node_store(ext2_node_of(node));
	ext2_exit(node);
	return error;
}

int ext2_sync(struct vfs_node *node, bool data)
{
	int error;

	(void)data; /* times cost one sector more */
	ext2_enter(node);
	error = ext2_flush(ext2_volume_of(node), true);
	ext2_exit(node);
	return error;
}

static uint64_t sectors(struct vfs_node *node)
{
	return ext2_node_of(node)->sectors;
}

/* ---- symbolic links ------------------------------------------------------------------------ */

bool ext2_link_is_short(const struct ext2_node *ext2)
{
	uint64_t attributes = ext2->attribute_block ?
	    ext2_volume_of(&ext2->node)->block_bytes / 512 : 0;

	return ext2->sectors == attributes && ext2->node.size_bytes < sizeof ext2->block;
}

int ext2_link_init(struct ext2_node *ext2, struct vfs_name target)
{
	struct ext2_volume *volume = ext2_volume_of(&ext2->node);
	struct disk_view view;
	uint32_t block;
	bool made;
	int error;

	if (target.bytes >= volume->block_bytes)
		return -ENAMETOOLONG;
	if (target.bytes < sizeof ext2->block) {
		memcpy(ext2->block, target.text, target.bytes);
		ext2->node.size_bytes = target.bytes;
		return 0;
	}
	error = ext2_map_make(ext2, 0, &block, &made);
	if (!error)
		error = ext2_block_view(volume, block, true, &view);
	if (error)
		return error;
	memset(view.data, 0, volume->block_bytes);
	memcpy(view.data, target.text, target.bytes);
	disk_view_dirty(&volume->disk, &view, DISK_DATA);
	disk_view_put(&view);
	ext2->node.size_bytes = target.bytes;
	return 0;
}

static int read_target(struct ext2_node *ext2, char *text)
{
	struct ext2_volume *volume = ext2_volume_of(&ext2->node);
	struct disk_view view;
	uint32_t block, run = 1;
	int error;

	if (ext2_link_is_short(ext2)) {
		memcpy(text, ext2->block, ext2->node.size_bytes);
		return 0;
	}
	error = ext2_map(ext2, 0, &block, &run);
	if (!error && !block)
		error = -EIO;
	if (!error)
		error = ext2_block_view(volume, block, false, &view);
	if (error)
		return error;
	memcpy(text, view.data, ext2->node.size_bytes);
	disk_view_put(&view);
	return 0;
}

/* Read once; it never changes. */
static const char *link_target(struct vfs_node *node)
{
	struct ext2_node *ext2 = ext2_node_of(node);
	char *text;

	if (ext2->target || node->size_bytes >= ext2_volume_of(node)->block_bytes)
		return ext2->target;
	ext2_enter(node);
	text = ext2->target ? NULL : kern_alloc(node->size_bytes + 1);
	if (text && !read_target(ext2, text))
		ext2->target = text;
	else
		kern_free(text);
	ext2_exit(node);
	return ext2->target;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static int fifo_open(struct vfs_node *node, struct vfs_file *file)
{
	return vfs_fifo_open(&ext2_node_of(node)->pipe, file);
}

#define EVERY_NODE \
	.changed = ext2_changed, .set = ext2_set, .sync = ext2_sync, .blocks = sectors, \
	.destroy = ext2_node_destroy

static const struct vfs_node_ops file_ops = {
	.read_at = ext2_file_read,
	.write_at = ext2_file_write,
	.resize = ext2_file_resize,
	.allocate = ext2_file_allocate,
	.punch = ext2_file_punch,
	.seek = ext2_file_seek,
	EVERY_NODE,
};
static const struct vfs_node_ops directory_ops = {
	.lookup = ext2_lookup,
	.create = ext2_create,
	.make = ext2_make,
	.link = ext2_link,
	.unlink = ext2_unlink,
	.rename = ext2_rename,
	.empty = ext2_directory_empty,
	.list = ext2_directory_list,
	EVERY_NODE,
};
static const struct vfs_node_ops link_ops = { .target = link_target, EVERY_NODE };
static const struct vfs_node_ops fifo_ops = { .open = fifo_open, EVERY_NODE };
static const struct vfs_node_ops socket_ops = { .open = vfs_socket_name_open, EVERY_NODE };
static const struct vfs_node_ops device_ops = { .open = vfs_device_open, EVERY_NODE };

static const struct vfs_node_ops *const ops[VFS_TYPES] = {
	[VFS_TYPE(S_IFREG)] = &file_ops,
	[VFS_TYPE(S_IFDIR)] = &directory_ops,
	[VFS_TYPE(S_IFLNK)] = &link_ops,
	[VFS_TYPE(S_IFIFO)] = &fifo_ops,
	[VFS_TYPE(S_IFSOCK)] = &socket_ops,
	[VFS_TYPE(S_IFCHR)] = &device_ops,
	[VFS_TYPE(S_IFBLK)] = &device_ops,
};

const struct vfs_node_ops *ext2_ops_of(uint32_t mode)
{
	return ops[VFS_TYPE(mode)];
}
