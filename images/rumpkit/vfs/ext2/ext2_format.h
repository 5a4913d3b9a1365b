/*
 * ext2_format.h - the second extended file system as it lies on a disk.
 *
 * Numbers are little endian, as the processor's; see the kernel's documentation of ext4,
 * "Data structures and algorithms", for the fields that revision 1 of ext2 shares with it.
 */
#ifndef EXT2_FORMAT_H
#define EXT2_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define EXT2_MAGIC 0xef53
#define EXT2_SUPER_OFFSET 1024
#define EXT2_SUPER_BYTES 1024
#define EXT2_ROOT_INODE 2
#define EXT2_FIRST_INODE 11 /* of revision 0 */
#define EXT2_OLD_INODE_BYTES 128
#define EXT2_LINK_MAX 32000

struct ext2_super {
	uint32_t inodes_count, blocks_count, reserved_blocks, free_blocks, free_inodes;
	uint32_t first_data_block, log_block_size, log_fragment_size;
	uint32_t blocks_per_group, fragments_per_group, inodes_per_group;
	uint32_t mount_time, write_time;
	uint16_t mount_count, max_mount_count, magic, state, errors, minor_revision;
	uint32_t last_check, check_interval, creator, revision;
	uint16_t reserved_uid, reserved_gid;
	/* revision 1 */
	uint32_t first_inode;
	uint16_t inode_bytes, group_of_this;
	uint32_t compatible, incompatible, read_only_compatible;
	uint8_t uuid[16];
	char name[16], last_mounted[64];
	uint32_t algorithms;
	uint8_t preallocate, preallocate_directories;
	uint16_t reserved_group_descriptors;
	uint8_t journal_uuid[16];
	uint32_t journal_inode, journal_device, last_orphan;
	uint32_t hash_seed[4];
	uint8_t hash_version, journal_backup;
	uint16_t descriptor_bytes;
	uint32_t default_options, first_meta_group;
	uint8_t rest[1024 - 264];
};
_Static_assert(sizeof(struct ext2_super) == EXT2_SUPER_BYTES, "superblock");
_Static_assert(offsetof(struct ext2_super, uuid) == 104, "superblock, revision 1");
_Static_assert(offsetof(struct ext2_super, descriptor_bytes) == 254, "superblock, ext4");

#define EXT2_STATE_VALID 1
#define EXT2_STATE_ERROR 2

#define EXT2_INCOMPAT_FILETYPE 0x2
#define EXT2_INCOMPAT_RECOVER 0x4
#define EXT2_INCOMPAT_EXTENTS 0x40
#define EXT2_INCOMPAT_64BIT 0x80
#define EXT2_INCOMPAT_FLEX_BG 0x200
#define EXT2_RO_SPARSE_SUPER 0x1
#define EXT2_RO_LARGE_FILE 0x2

struct ext2_group {
	uint32_t block_bitmap, inode_bitmap, inode_table;
	uint16_t free_blocks, free_inodes, directories, flags;
	uint8_t rest[12];
	/* only where descriptors have 64 bytes: */
	uint32_t block_bitmap_high, inode_bitmap_high, inode_table_high;
};
#define EXT2_GROUP_BYTES 32

#define EXT2_BLOCKS 15
#define EXT2_DIRECT 12
struct ext2_inode {
	uint16_t mode, uid;
	uint32_t size, accessed, changed, modified, deleted;
	uint16_t gid, links;
	uint32_t sectors, flags, version;
	uint32_t block[EXT2_BLOCKS];
	uint32_t generation, attribute_block, size_high, fragment;
	uint16_t sectors_high, attribute_block_high, uid_high, gid_high;
	uint32_t reserved;
	/* only in inodes of more than 128 bytes, and of these only extra_bytes: */
	uint16_t extra_bytes, checksum_high;
	uint32_t changed_extra, modified_extra, accessed_extra, born, born_extra;
};
_Static_assert(offsetof(struct ext2_inode, block) == 40, "inode");
_Static_assert(offsetof(struct ext2_inode, extra_bytes) == 128, "inode, extra part");

#define EXT2_FLAG_IMMUTABLE 0x10
#define EXT2_FLAG_APPEND 0x20
#define EXT2_FLAG_INDEX 0x1000
#define EXT2_FLAG_EXTENTS 0x80000
#define EXT2_FLAG_INLINE_DATA 0x10000000

struct ext2_entry {
	uint32_t inode;
	uint16_t bytes;
	uint8_t name_bytes, type; /* type: only with the feature filetype */
	char name[];
};
#define EXT2_ENTRY_BYTES(name_bytes) ((8u + (name_bytes) + 3u) & ~3u)

/* ext4's trees of extents, which are only read here. */
#define EXT4_EXTENT_MAGIC 0xf30a
#define EXT4_EXTENT_DEPTH 5
#define EXT4_UNWRITTEN 32768 /* an extent this much longer reads as zeroes */
struct ext4_extent_header {
	uint16_t magic, entries, room, depth;
	uint32_t generation;
};
struct ext4_extent {
	uint32_t first;
	uint16_t count, start_high;
	uint32_t start;
};
struct ext4_extent_index {
	uint32_t first, child;
	uint16_t child_high, unused;
};

struct ext2_attribute_header {
	uint32_t magic, users, blocks;
};
#define EXT2_ATTRIBUTE_MAGIC 0xea020000u

#endif
