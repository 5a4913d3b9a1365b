/*
 * index.c - where the names of a large directory are, so that it need not be read whole.
 *
 * One table for the directory that was used last, in memory only: for each name a hash
 * and the block it is in.  A name that was removed stays in the table, which costs a look
 * at its block; a name that is there is always in the table.  Without memory there is no
 * table, and directories are read from the start.
 */
#include "ext2.h"
#include "kern.h"
#include "rumplib.h"

#define LEAST_SLOTS 1024u

static uint32_t hash_of(struct vfs_name name)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < name.bytes; i++)
		hash = (hash ^ (uint8_t)name.text[i]) * 16777619u;
	return hash;
}

void ext2_index_forget(struct ext2_volume *volume)
{
	kern_free(volume->index.slots);
	volume->index = (struct ext2_index){ 0 };
}

bool ext2_index_is_for(const struct ext2_node *dir)
{
	const struct ext2_index *index = &ext2_volume_of(&dir->node)->index;

	return index->slots && index->inode == dir->inode && index->generation == dir->generation;
}

static void put(struct ext2_index *index, uint32_t hash, uint32_t block)
{
	uint32_t at = hash & (index->capacity - 1);

	while (index->slots[at].block)
		at = (at + 1) & (index->capacity - 1);
	index->slots[at] = (struct ext2_index_slot){ hash, block + 1 };
	index->used++;
}

/* Twice the slots, or none at all. */
static bool grow(struct ext2_volume *volume)
{
	struct ext2_index *index = &volume->index;
	struct ext2_index bigger = *index;

	bigger.capacity = index->capacity ? index->capacity * 2 : LEAST_SLOTS;
	bigger.used = 0;
	bigger.slots = kern_alloc(bigger.capacity * sizeof *bigger.slots);
	if (!bigger.slots) {
		ext2_index_forget(volume);
		return false;
	}
	for (uint32_t i = 0; i < index->capacity; i++)
		if (index->slots[i].block)
			put(&bigger, index->slots[i].hash, index->slots[i].block - 1);
	kern_free(index->slots);
	*index = bigger;
	return true;
}

bool ext2_index_begin(struct ext2_node *dir)
{
	struct ext2_volume *volume = ext2_volume_of(&dir->node);

	ext2_index_forget(volume);
	volume->index.inode = dir->inode;
	volume->index.generation = dir->generation;
	return grow(volume);
}

bool ext2_index_add(struct ext2_node *dir, struct vfs_name name, uint32_t block)
{
	struct ext2_volume *volume = ext2_volume_of(&dir->node);

	if (!ext2_index_is_for(dir))
		return false;
	if (volume->index.used >= volume->index.capacity / 2) {
		/* More than the directory can hold: mostly removed ones.  Begin anew later. */
		if (volume->index.used > dir->node.size_bytes / EXT2_ENTRY_BYTES(1)) {
			ext2_index_forget(volume);
			return false;
		}
		if (!grow(volume))
			return false;
	}
	put(&volume->index, hash_of(name), block);
	return true;
}

bool ext2_index_next(const struct ext2_node *dir, struct vfs_name name, uint32_t *step,
    uint32_t *block)
{
	const struct ext2_index *index = &ext2_volume_of(&dir->node)->index;
	uint32_t hash = hash_of(name), at;

	for (;;) {
		at = (hash + (*step)++) & (index->capacity - 1);
		if (!index->slots[at].block)
			return false;
		if (index->slots[at].hash != hash)
			continue;
		*block = index->slots[at].block - 1;
		return true;
	}
}
