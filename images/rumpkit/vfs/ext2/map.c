/*
 * map.c - which block of the disk holds a block of a file.
 *
 * Twelve direct blocks; then trees of one, two and three levels of blocks that list
 * blocks.
 */
#include "ext2.h"
#include "rumplib.h"

#define LEVELS 3

/* How to get to a block: the slot in the inode, then one in each table. */
struct path {
	unsigned levels;            /* tables on the way */
	unsigned first;             /* slot in the inode */
	uint32_t slot[LEVELS];
};

static bool find_path(const struct ext2_volume *volume, uint64_t index, struct path *path)
{
	unsigned bits = volume->block_shift - 2;
	uint32_t mask = (1u << bits) - 1;

	if (index < EXT2_DIRECT) {
		path->levels = 0;
		path->first = (unsigned)index;
		return true;
	}
	index -= EXT2_DIRECT;
	for (path->levels = 1; path->levels <= LEVELS; path->levels++) {
		uint64_t span = 1ull << (bits * path->levels);

		if (index < span) {
			path->first = EXT2_DIRECT + path->levels - 1;
			for (unsigned i = 0; i < path->levels; i++)
				path->slot[i] = (uint32_t)(index >> (bits * (path->levels - 1 - i))) & mask;
			return true;
		}
		index -= span;
	}
	return false;
}

uint64_t ext2_most_bytes(const struct ext2_volume *volume)
{
	unsigned bits = volume->block_shift - 2;
	uint64_t blocks = EXT2_DIRECT + (1ull << bits) + (1ull << 2 * bits) + (1ull << 3 * bits);
	/* i_blocks counts sectors in 32 bits, with the tables. */
	uint64_t most = (1ull << 32) / (volume->block_bytes / 512) * 63 / 64;

	return (blocks < most ? blocks : most) << volume->block_shift;
}

static int check(struct ext2_node *node, uint32_t block)
{
	struct ext2_volume *volume = ext2_volume_of(&node->node);

	return !block || ext2_block_valid(volume, block) ? 0 :
	    ext2_broken(volume, "a block outside of the file system, in inode", node->inode);
}

/* How many slots from here go on as the first one does: holes, or neighbours. */
static uint32_t run_of(const uint32_t *slots, uint32_t count, uint32_t most)
{
	uint32_t run = 1;

	if (most > count)
		most = count;
	while (run < most && slots[run] == (slots[0] ? slots[0] + run : 0))
		run++;
	return run;
}

/* The rest of a missing table's range is a hole. */
static uint32_t missing_run(const struct ext2_volume *volume, const struct path *path,
    unsigned level, uint32_t most)
{
	unsigned bits = volume->block_shift - 2;
	uint64_t left = 1ull << (bits * (path->levels - level));

	for (unsigned i = level; i < path->levels; i++)
		left -= (uint64_t)path->slot[i] << (bits * (path->levels - 1 - i));
	return left < most ? (uint32_t)left : most;
}

int ext2_map(struct ext2_node *node, uint64_t index, uint32_t *block, uint32_t *run)
{
	struct ext2_volume *volume = ext2_volume_of(&node->node);
	uint32_t slots = volume->block_bytes / 4;
	struct disk_view view;
	struct path path;
	int error;

	if (node->flags & EXT2_FLAG_EXTENTS)
		return ext2_extent_map(node, index, block, run);
	if (!find_path(volume, index, &path)) {
		*block = 0;
		return 0;
	}
	*block = node->block[path.first];
	if (!path.levels)
		*run = run_of(node->block + path.first, EXT2_DIRECT - path.first, *run);
	for (unsigned level = 0; level < path.levels; level++) {
		if (!*block) {
			*run = missing_run(volume, &path, level, *run);
			return 0;
		}
		error = check(node, *block);
		if (!error)
			error = ext2_block_view(volume, *block, false, &view);
		if (error)
			return error;
		*block = ((uint32_t *)view.data)[path.slot[level]];
		if (level == path.levels - 1)
			*run = run_of((uint32_t *)view.data + path.slot[level],
			    slots - path.slot[level], *run);
		disk_view_put(&view);
	}
	if (*block && !ext2_block_valid(volume, (uint64_t)*block + *run - 1))
		*run = 1;
	return check(node, *block);
}

/* ---- making ------------------------------------------------------------------------------ */

/* A new block near the last one of this file; a table begins empty. */
static int take_block(struct ext2_node *node, bool table, uint32_t *block)
{
	struct ext2_volume *volume = ext2_volume_of(&node->node);
	struct disk_view view;
	int error = ext2_block_alloc(volume, node->goal, block);

	if (error)
		return error;
	if (table) {
		error = ext2_block_view(volume, *block, true, &view);
		if (error) {
			ext2_block_free(volume, *block);
			return error;
		}
		memset(view.data, 0, volume->block_bytes);
		/* Nothing on the disk refers to it yet: it goes before what will. */
		disk_view_dirty(&volume->disk, &view, DISK_DATA);
		disk_view_put(&view);
	}
	node->goal = *block + 1;
	node->sectors += volume->block_bytes / 512;
	return 0;
}

int ext2_map_make(struct ext2_node *node, uint64_t index, uint32_t *block, bool *made)
{
	struct ext2_volume *volume = ext2_volume_of(&node->node);
	struct disk_view view;
	struct path path;
	uint32_t *slot;
	int error = 0;

	*made = false;
	if (!find_path(volume, index, &path))
		return -EFBIG;
	if (!node->block[path.first]) {
		error = take_block(node, path.levels, &node->block[path.first]);
		*made = !error && !path.levels;
	}
	*block = node->block[path.first];
	for (unsigned level = 0; level < path.levels && !error; level++) {
		error = check(node, *block);
		if (!error)
			error = ext2_block_view(volume, *block, false, &view);
		if (error)
			break;
		slot = (uint32_t *)view.data + path.slot[level];
		if (!*slot) {
			uint32_t taken = 0;

			error = take_block(node, level + 1 < path.levels, &taken);
			if (!error) {
				*slot = taken;
				disk_view_dirty(&volume->disk, &view, DISK_INODE);
				*made = level + 1 == path.levels;
			}
		}
		*block = *slot;
		disk_view_put(&view);
	}
	if (!error && !*made)
		node->goal = *block + 1;
	return error ? error : check(node, *block);
}
