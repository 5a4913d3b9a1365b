/*
 * ext2.h - the ext2 file system: volumes, nodes, and what its source files share.
 *
 * Everything but the node operations themselves runs with the volume's lock held.
 *
 * What keeps the disk repairable: a flush writes classes in order (disk.h), so that
 * nothing on it refers to something that is not there yet; and a block or inode that was
 * freed is not used again before a flush has shown the disk that nothing refers to it
 * (free.c).
 */
#ifndef VFS_EXT2_H
#define VFS_EXT2_H

#include "disk/disk.h"
#include "ext2_format.h"
#include "rumplib.h"
#include "vfs.h"
#include "vfs_volume.h"

#define EXT2_NODE_BUCKETS 128
#define EXT2_PENDING 512
#define EXT2_LONGEST_RUN 128 /* blocks looked up at once, for reading ahead */

struct ext2_range {
	uint32_t start, count; /* count 0: start is an inode; its type in directory */
	bool directory;
};

struct ext2_index_slot {
	uint32_t hash, block; /* block + 1; 0: the slot is free */
};
struct ext2_index {
	uint32_t inode, generation; /* of the directory */
	uint32_t capacity, used;    /* slots; capacity is a power of two */
	struct ext2_index_slot *slots;
};

struct ext2_node;
struct ext2_volume {
	struct vfs_volume volume; /* first */
	struct disk disk;
	char name[64];
	uint32_t block_bytes, block_shift, blocks, first_block, groups;
	uint32_t blocks_per_group, inodes_per_group, inodes, inode_bytes, first_inode;
	uint32_t group_bytes, compatible, incompatible, read_only_compatible;
	uint32_t table_blocks;         /* of a group's inode table */
	uint64_t free_blocks, free_inodes; /* with what is pending */
	uint16_t state_at_mount;
	bool broken;                   /* a line said so; nothing is written any more */
	struct disk_view super_view;
	struct ext2_super *super;      /* in the cache */
	struct disk_view *group_views; /* of the lines the descriptors are in */
	size_t group_lines;
	struct ext2_node *buckets[EXT2_NODE_BUCKETS];
	struct ext2_range pending[EXT2_PENDING];
	unsigned pending_count;
	struct ext2_index index;       /* of one large directory, see index.c */
	bool flushing, stopping;
	bool unsettled;                /* written, but perhaps not on stable storage */
	bool flush_wanted;
	struct rumpuser_cv *changed;   /* wakes the thread that writes now and then */
	void *flusher;                 /* that thread, NULL if there is none */
};

struct ext2_node {
	struct vfs_node node; /* first */
	struct ext2_node *same_bucket;
	uint32_t inode;
	uint32_t block[EXT2_BLOCKS];
	uint32_t flags, attribute_block, generation;
	uint64_t sectors;       /* of 512 bytes, as i_blocks counts */
	uint32_t goal;          /* where the next block would be best */
	uint64_t next_read;     /* the offset that goes on where the last read ended */
	uint64_t read_ahead;    /* bytes up to here have been asked for */
	uint32_t ahead_bytes;
	uint32_t entry_hint;    /* block of a directory that may have room */
	bool fresh;             /* its place on the disk holds what was there before */
	bool erased;            /* its blocks and its inode are free */
	char *target;
	struct vfs_pipe *pipe;
};

static inline struct ext2_volume *ext2_volume_of(const struct vfs_node *node)
{
	return (struct ext2_volume *)node->volume;
}

static inline struct ext2_node *ext2_node_of(struct vfs_node *node)
{
	return (struct ext2_node *)node;
}

static inline void ext2_enter(struct vfs_node *node)
{
	vfs_mutex_enter(&node->volume->lock);
}

static inline void ext2_exit(struct vfs_node *node)
{
	vfs_mutex_exit(&node->volume->lock);
}

/* Mount the device; its root, a reference.  A line on the console says why not. */
RUMP_PART int ext2_mount(const char *source, bool read_only, struct vfs_node **root);
int ext2_super_read(struct ext2_volume *volume, const char *source);
struct ext2_group *ext2_group(struct ext2_volume *volume, uint32_t group);
/* Something on the disk is wrong: a line, and no more writing.  Always -EIO. */
int ext2_broken(struct ext2_volume *volume, const char *what, uint64_t number);

/* A block, see disk_view. */
int ext2_block_view(struct ext2_volume *volume, uint32_t block, bool new,
    struct disk_view *view);
bool ext2_block_valid(const struct ext2_volume *volume, uint64_t block);
/* Write everything, in order; then what was freed can be used.  flush.c */
int ext2_flush(struct ext2_volume *volume, bool barrier);
int ext2_make_room(void *volume);
/* Between steps of long changes: not too much may be dirty. */
int ext2_throttle(struct ext2_volume *volume);
/* A thread of its own writes what was changed, some seconds later.  flusher.c */
void ext2_flusher_start(struct ext2_volume *volume);
void ext2_flusher_stop(struct ext2_volume *volume);
void ext2_flush_soon(struct ext2_volume *volume);
int ext2_mark_clean(struct ext2_volume *volume);
int ext2_mark_dirty(struct ext2_volume *volume);

/* alloc.c: a free block near goal, counted; its contents are not touched.  -ENOSPC */
int ext2_block_alloc(struct ext2_volume *volume, uint32_t goal, uint32_t *block);
int ext2_inode_alloc(struct ext2_volume *volume, uint32_t parent, bool directory,
    uint32_t *inode);
/* free.c: nothing refers to it any more. */
int ext2_block_free(struct ext2_volume *volume, uint32_t block);
int ext2_inode_free(struct ext2_volume *volume, uint32_t inode, bool directory);
void ext2_pending_apply(struct ext2_volume *volume);

/* inode.c */
int ext2_node_get(struct ext2_volume *volume, uint32_t inode, struct vfs_node **node);
/* A new inode, counted but not stored yet; its links are those of a named node. */
int ext2_node_make(struct ext2_volume *volume, struct vfs_node *dir, uint32_t mode,
    struct ext2_node **made);
/* The fields in memory go to the inode's place in the cache. */
int ext2_node_store(struct ext2_node *node);
void ext2_node_destroy(struct vfs_node *node);
/* Free what a node without names has, while it may still be open. */
int ext2_node_erase(struct ext2_node *node);
void ext2_touch_now(struct ext2_node *node, int which);

/*
 * map.c: the block of a file's block index, 0 for a hole; *run (in: wanted, out: got)
 * blocks follow each other.  With make, one block is allocated where there is none, and
 * *made says so.
 */
int ext2_map(struct ext2_node *node, uint64_t index, uint32_t *block, uint32_t *run);
int ext2_map_make(struct ext2_node *node, uint64_t index, uint32_t *block, bool *made);
int ext2_extent_map(struct ext2_node *node, uint64_t index, uint32_t *block, uint32_t *run);
uint64_t ext2_most_bytes(const struct ext2_volume *volume);
/* truncate.c: free the blocks of [first, end). */
int ext2_unmap(struct ext2_node *node, uint64_t first, uint64_t end);

/* directory.c: entries.  -ENOENT, -EIO, -ENOSPC. */
int ext2_entry_find(struct ext2_node *dir, struct vfs_name name, uint32_t *inode);
int ext2_entry_add(struct ext2_node *dir, struct vfs_name name, uint32_t inode, uint32_t mode);
int ext2_entry_remove(struct ext2_node *dir, struct vfs_name name);
int ext2_entry_set(struct ext2_node *dir, struct vfs_name name, uint32_t inode, uint32_t mode);
int ext2_directory_init(struct ext2_node *dir, uint32_t parent);
int ext2_directory_list(struct vfs_node *dir, uint64_t *position, vfs_emit_fn emit,
    void *argument);
bool ext2_directory_empty(struct vfs_node *dir);

/*
 * index.c: where names are.  begin empties the table for a directory; add puts a name of
 * it in; next gives the blocks that may hold a name, one after the other (*step is 0 at
 * first).  False: no table, or no more.
 */
#define EXT2_INDEXED_BLOCKS 4 /* of a directory that has a table */
bool ext2_index_is_for(const struct ext2_node *dir);
bool ext2_index_begin(struct ext2_node *dir);
bool ext2_index_add(struct ext2_node *dir, struct vfs_name name, uint32_t block);
bool ext2_index_next(const struct ext2_node *dir, struct vfs_name name, uint32_t *step,
    uint32_t *block);
void ext2_index_forget(struct ext2_volume *volume);

/* file.c */
long ext2_file_read(struct vfs_node *node, struct vfs_io *io, uint64_t offset);
long ext2_file_write(struct vfs_node *node, struct vfs_io *io, uint64_t offset);
int ext2_file_resize(struct vfs_node *node, uint64_t size_bytes);
int ext2_file_allocate(struct vfs_node *node, uint64_t offset, uint64_t bytes);
int ext2_file_punch(struct vfs_node *node, uint64_t offset, uint64_t bytes);
uint64_t ext2_file_seek(struct vfs_node *node, uint64_t offset, bool data);

/* link.c: symbolic links of less than 60 bytes lie in the inode. */
bool ext2_link_is_short(const struct ext2_node *ext2);
int ext2_link_init(struct ext2_node *ext2, struct vfs_name target);

/* Node operations by type; ops.c. */
const struct vfs_node_ops *ext2_ops_of(uint32_t mode);
extern const struct vfs_node_ops ext2_directory_ops;
int ext2_set(struct vfs_node *node, const struct vfs_change *change);
void ext2_changed(struct vfs_node *node, int which);
int ext2_sync(struct vfs_node *node, bool data);

#endif
