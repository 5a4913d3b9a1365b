/*
 * super.c - reading and judging a superblock and the group descriptors.
 *
 * A disk may hold anything: every number that later code relies on is checked here.
 */
#include "ext2.h"
#include "kern.h"
#include "rumplib.h"
#include "rumpuser.h"

#define UNDERSTOOD_INCOMPAT (EXT2_INCOMPAT_FILETYPE | EXT2_INCOMPAT_EXTENTS | \
	EXT2_INCOMPAT_64BIT | EXT2_INCOMPAT_FLEX_BG)
#define READ_ONLY_INCOMPAT (EXT2_INCOMPAT_EXTENTS | EXT2_INCOMPAT_64BIT | EXT2_INCOMPAT_FLEX_BG)
#define UNDERSTOOD_READ_ONLY (EXT2_RO_SPARSE_SUPER | EXT2_RO_LARGE_FILE)
#define MOST_LOG_BLOCK_SIZE 2 /* 4 KiB */

static int refuse(const char *source, const char *why, uint64_t number)
{
	rumpuser_dprintf("rumpkit: %s: %s (%lu)\n", source, why, (unsigned long)number);
	return -EINVAL;
}

static int check_features(struct ext2_volume *volume, const struct ext2_super *super)
{
	uint32_t unknown = super->incompatible & ~UNDERSTOOD_INCOMPAT;

	if (super->revision == 0)
		return 0;
	volume->compatible = super->compatible;
	volume->incompatible = super->incompatible;
	volume->read_only_compatible = super->read_only_compatible;
	if (unknown & EXT2_INCOMPAT_RECOVER)
		return refuse(volume->name, "its journal has to be replayed first: run e2fsck", unknown);
	if (unknown)
		return refuse(volume->name, "unknown incompatible features of its ext file system",
		    unknown);
	if (volume->volume.read_only)
		return 0;
	if ((super->incompatible & READ_ONLY_INCOMPAT) ||
	    (super->read_only_compatible & ~UNDERSTOOD_READ_ONLY)) {
		rumpuser_dprintf("rumpkit: %s: features of ext4 (%x, %x): mounted read-only\n",
		    volume->name, super->incompatible, super->read_only_compatible);
		volume->volume.read_only = true;
	}
	return 0;
}

static int check_inodes(struct ext2_volume *volume, const struct ext2_super *super)
{
	volume->inode_bytes = super->revision ? super->inode_bytes : EXT2_OLD_INODE_BYTES;
	volume->first_inode = super->revision ? super->first_inode : EXT2_FIRST_INODE;
	volume->inodes_per_group = super->inodes_per_group;
	volume->inodes = super->inodes_count;
	if (volume->inode_bytes < EXT2_OLD_INODE_BYTES || volume->inode_bytes > volume->block_bytes ||
	    (volume->inode_bytes & (volume->inode_bytes - 1)))
		return refuse(volume->name, "a wrong inode size", volume->inode_bytes);
	if (!super->inodes_per_group || super->inodes_per_group > 8 * volume->block_bytes ||
	    super->inodes_per_group % (volume->block_bytes / volume->inode_bytes))
		return refuse(volume->name, "a wrong number of inodes per group",
		    super->inodes_per_group);
	volume->table_blocks = super->inodes_per_group / (volume->block_bytes / volume->inode_bytes);
	if ((uint64_t)volume->groups * super->inodes_per_group != super->inodes_count ||
	    volume->first_inode < EXT2_FIRST_INODE || volume->first_inode > super->inodes_count)
		return refuse(volume->name, "a wrong number of inodes", super->inodes_count);
	return 0;
}

static int check_blocks(struct ext2_volume *volume, const struct ext2_super *super)
{
	if (super->log_block_size > MOST_LOG_BLOCK_SIZE)
		return refuse(volume->name, "blocks of more than 4096 bytes", super->log_block_size);
	volume->block_shift = 10 + super->log_block_size;
	volume->block_bytes = 1u << volume->block_shift;
	volume->blocks = super->blocks_count;
	volume->first_block = super->first_data_block;
	volume->blocks_per_group = super->blocks_per_group;
	if (super->first_data_block != (volume->block_bytes == 1024) ||
	    super->blocks_count <= super->first_data_block + 1)
		return refuse(volume->name, "a wrong first block", super->first_data_block);
	if ((uint64_t)super->blocks_count << volume->block_shift > volume->disk.bytes)
		return refuse(volume->name, "a file system longer than its device, in blocks",
		    super->blocks_count);
	if (super->blocks_per_group < 8 || super->blocks_per_group > 8 * volume->block_bytes)
		return refuse(volume->name, "a wrong number of blocks per group",
		    super->blocks_per_group);
	volume->groups = (super->blocks_count - super->first_data_block - 1) /
	    super->blocks_per_group + 1;
	return 0;
}

static int check_super(struct ext2_volume *volume, const struct ext2_super *super)
{
	int error;

	if (super->magic != EXT2_MAGIC)
		return refuse(volume->name, "no ext2 file system: make one with mke2fs", super->magic);
	if (super->revision > 1)
		return refuse(volume->name, "an unknown revision of ext2", super->revision);
	error = check_features(volume, super);
	if (!error)
		error = check_blocks(volume, super);
	if (!error)
		error = check_inodes(volume, super);
	if (error)
		return error;
	volume->group_bytes = EXT2_GROUP_BYTES;
	if (super->incompatible & EXT2_INCOMPAT_64BIT) {
		volume->group_bytes = super->descriptor_bytes;
		if (volume->group_bytes < 64 || volume->group_bytes > 1024 ||
		    (volume->group_bytes & (volume->group_bytes - 1)))
			return refuse(volume->name, "a wrong size of group descriptors",
			    volume->group_bytes);
	}
	return 0;
}

/* ---- groups --------------------------------------------------------------------------- */

static uint64_t groups_offset(const struct ext2_volume *volume)
{
	return (uint64_t)(volume->first_block + 1) << volume->block_shift;
}

struct ext2_group *ext2_group(struct ext2_volume *volume, uint32_t group)
{
	uint64_t offset = groups_offset(volume) + (uint64_t)group * volume->group_bytes;
	size_t line = offset / DISK_LINE_BYTES - groups_offset(volume) / DISK_LINE_BYTES;

	return (struct ext2_group *)(volume->group_views[line].line->data + offset % DISK_LINE_BYTES);
}

/* The descriptors' lines stay in the cache while the volume is mounted. */
static int view_groups(struct ext2_volume *volume)
{
	uint64_t offset = groups_offset(volume);
	uint64_t end = offset + (uint64_t)volume->groups * volume->group_bytes;
	uint64_t step;
	int error;

	if (end > volume->disk.bytes)
		return refuse(volume->name, "too many groups", volume->groups);
	volume->group_views = kern_alloc(((end - offset) / DISK_LINE_BYTES + 2) *
	    sizeof *volume->group_views);
	if (!volume->group_views)
		return -ENOMEM;
	for (; offset < end; offset += step) {
		step = DISK_LINE_BYTES - offset % DISK_LINE_BYTES;
		if (step > end - offset)
			step = end - offset;
		error = disk_view(&volume->disk, offset, (size_t)step, false,
		    &volume->group_views[volume->group_lines]);
		if (error)
			return error;
		volume->group_lines++;
	}
	return 0;
}

static bool in_volume(const struct ext2_volume *volume, uint64_t first, uint64_t count)
{
	return first > volume->first_block && first + count <= volume->blocks;
}

static int check_groups(struct ext2_volume *volume)
{
	for (uint32_t i = 0; i < volume->groups; i++) {
		const struct ext2_group *group = ext2_group(volume, i);

		if ((volume->group_bytes >= 64 && (group->block_bitmap_high |
		    group->inode_bitmap_high | group->inode_table_high)) ||
		    !in_volume(volume, group->block_bitmap, 1) ||
		    !in_volume(volume, group->inode_bitmap, 1) ||
		    !in_volume(volume, group->inode_table, volume->table_blocks))
			return refuse(volume->name, "a group outside of the file system", i);
		volume->free_blocks += group->free_blocks;
		volume->free_inodes += group->free_inodes;
	}
	return 0;
}

int ext2_super_read(struct ext2_volume *volume, const char *source)
{
	int error;

	lib_strlcpy(volume->name, source, sizeof volume->name);
	if (volume->disk.bytes < EXT2_SUPER_OFFSET + EXT2_SUPER_BYTES)
		return refuse(volume->name, "a device too small for a file system, in bytes",
		    volume->disk.bytes);
	error = disk_view(&volume->disk, EXT2_SUPER_OFFSET, EXT2_SUPER_BYTES, false,
	    &volume->super_view);
	if (error)
		return error;
	volume->super = (struct ext2_super *)volume->super_view.data;
	error = check_super(volume, volume->super);
	if (!error)
		error = view_groups(volume);
	return error ? error : check_groups(volume);
}
