/*
 * tmpfs.h - the file system in memory: its nodes, shared by its three source files.
 */
#ifndef VFS_TMPFS_H
#define VFS_TMPFS_H

#include "vfs.h"

#define TMPFS_NUMBER 0x19 /* st_dev */

struct tmpfs_entry {
	struct tmpfs_entry *next, *previous; /* in the order they were made */
	struct tmpfs_entry *same_bucket;
	struct vfs_node *node;               /* a reference */
	uint64_t position;                   /* in listings; grows, is never used again */
	uint32_t hash;
	uint8_t bytes;
	char name[];
};

struct tmpfs_directory {
	struct tmpfs_entry *first, *last;
	struct tmpfs_entry **buckets; /* NULL while the directory is small */
	uint32_t bucket_count;        /* a power of two */
	uint32_t entries;
	uint64_t next_position;
};

/*
 * A file's pages: a tree of tables, 64 slots each, that grows in height with the file.
 * Height 0: root is the page itself.  An empty slot is a hole.
 */
#define TMPFS_SLOTS 64
struct tmpfs_pages {
	void *root;
	unsigned height;
	uint64_t count; /* data pages held */
	const uint8_t *base; /* what holes read as, up to base_bytes: an archive's data */
	uint64_t base_bytes;
	uint32_t copies;     /* to or from pages that are under way: they may sleep */
};

struct tmpfs_node {
	struct vfs_node node; /* first */
	union {
		struct tmpfs_directory directory;
		struct tmpfs_pages pages;
		char *target;       /* of a symbolic link */
		struct vfs_pipe *pipe; /* of a FIFO, while it is open */
	};
};

extern const struct vfs_node_ops tmpfs_directory_ops;
extern const struct vfs_node_ops tmpfs_file_ops;
extern const struct vfs_node_ops tmpfs_device_ops;

void tmpfs_init(void);

/* Pages of file data in the whole system, and how many there may be. */
extern uint64_t tmpfs_used_pages, tmpfs_limit_pages;

/* The page with this index, or NULL for a hole. */
uint8_t *tmpfs_page(struct tmpfs_pages *pages, uint64_t index);
/* The same, made (zeroed) if it is not there; NULL when memory or the limit is out. */
uint8_t *tmpfs_page_make(struct tmpfs_pages *pages, uint64_t index);
/* Free the pages from index on, up to but without end. */
void tmpfs_pages_drop(struct tmpfs_pages *pages, uint64_t index, uint64_t end);
/* First index from this one on whose page is there, UINT64_MAX if none is. */
uint64_t tmpfs_pages_next(struct tmpfs_pages *pages, uint64_t index);

/* Let a new regular file have this content, which stays where it is until written. */
void tmpfs_set_base(struct vfs_node *node, const void *data, uint64_t bytes);

/* Around a copy between a page and the application's memory: the page stays. */
void tmpfs_copy_begin(struct tmpfs_pages *pages);
void tmpfs_copy_end(struct tmpfs_pages *pages);
/* Before pages are taken away: may sleep until no copy is under way. */
void tmpfs_copies_wait(struct tmpfs_pages *pages);

int tmpfs_make_node(uint32_t mode, uint64_t device, struct vfs_name target,
    struct vfs_node **made);

#endif
