/*
 * truncate.c - taking blocks away from a file.
 *
 * Always first the reference, then the block: at no moment does something in the cache
 * refer to a block that is in the list of what is free.
 */
#include "ext2.h"
#include "rumplib.h"

struct cut {
	struct ext2_node *node;
	struct ext2_volume *volume;
	uint64_t first, end; /* blocks of the file that go */
};

static int give_up(struct cut *cut, uint32_t block)
{
	uint64_t sectors = cut->volume->block_bytes / 512;

	cut->node->sectors -= cut->node->sectors < sectors ? cut->node->sectors : sectors;
	return ext2_block_free(cut->volume, block);
}

static bool all_zero(const uint32_t *slots, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (slots[i])
			return false;
	return true;
}

static int cut_table(struct cut *cut, uint32_t table, unsigned level, uint64_t base, bool *empty);

/* One slot of a table that is in view, its range beginning at base. */
static int cut_slot(struct cut *cut, uint32_t *slot, const struct disk_view *view,
    unsigned level, uint64_t base)
{
	uint32_t block = *slot;
	bool empty = true;
	int error = 0;

	if (level)
		error = cut_table(cut, block, level, base, &empty);
	if (error || !empty)
		return error;
	*slot = 0;
	disk_view_dirty(&cut->volume->disk, view, DISK_INODE);
	return give_up(cut, block);
}

/* A table whose slots lead over level - 1 more tables; base: its first block's index. */
static int cut_table(struct cut *cut, uint32_t table, unsigned level, uint64_t base, bool *empty)
{
	unsigned bits = cut->volume->block_shift - 2;
	uint64_t span = 1ull << (bits * (level - 1));
	uint32_t slots = 1u << bits;
	struct disk_view view;
	int error;

	if (!ext2_block_valid(cut->volume, table))
		return ext2_broken(cut->volume, "a block outside of the file system, in inode",
		    cut->node->inode);
	error = ext2_block_view(cut->volume, table, false, &view);
	if (error)
		return error;
	for (uint32_t i = 0; i < slots && !error; i++) {
		uint32_t *slot = (uint32_t *)view.data + i;
		uint64_t from = base + i * span;

		if (*slot && from < cut->end && from + span > cut->first)
			error = cut_slot(cut, slot, &view, level - 1, from);
	}
	*empty = !error && all_zero((uint32_t *)view.data, slots);
	disk_view_put(&view);
	return error;
}

/* A slot of the inode itself. */
static int cut_root(struct cut *cut, unsigned i, unsigned level, uint64_t base)
{
	uint32_t block = cut->node->block[i];
	bool empty = true;
	int error = level ? cut_table(cut, block, level, base, &empty) : 0;

	if (error || !empty)
		return error;
	cut->node->block[i] = 0;
	error = ext2_node_store(cut->node);
	return error ? error : give_up(cut, block);
}

int ext2_unmap(struct ext2_node *node, uint64_t first, uint64_t end)
{
	struct cut cut = { node, ext2_volume_of(&node->node), first, end };
	unsigned bits = cut.volume->block_shift - 2, level = 0;
	uint64_t base = 0, span = 1;
	int error = 0;

	if (node->flags & EXT2_FLAG_EXTENTS)
		return -EOPNOTSUPP;
	for (unsigned i = 0; i < EXT2_BLOCKS && !error; i++, base += span) {
		level = i < EXT2_DIRECT ? 0 : i - EXT2_DIRECT + 1;
		span = 1ull << (bits * level);
		if (node->block[i] && base < end && base + span > first)
			error = cut_root(&cut, i, level, base);
	}
	return error ? error : ext2_node_store(node);
}
