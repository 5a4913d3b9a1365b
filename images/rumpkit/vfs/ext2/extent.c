/*
 * extent.c - files of ext4 whose blocks are listed as extents; they are only read.
 */
#include "ext2.h"

/* A node of the tree: its header is followed by entries of 12 bytes. */
static bool header_fits(const struct ext4_extent_header *header, size_t bytes, unsigned depth)
{
	return header->magic == EXT4_EXTENT_MAGIC && header->depth == depth &&
	    header->entries <= (bytes - sizeof *header) / sizeof(struct ext4_extent);
}

/* Among the leaf's extents; a hole goes to the next one, or on and on. */
static int map_leaf(struct ext2_node *node, const struct ext4_extent_header *header,
    uint64_t index, uint32_t *block, uint32_t *run)
{
	const struct ext4_extent *extent = (const struct ext4_extent *)(header + 1);
	struct ext2_volume *volume = ext2_volume_of(&node->node);

	*block = 0;
	for (unsigned i = 0; i < header->entries; i++, extent++) {
		bool unwritten = extent->count > EXT4_UNWRITTEN;
		uint32_t count = unwritten ? extent->count - EXT4_UNWRITTEN : extent->count;
		uint64_t into = index - extent->first, left = count - into;

		if (index < extent->first) {
			if (extent->first - index < *run)
				*run = (uint32_t)(extent->first - index);
			return 0;
		}
		if (into >= count)
			continue;
		if (left < *run)
			*run = (uint32_t)left;
		if (unwritten)
			return 0;
		if (extent->start_high || !ext2_block_valid(volume, (uint64_t)extent->start + count - 1) ||
		    !ext2_block_valid(volume, extent->start))
			return ext2_broken(volume, "an extent outside of the file system, in inode",
			    node->inode);
		*block = extent->start + (uint32_t)into;
		return 0;
	}
	*run = 1; /* behind the last extent of this leaf: others may follow */
	return 0;
}

/* The child that covers an index, 0 for none. */
static uint32_t find_child(const struct ext4_extent_header *header, uint64_t index)
{
	const struct ext4_extent_index *entry = (const struct ext4_extent_index *)(header + 1);
	uint32_t child = 0;

	for (unsigned i = 0; i < header->entries && entry[i].first <= index; i++)
		child = entry[i].child_high ? 0 : entry[i].child;
	return child;
}

int ext2_extent_map(struct ext2_node *node, uint64_t index, uint32_t *block, uint32_t *run)
{
	const struct ext4_extent_header *header = (const struct ext4_extent_header *)node->block;
	struct ext2_volume *volume = ext2_volume_of(&node->node);
	struct disk_view view = { 0 };
	size_t bytes = sizeof node->block;
	unsigned depth = header->depth;
	uint32_t child;
	int error = 0;

	*block = 0;
	if (depth > EXT4_EXTENT_DEPTH)
		return ext2_broken(volume, "a tree of extents too high, in inode", node->inode);
	for (;; depth--) {
		if (!header_fits(header, bytes, depth)) {
			error = ext2_broken(volume, "a wrong tree of extents, in inode", node->inode);
			break;
		}
		if (!depth) {
			error = map_leaf(node, header, index, block, run);
			break;
		}
		child = find_child(header, index);
		disk_view_put(&view);
		if (!child) {
			*run = 1;
			break;
		}
		error = ext2_block_valid(volume, child) ? ext2_block_view(volume, child, false, &view) :
		    ext2_broken(volume, "a wrong tree of extents, in inode", node->inode);
		if (error)
			return error;
		header = (const struct ext4_extent_header *)view.data;
		bytes = volume->block_bytes;
	}
	disk_view_put(&view);
	return error;
}
