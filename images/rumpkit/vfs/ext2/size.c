/*
 * size.c - lengths and holes of regular files.
 */
#include "ext2.h"
#include "rumplib.h"

/* Zeroes in one block, if the file has it. */
static int zero_part(struct ext2_node *node, uint64_t offset, uint64_t bytes)
{
	struct ext2_volume *volume = ext2_volume_of(&node->node);
	uint32_t into = (uint32_t)(offset & (volume->block_bytes - 1)), block, run = 1;
	struct disk_view view;
	int error = ext2_map(node, offset >> volume->block_shift, &block, &run);

	if (bytes > volume->block_bytes - into)
		bytes = volume->block_bytes - into;
	if (error || !block || !bytes)
		return error;
	error = ext2_block_view(volume, block, false, &view);
	if (error)
		return error;
	memset(view.data + into, 0, bytes);
	disk_view_dirty(&volume->disk, &view, DISK_DATA);
	disk_view_put(&view);
	return 0;
}

static uint64_t blocks_of(const struct ext2_volume *volume, uint64_t bytes)
{
	return (bytes + volume->block_bytes - 1) >> volume->block_shift;
}

static int resize(struct ext2_node *node, uint64_t size_bytes)
{
	struct ext2_volume *volume = ext2_volume_of(&node->node);
	uint64_t old_bytes = node->node.size_bytes;
	uint64_t edge = size_bytes < old_bytes ? size_bytes : old_bytes;
	int error = 0;

	if (node->flags & EXT2_FLAG_EXTENTS)
		return -EOPNOTSUPP;
	if (size_bytes > ext2_most_bytes(volume))
		return -EFBIG;
	/* Behind the end all is zero, or will be when the file grows again. */
	if (edge & (volume->block_bytes - 1))
		error = zero_part(node, edge, volume->block_bytes);
	if (error)
		return error;
	node->node.size_bytes = size_bytes;
	ext2_touch_now(node, VFS_MODIFIED | VFS_CHANGED);
	if (size_bytes < old_bytes)
		return ext2_unmap(node, blocks_of(volume, size_bytes), UINT64_MAX);
	return ext2_node_store(node);
}

int ext2_file_resize(struct vfs_node *node, uint64_t size_bytes)
{
	int error;

	ext2_enter(node);
	error = ext2_throttle(ext2_volume_of(node));
	if (!error)
		error = resize(ext2_node_of(node), size_bytes);
	ext2_exit(node);
	return error;
}

/* One block for allocate: zeroes where there was a hole. */
static int fill(struct ext2_node *node, uint64_t index)
{
	struct ext2_volume *volume = ext2_volume_of(&node->node);
	struct disk_view view;
	uint32_t block;
	bool made;
	int error = ext2_map_make(node, index, &block, &made);

	if (error || !made)
		return error;
	error = ext2_block_view(volume, block, true, &view);
	if (error) {
		ext2_unmap(node, index, index + 1);
		return error;
	}
	memset(view.data, 0, volume->block_bytes);
	disk_view_dirty(&volume->disk, &view, DISK_DATA);
	disk_view_put(&view);
	return ext2_throttle(volume);
}

static int allocate(struct ext2_node *node, uint64_t offset, uint64_t bytes)
{
	struct ext2_volume *volume = ext2_volume_of(&node->node);
	uint64_t index = offset >> volume->block_shift, end = blocks_of(volume, offset + bytes);
	int error = 0;

	if (offset + bytes > ext2_most_bytes(volume))
		return -EFBIG;
	if (end - index > volume->free_blocks + blocks_of(volume, node->node.size_bytes))
		return -ENOSPC;
	for (; index < end && !error; index++)
		error = fill(node, index);
	if (!error && offset + bytes > node->node.size_bytes)
		node->node.size_bytes = offset + bytes;
	if (error) /* a file has no blocks behind its end */
		ext2_unmap(node, blocks_of(volume, node->node.size_bytes), UINT64_MAX);
	ext2_touch_now(node, VFS_MODIFIED | VFS_CHANGED);
	if (ext2_node_store(node) && !error)
		error = -EIO;
	return error;
}

int ext2_file_allocate(struct vfs_node *node, uint64_t offset, uint64_t bytes)
{
	int error = vfs_node_writable(node);

	if (error)
		return error;
	ext2_enter(node);
	error = allocate(ext2_node_of(node), offset, bytes);
	ext2_exit(node);
	return error;
}

static int punch(struct ext2_node *node, uint64_t offset, uint64_t end)
{
	struct ext2_volume *volume = ext2_volume_of(&node->node);
	uint64_t mask = volume->block_bytes - 1;
	uint64_t first = blocks_of(volume, offset), last = end >> volume->block_shift;
	int error = 0;

	if (first > last)
		return zero_part(node, offset, end - offset);
	if (offset & mask)
		error = zero_part(node, offset, volume->block_bytes);
	if (!error && (end & mask))
		error = zero_part(node, end & ~mask, end & mask);
	if (!error && first < last)
		error = ext2_unmap(node, first, last);
	return error;
}

int ext2_file_punch(struct vfs_node *node, uint64_t offset, uint64_t bytes)
{
	struct ext2_node *ext2 = ext2_node_of(node);
	int error = vfs_node_writable(node);

	if (error)
		return error;
	ext2_enter(node);
	error = punch(ext2, offset, offset + bytes);
	if (!error) {
		ext2_touch_now(ext2, VFS_MODIFIED | VFS_CHANGED);
		error = ext2_node_store(ext2);
	}
	ext2_exit(node);
	return error;
}

uint64_t ext2_file_seek(struct vfs_node *node, uint64_t offset, bool data)
{
	struct ext2_volume *volume = ext2_volume_of(node);
	uint64_t index = offset >> volume->block_shift, end, found;
	uint32_t block, run;

	ext2_enter(node);
	end = blocks_of(volume, node->size_bytes);
	for (; index < end; index += run) {
		run = end - index < UINT32_MAX ? (uint32_t)(end - index) : UINT32_MAX;
		if (ext2_map(ext2_node_of(node), index, &block, &run) || !block == !data)
			break;
	}
	found = index << volume->block_shift;
	if (found > node->size_bytes || index >= end)
		found = node->size_bytes;
	ext2_exit(node);
	return found > offset ? found : offset;
}
