/*
 * disk.h - a block device and the bounded cache of what is on it.
 *
 * The cache holds lines of 32 KiB, each contiguous in memory and on the device, with a
 * bit for every sector: is it valid, and must it be written.  Callers look at parts of
 * lines through views, which keep a line where it is.  Writing happens in disk_flush,
 * class after class in the order of enum disk_class, each on the device before the next
 * begins: that is what a file system's consistency after a crash rests on.
 *
 * All calls want the volume's lock, except where they say so, and may sleep.
 */
#ifndef VFS_DISK_H
#define VFS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_SECTOR_BYTES 512
#define DISK_LINE_BYTES 32768ul
#define DISK_LINE_SECTORS 64 /* the bits of a uint64_t */

/* What a block is, which says when it is written. */
enum disk_class {
	DISK_DATA,        /* contents, and maps of what is free: nothing refers to it yet */
	DISK_INODE,       /* inodes and the blocks that list their blocks */
	DISK_NAME,        /* directory entries that were added */
	DISK_NAME_GONE,   /* directory entries that were removed */
	DISK_CLASSES
};

struct disk_line {
	struct disk_line *same_bucket;
	struct disk_line *newer, *older; /* by use */
	uint64_t number;                 /* offset on the device / DISK_LINE_BYTES */
	uint8_t *data;
	uint64_t valid, loading;         /* a bit for each sector */
	uint64_t dirty[DISK_CLASSES];
	uint32_t views;                  /* that keep it here */
	uint32_t requests;               /* that are with the device */
};

struct disk_request {
	struct disk_request *next;
	struct disk *disk;
	struct disk_line *line;
	uint64_t sectors;
	size_t bytes;
	bool writes;
};

#define DISK_BUCKETS 512
#define DISK_REQUESTS 64

struct disk {
	int descriptor;
	uint64_t bytes;
	struct disk_line *buckets[DISK_BUCKETS];
	struct disk_line *newest, *oldest;
	size_t lines, most_lines, dirty_lines;
	struct disk_request requests[DISK_REQUESTS], *free_requests;
	uint32_t under_way, writes_under_way;
	int write_error;             /* the first of this flush */
	bool walked;                 /* the list of lines must stay as it is */
	struct rumpuser_cv *moved;   /* a request has ended */
	/* Called when every line is dirty: is to call disk_flush.  */
	int (*make_room)(void *argument);
	void *argument;
};

/*
 * Open a block device by its name.  -ENXIO no such device, -EROFS not writable, -ENOMEM.
 * At most this many bytes are cached.
 */
int disk_open(struct disk *disk, const char *name, bool read_only, size_t cache_bytes);
/* Give everything back; what is dirty is lost. */
void disk_close(struct disk *disk);

/* A part of a line. */
struct disk_view {
	struct disk_line *line;
	uint8_t *data;       /* of the offset that was asked for */
	uint64_t sectors;    /* those the view covers */
};
/*
 * View bytes at an offset, all within one line.  Reads what is missing; with new, nothing
 * is read and the contents are undefined until written.  -EIO, -ENOMEM.
 */
int disk_view(struct disk *disk, uint64_t offset, size_t bytes, bool new,
    struct disk_view *view);
/* Does not sleep, needs no lock. */
void disk_view_put(struct disk_view *view);
/* What the view covers was changed.  Does not sleep. */
void disk_view_dirty(struct disk *disk, const struct disk_view *view, enum disk_class class);

/* Whether a range within one line is in the cache. */
bool disk_has(struct disk *disk, uint64_t offset, size_t bytes);
/* Begin to read a range into the cache, without waiting; errors are found later. */
void disk_prefetch(struct disk *disk, uint64_t offset, uint64_t bytes);
/* These blocks are free: nobody wants them written. */
void disk_forget(struct disk *disk, uint64_t offset, uint64_t bytes);
/* Write all that is dirty, in order.  The first error; what failed is not tried again. */
int disk_flush(struct disk *disk);
/* Give up what is dirty. */
void disk_discard(struct disk *disk);
/* Everything written is on stable storage. */
int disk_barrier(struct disk *disk);
/* Drop clean lines, least recently used first; how many.  Does not sleep, needs no lock. */
size_t disk_shrink(struct disk *disk, size_t lines);

/* Inside the cache. */
struct disk_line *disk_line_find(struct disk *disk, uint64_t number);
/* Bits of the sectors of a range within a line. */
uint64_t disk_sectors(uint64_t offset, size_t bytes);
/* Start to read sectors (none of them loading) of a line; sleeps while too many are out. */
void disk_line_load(struct disk *disk, struct disk_line *line, uint64_t sectors);
void disk_requests_init(struct disk *disk);
/* Wait until no request is with the device. */
void disk_settle(struct disk *disk);

#endif
