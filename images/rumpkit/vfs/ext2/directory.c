/*
 * directory.c - entries of directories: finding, listing, adding, removing.
 *
 * A block is a chain of entries that fills it; room behind an entry's name belongs to
 * that entry.  Chains come from the disk and are judged entry by entry.
 */
#include "ext2.h"
#include "rumplib.h"

/* One block of a directory in view. */
struct dir_block {
	struct ext2_node *dir;
	struct disk_view view;
	uint32_t bytes;
	bool was_new; /* the disk does not refer to it yet */
};

static uint32_t block_count(const struct ext2_node *dir)
{
	return (uint32_t)(dir->node.size_bytes >> ext2_volume_of(&dir->node)->block_shift);
}

/* 0, -ENOENT for a hole, -EIO. */
static int block_open(struct ext2_node *dir, uint32_t index, struct dir_block *block)
{
	struct ext2_volume *volume = ext2_volume_of(&dir->node);
	uint32_t number, run = 1;
	int error = ext2_map(dir, index, &number, &run);

	if (!error && !number)
		error = -ENOENT;
	if (!error)
		error = ext2_block_view(volume, number, false, &block->view);
	block->dir = dir;
	block->bytes = volume->block_bytes;
	return error;
}

static void block_close(struct dir_block *block)
{
	disk_view_put(&block->view);
}

static void block_dirty(struct dir_block *block, enum disk_class class)
{
	disk_view_dirty(&ext2_volume_of(&block->dir->node)->disk, &block->view, class);
}

/* The entry at an offset, or NULL if there is none that can be. */
static struct ext2_entry *entry_at(const struct dir_block *block, uint32_t offset)
{
	struct ext2_entry *entry = (struct ext2_entry *)(block->view.data + offset);

	if (offset + EXT2_ENTRY_BYTES(1) > block->bytes || entry->bytes % 4 ||
	    entry->bytes < EXT2_ENTRY_BYTES(1) || entry->bytes > block->bytes - offset ||
	    entry->bytes < EXT2_ENTRY_BYTES(entry->name_bytes) ||
	    entry->inode > ext2_volume_of(&block->dir->node)->inodes)
		return NULL;
	return entry;
}

static int damaged(struct ext2_node *dir)
{
	return ext2_broken(ext2_volume_of(&dir->node), "a damaged directory, inode", dir->inode);
}

static bool is_named(const struct ext2_entry *entry, struct vfs_name name)
{
	return entry->inode && entry->name_bytes == name.bytes &&
	    !memcmp(entry->name, name.text, name.bytes);
}

/* Where a name is: a block that stays open, its entry and the one before it (or NULL). */
struct found {
	struct dir_block block;
	uint32_t index;
	struct ext2_entry *entry, *before;
};

/* In one block: 1 found, 0 not, -EIO. */
static int find_in_block(struct found *found, struct vfs_name name)
{
	uint32_t offset = 0;

	found->before = NULL;
	while (offset < found->block.bytes) {
		found->entry = entry_at(&found->block, offset);
		if (!found->entry)
			return damaged(found->block.dir);
		if (is_named(found->entry, name))
			return 1;
		found->before = found->entry;
		offset += found->entry->bytes;
	}
	return 0;
}

/* One block of the directory: 1 found, and it stays open; 0 not; -errno. */
static int find_in(struct ext2_node *dir, uint32_t index, struct vfs_name name,
    struct found *found)
{
	int result = block_open(dir, index, &found->block);

	found->index = index;
	if (result)
		return result == -ENOENT ? 0 : result;
	result = find_in_block(found, name);
	if (result <= 0)
		block_close(&found->block);
	return result;
}

/* Put every name of a directory into the table.  False: there is none. */
static bool index_all(struct ext2_node *dir)
{
	uint32_t count = block_count(dir);
	bool whole = ext2_index_begin(dir);
	struct dir_block block;

	for (uint32_t index = 0; index < count && whole; index++) {
		int error = block_open(dir, index, &block);

		if (error == -ENOENT)
			continue;
		whole = !error;
		for (uint32_t offset = 0; whole && offset < block.bytes;) {
			struct ext2_entry *entry = entry_at(&block, offset);

			whole = entry && (!entry->inode || ext2_index_add(dir,
			    (struct vfs_name){ entry->name, entry->name_bytes }, index));
			offset += entry ? entry->bytes : 0;
		}
		if (!error)
			block_close(&block);
	}
	if (!whole)
		ext2_index_forget(ext2_volume_of(&dir->node));
	return whole;
}

static int find_indexed(struct ext2_node *dir, struct vfs_name name, struct found *found)
{
	uint32_t step = 0, block;
	int result = 0;

	while (!result && ext2_index_next(dir, name, &step, &block))
		result = find_in(dir, block, name, found);
	return result > 0 ? 0 : result ? result : -ENOENT;
}

static int find(struct ext2_node *dir, struct vfs_name name, struct found *found)
{
	uint32_t count = block_count(dir);
	int result;

	if (count >= EXT2_INDEXED_BLOCKS && (ext2_index_is_for(dir) || index_all(dir)))
		return find_indexed(dir, name, found);
	for (found->index = 0; found->index < count; found->index++) {
		result = find_in(dir, found->index, name, found);
		if (result)
			return result > 0 ? 0 : result;
	}
	return -ENOENT;
}

int ext2_entry_find(struct ext2_node *dir, struct vfs_name name, uint32_t *inode)
{
	struct found found;
	int error = find(dir, name, &found);

	if (error)
		return error;
	*inode = found.entry->inode;
	block_close(&found.block);
	return 0;
}

/* ---- changing ------------------------------------------------------------------------------ */

static uint8_t type_of(const struct ext2_volume *volume, uint32_t mode)
{
	static const uint8_t types[16] = {
		[S_IFREG >> 12] = 1, [S_IFDIR >> 12] = 2, [S_IFCHR >> 12] = 3,
		[S_IFBLK >> 12] = 4, [S_IFIFO >> 12] = 5, [S_IFSOCK >> 12] = 6,
		[S_IFLNK >> 12] = 7,
	};

	return volume->incompatible & EXT2_INCOMPAT_FILETYPE ? types[mode >> 12 & 15] : 0;
}

/* The hashed index of ext3 would no longer fit the entries. */
static void forget_index(struct ext2_node *dir)
{
	if (!(dir->flags & EXT2_FLAG_INDEX))
		return;
	dir->flags &= ~(uint32_t)EXT2_FLAG_INDEX;
	ext2_node_store(dir);
}

static void entry_fill(struct ext2_node *dir, struct ext2_entry *entry, struct vfs_name name,
    uint32_t inode, uint32_t mode)
{
	entry->inode = inode;
	entry->name_bytes = (uint8_t)name.bytes;
	entry->type = type_of(ext2_volume_of(&dir->node), mode);
	memcpy(entry->name, name.text, name.bytes);
}

/* Put the entry where there is room for it in this block: 1, 0 for none, -EIO. */
static int add_to_block(struct dir_block *block, struct vfs_name name, uint32_t inode,
    uint32_t mode)
{
	uint32_t wanted = EXT2_ENTRY_BYTES(name.bytes), offset = 0, used;
	struct ext2_entry *entry;

	for (; offset < block->bytes; offset += entry->bytes) {
		entry = entry_at(block, offset);
		if (!entry)
			return damaged(block->dir);
		used = entry->inode ? EXT2_ENTRY_BYTES(entry->name_bytes) : 0;
		if (entry->bytes - used < wanted)
			continue;
		if (used) {
			struct ext2_entry *rest = (struct ext2_entry *)((uint8_t *)entry + used);

			rest->bytes = (uint16_t)(entry->bytes - used);
			entry->bytes = (uint16_t)used;
			entry = rest;
		}
		entry_fill(block->dir, entry, name, inode, mode);
		block_dirty(block, DISK_NAME);
		return 1;
	}
	return 0;
}

/* One more block at the end, with one entry that is free. */
static int append_block(struct ext2_node *dir, struct dir_block *block)
{
	struct ext2_volume *volume = ext2_volume_of(&dir->node);
	uint32_t index = block_count(dir), number;
	bool made;
	int error = ext2_map_make(dir, index, &number, &made);

	if (error)
		return error;
	error = ext2_block_view(volume, number, true, &block->view);
	if (error) {
		ext2_unmap(dir, index, (uint64_t)index + 1);
		return error;
	}
	block->dir = dir;
	block->bytes = volume->block_bytes;
	memset(block->view.data, 0, block->bytes);
	((struct ext2_entry *)block->view.data)->bytes = (uint16_t)block->bytes;
	block_dirty(block, DISK_DATA); /* nothing on the disk refers to it yet */
	dir->node.size_bytes += block->bytes;
	return 0;
}

int ext2_entry_add(struct ext2_node *dir, struct vfs_name name, uint32_t inode, uint32_t mode)
{
	uint32_t count = block_count(dir);
	struct dir_block block;
	int result;

	forget_index(dir);
	for (uint32_t index = dir->entry_hint; index < count; index++) {
		result = block_open(dir, index, &block);
		if (result == -ENOENT)
			continue;
		if (result)
			return result;
		result = add_to_block(&block, name, inode, mode);
		block_close(&block);
		if (result) {
			dir->entry_hint = index;
			if (result > 0)
				ext2_index_add(dir, name, index);
			return result < 0 ? result : 0;
		}
	}
	result = append_block(dir, &block);
	if (result)
		return result;
	dir->entry_hint = count;
	result = add_to_block(&block, name, inode, mode);
	block_close(&block);
	if (result > 0)
		ext2_index_add(dir, name, count);
	return result < 0 ? result : ext2_node_store(dir);
}

int ext2_entry_remove(struct ext2_node *dir, struct vfs_name name)
{
	struct found found;
	int error = find(dir, name, &found);

	if (error)
		return error;
	forget_index(dir);
	if (found.before)
		found.before->bytes = (uint16_t)(found.before->bytes + found.entry->bytes);
	found.entry->inode = 0;
	block_dirty(&found.block, DISK_NAME_GONE);
	block_close(&found.block);
	if (found.index < dir->entry_hint)
		dir->entry_hint = found.index;
	return 0;
}

int ext2_entry_set(struct ext2_node *dir, struct vfs_name name, uint32_t inode, uint32_t mode)
{
	struct found found;
	int error = find(dir, name, &found);

	if (error)
		return error;
	found.entry->inode = inode;
	found.entry->type = type_of(ext2_volume_of(&dir->node), mode);
	block_dirty(&found.block, DISK_NAME);
	block_close(&found.block);
	return 0;
}

int ext2_directory_init(struct ext2_node *dir, uint32_t parent)
{
	struct dir_block block;
	struct ext2_entry *entry;
	int error = append_block(dir, &block);

	if (error)
		return error;
	entry = (struct ext2_entry *)block.view.data;
	entry_fill(dir, entry, (struct vfs_name){ ".", 1 }, dir->inode, S_IFDIR);
	entry->bytes = (uint16_t)EXT2_ENTRY_BYTES(1);
	entry = (struct ext2_entry *)(block.view.data + EXT2_ENTRY_BYTES(1));
	entry_fill(dir, entry, (struct vfs_name){ "..", 2 }, parent, S_IFDIR);
	entry->bytes = (uint16_t)(block.bytes - EXT2_ENTRY_BYTES(1));
	block_close(&block);
	return 0;
}

/* ---- listing -------------------------------------------------------------------------------- */

static uint32_t mode_of(uint8_t type)
{
	static const uint32_t modes[] = {
		0, S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK,
	};

	return type < sizeof modes / sizeof *modes ? modes[type] : 0;
}

/* Entries of one block from a position on: 1 to go on, 0 when emit has enough, -EIO. */
static int list_block(struct dir_block *block, uint64_t base, uint64_t *position,
    vfs_emit_fn emit, void *argument)
{
	struct ext2_entry *entry;

	/* The chain is followed from its start: entries may have merged since. */
	for (uint32_t offset = 0; offset < block->bytes; offset += entry->bytes) {
		entry = entry_at(block, offset);
		if (!entry)
			return damaged(block->dir);
		if (base + offset < *position)
			continue;
		if (entry->inode && entry->name_bytes && !emit(argument,
		    (struct vfs_name){ entry->name, entry->name_bytes }, entry->inode,
		    mode_of(entry->type), base + offset + entry->bytes))
			return 0;
		*position = base + offset + entry->bytes;
	}
	return 1;
}

static int list(struct ext2_node *dir, uint64_t *position, vfs_emit_fn emit, void *argument)
{
	unsigned shift = ext2_volume_of(&dir->node)->block_shift;
	struct dir_block block;
	int result = 1;

	while (result > 0 && *position < dir->node.size_bytes) {
		uint32_t index = (uint32_t)(*position >> shift);

		result = block_open(dir, index, &block);
		if (result == -ENOENT) { /* a hole */
			*position = (uint64_t)(index + 1) << shift;
			result = 1;
			continue;
		}
		if (result)
			return result;
		result = list_block(&block, (uint64_t)index << shift, position, emit, argument);
		if (result > 0 && *position < (uint64_t)(index + 1) << shift)
			*position = (uint64_t)(index + 1) << shift;
		block_close(&block);
	}
	return result < 0 ? result : 0;
}

int ext2_directory_list(struct vfs_node *dir, uint64_t *position, vfs_emit_fn emit,
    void *argument)
{
	int error;

	ext2_enter(dir);
	error = list(ext2_node_of(dir), position, emit, argument);
	ext2_exit(dir);
	return error;
}

bool ext2_directory_empty(struct vfs_node *dir)
{
	uint64_t position = 0;
	bool found = false;

	return !ext2_directory_list(dir, &position, vfs_emit_finds_name, &found) && !found;
}
