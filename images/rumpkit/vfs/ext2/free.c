/*
 * free.c - blocks and inodes that are given up.
 *
 * On the disk something may still refer to them until the next flush has ended.  Until
 * then they wait in a list and stay marked as used, so that nobody gets them; a crash
 * before leaves blocks that belong to nobody, which is the harmless kind of damage.
 */
#include "ext2.h"
#include "rumplib.h"

static int pending_add(struct ext2_volume *volume, struct ext2_range range)
{
	struct ext2_range *last = volume->pending + volume->pending_count - 1;

	if (volume->pending_count && range.count && last->count &&
	    last->start + last->count == range.start) {
		last->count += range.count;
		return 0;
	}
	if (volume->pending_count == EXT2_PENDING) {
		int error = ext2_flush(volume, false);

		if (error)
			return error;
		if (volume->pending_count == EXT2_PENDING) /* within a flush: left as used */
			return -ENOSPC;
	}
	volume->pending[volume->pending_count++] = range;
	return 0;
}

int ext2_block_free(struct ext2_volume *volume, uint32_t block)
{
	int error;

	if (!ext2_block_valid(volume, block))
		return ext2_broken(volume, "a file has a block outside of the file system", block);
	disk_forget(&volume->disk, (uint64_t)block << volume->block_shift, volume->block_bytes);
	error = pending_add(volume, (struct ext2_range){ block, 1, false });
	if (!error)
		volume->free_blocks++;
	return error;
}

int ext2_inode_free(struct ext2_volume *volume, uint32_t inode, bool directory)
{
	int error = pending_add(volume, (struct ext2_range){ inode, 0, directory });

	if (!error)
		volume->free_inodes++;
	return error;
}

static void groups_dirty(struct ext2_volume *volume)
{
	for (size_t i = 0; i < volume->group_lines; i++)
		disk_view_dirty(&volume->disk, &volume->group_views[i], DISK_DATA);
}

static int clear(struct ext2_volume *volume, uint32_t bitmap, uint32_t bit)
{
	struct disk_view view;
	int error = ext2_block_view(volume, bitmap, false, &view);

	if (error)
		return error;
	if (!(view.data[bit / 8] >> bit % 8 & 1)) {
		disk_view_put(&view);
		return ext2_broken(volume, "something is freed that is free, in bitmap", bitmap);
	}
	view.data[bit / 8] &= (uint8_t)~(1u << bit % 8);
	disk_view_dirty(&volume->disk, &view, DISK_DATA);
	disk_view_put(&view);
	return 0;
}

static int apply_block(struct ext2_volume *volume, uint32_t block)
{
	uint32_t group = (block - volume->first_block) / volume->blocks_per_group;
	uint32_t bit = (block - volume->first_block) % volume->blocks_per_group;
	int error = clear(volume, ext2_group(volume, group)->block_bitmap, bit);

	if (!error)
		ext2_group(volume, group)->free_blocks++;
	return error;
}

static int apply_inode(struct ext2_volume *volume, uint32_t inode, bool directory)
{
	uint32_t group = (inode - 1) / volume->inodes_per_group;
	uint32_t bit = (inode - 1) % volume->inodes_per_group;
	int error = clear(volume, ext2_group(volume, group)->inode_bitmap, bit);

	if (error)
		return error;
	ext2_group(volume, group)->free_inodes++;
	if (directory && ext2_group(volume, group)->directories)
		ext2_group(volume, group)->directories--;
	return 0;
}

void ext2_pending_apply(struct ext2_volume *volume)
{
	unsigned count = volume->pending_count;
	int error = 0;

	for (unsigned i = 0; i < count && !error; i++) {
		const struct ext2_range *range = &volume->pending[i];

		if (!range->count)
			error = apply_inode(volume, range->start, range->directory);
		for (uint32_t n = 0; n < range->count && !error; n++)
			error = apply_block(volume, range->start + n);
	}
	volume->pending_count = 0;
	if (count)
		groups_dirty(volume);
	if (error && !volume->broken)
		ext2_broken(volume, "a bitmap cannot be read", 0);
}
