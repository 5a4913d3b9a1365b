/*
 * alloc.c - finding free blocks and inodes in the bitmaps of the groups.
 *
 * A bitmap may be wrong: a block that is said to be free, but holds a bitmap or a table
 * of its group, is never given away.
 */
#include "ext2.h"
#include "rumplib.h"
#include "rumpuser.h"

static uint32_t group_of(const struct ext2_volume *volume, uint32_t block)
{
	return (block - volume->first_block) / volume->blocks_per_group;
}

/* Blocks of a group; the last one is shorter. */
static uint32_t group_blocks(const struct ext2_volume *volume, uint32_t group)
{
	uint32_t start = volume->first_block + group * volume->blocks_per_group;
	uint32_t left = volume->blocks - start;

	return left < volume->blocks_per_group ? left : volume->blocks_per_group;
}

/* The first clear bit of [from, end), or end. */
static uint32_t clear_bit(const uint8_t *bits, uint32_t from, uint32_t end)
{
	while (from < end) {
		if (from % 64 == 0 && from + 64 <= end && *(const uint64_t *)(bits + from / 8) == ~0ull)
			from += 64;
		else if (from % 8 == 0 && bits[from / 8] == 0xff)
			from += 8;
		else if (bits[from / 8] >> from % 8 & 1)
			from++;
		else
			break;
	}
	return from < end ? from : end;
}

static bool is_metadata(struct ext2_volume *volume, uint32_t group, uint32_t block)
{
	const struct ext2_group *at = ext2_group(volume, group);

	return block == at->block_bitmap || block == at->inode_bitmap ||
	    block - at->inode_table < volume->table_blocks || block <= volume->first_block;
}

static void groups_dirty(struct ext2_volume *volume)
{
	for (size_t i = 0; i < volume->group_lines; i++)
		disk_view_dirty(&volume->disk, &volume->group_views[i], DISK_DATA);
}

/* Take a free block of this group at or after a bit.  -ENOSPC: it has none. */
static int take_block(struct ext2_volume *volume, uint32_t group, uint32_t from, uint32_t *block)
{
	struct ext2_group *at = ext2_group(volume, group);
	uint32_t end = group_blocks(volume, group), bit;
	struct disk_view view;
	int error;

	if (!at->free_blocks)
		return -ENOSPC;
	error = ext2_block_view(volume, at->block_bitmap, false, &view);
	if (error)
		return error;
	bit = clear_bit(view.data, from, end);
	if (bit >= end && from)
		bit = clear_bit(view.data, 0, end);
	if (bit < end) {
		*block = volume->first_block + group * volume->blocks_per_group + bit;
		if (is_metadata(volume, group, *block)) {
			disk_view_put(&view);
			return ext2_broken(volume, "a bitmap calls a table's block free", *block);
		}
		view.data[bit / 8] |= (uint8_t)(1u << bit % 8);
		at->free_blocks--;
		disk_view_dirty(&volume->disk, &view, DISK_DATA);
		groups_dirty(volume);
	}
	disk_view_put(&view);
	return bit < end ? 0 : -ENOSPC;
}

static int block_alloc(struct ext2_volume *volume, uint32_t goal, uint32_t *block)
{
	uint32_t first, from, group;
	int error = -ENOSPC;

	if (goal < volume->first_block || goal >= volume->blocks)
		goal = volume->first_block;
	first = group_of(volume, goal);
	from = (goal - volume->first_block) % volume->blocks_per_group;
	for (uint32_t i = 0; i < volume->groups && error == -ENOSPC; i++) {
		group = (first + i) % volume->groups;
		error = take_block(volume, group, i ? 0 : from, block);
	}
	return error;
}

int ext2_block_alloc(struct ext2_volume *volume, uint32_t goal, uint32_t *block)
{
	int error = block_alloc(volume, goal, block);

	/* What was freed a moment ago can be used after a flush. */
	if (error == -ENOSPC && volume->pending_count) {
		error = ext2_flush(volume, false);
		if (!error)
			error = block_alloc(volume, goal, block);
	}
	if (!error)
		volume->free_blocks--;
	return error;
}

/* ---- inodes ----------------------------------------------------------------------------- */

/* A directory goes where there is room, a file to its directory. */
static uint32_t group_for(struct ext2_volume *volume, uint32_t parent, bool directory)
{
	uint32_t group = (parent - 1) / volume->inodes_per_group, best = group;

	if (!directory)
		return group;
	for (uint32_t i = 0; i < volume->groups; i++) {
		uint32_t other = (group + i) % volume->groups;

		if (ext2_group(volume, other)->free_blocks > ext2_group(volume, best)->free_blocks &&
		    ext2_group(volume, other)->free_inodes)
			best = other;
	}
	return best;
}

static int take_inode(struct ext2_volume *volume, uint32_t group, bool directory, uint32_t *inode)
{
	struct ext2_group *at = ext2_group(volume, group);
	uint32_t from = group ? 0 : volume->first_inode - 1, bit;
	struct disk_view view;
	int error;

	if (!at->free_inodes)
		return -ENOSPC;
	error = ext2_block_view(volume, at->inode_bitmap, false, &view);
	if (error)
		return error;
	bit = clear_bit(view.data, from, volume->inodes_per_group);
	if (bit < volume->inodes_per_group) {
		*inode = group * volume->inodes_per_group + bit + 1;
		view.data[bit / 8] |= (uint8_t)(1u << bit % 8);
		at->free_inodes--;
		if (directory)
			at->directories++;
		disk_view_dirty(&volume->disk, &view, DISK_DATA);
		groups_dirty(volume);
	}
	disk_view_put(&view);
	return bit < volume->inodes_per_group ? 0 : -ENOSPC;
}

static int inode_alloc(struct ext2_volume *volume, uint32_t parent, bool directory,
    uint32_t *inode)
{
	uint32_t first = group_for(volume, parent, directory);
	int error = -ENOSPC;

	for (uint32_t i = 0; i < volume->groups && error == -ENOSPC; i++)
		error = take_inode(volume, (first + i) % volume->groups, directory, inode);
	return error;
}

int ext2_inode_alloc(struct ext2_volume *volume, uint32_t parent, bool directory,
    uint32_t *inode)
{
	int error = inode_alloc(volume, parent, directory, inode);

	if (error == -ENOSPC && volume->pending_count) {
		error = ext2_flush(volume, false);
		if (!error)
			error = inode_alloc(volume, parent, directory, inode);
	}
	if (!error)
		volume->free_inodes--;
	return error;
}
