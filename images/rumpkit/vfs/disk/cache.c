/*
 * cache.c - the lines of a disk's cache: finding, making and dropping them.
 */
#include "disk.h"
#include "kern.h"
#include "linux_abi.h"
#include "rumplib.h"
#include "rumpuser.h"
#include "vfs_volume.h"

#define LEAST_LINES 8

uint64_t disk_sectors(uint64_t offset, size_t bytes)
{
	unsigned first = (unsigned)(offset % DISK_LINE_BYTES / DISK_SECTOR_BYTES);
	unsigned count = (unsigned)((bytes + DISK_SECTOR_BYTES - 1) / DISK_SECTOR_BYTES);

	return (count >= DISK_LINE_SECTORS ? ~0ull : (1ull << count) - 1) << first;
}

static uint64_t dirty_of(const struct disk_line *line)
{
	uint64_t dirty = 0;

	for (int class = 0; class < DISK_CLASSES; class++)
		dirty |= line->dirty[class];
	return dirty;
}

/* ---- order of use ---------------------------------------------------------------------- */

static void list_remove(struct disk *disk, struct disk_line *line)
{
	*(line->newer ? &line->newer->older : &disk->newest) = line->older;
	*(line->older ? &line->older->newer : &disk->oldest) = line->newer;
}

static void list_add(struct disk *disk, struct disk_line *line)
{
	line->newer = NULL;
	line->older = disk->newest;
	*(line->older ? &line->older->newer : &disk->oldest) = line;
	disk->newest = line;
}

static struct disk_line **bucket_of(struct disk *disk, uint64_t number)
{
	return &disk->buckets[(number ^ number >> 9) % DISK_BUCKETS];
}

struct disk_line *disk_line_find(struct disk *disk, uint64_t number)
{
	struct disk_line *line = *bucket_of(disk, number);

	while (line && line->number != number)
		line = line->same_bucket;
	return line;
}

/* ---- making and dropping --------------------------------------------------------------- */

static void line_destroy(struct disk *disk, struct disk_line *line)
{
	struct disk_line **at = bucket_of(disk, line->number);

	while (*at != line)
		at = &(*at)->same_bucket;
	*at = line->same_bucket;
	list_remove(disk, line);
	rumpuser_free(line->data, DISK_LINE_BYTES);
	kern_free(line);
	disk->lines--;
}

static bool is_idle(const struct disk_line *line)
{
	return !line->views && !line->requests && !dirty_of(line);
}

size_t disk_shrink(struct disk *disk, size_t lines)
{
	struct disk_line *line = disk->oldest, *newer;
	size_t dropped = 0;

	if (disk->walked) /* somebody sleeps in the middle of the list */
		return 0;
	for (; line && dropped < lines; line = newer) {
		newer = line->newer;
		if (is_idle(line)) {
			line_destroy(disk, line);
			dropped++;
		}
	}
	return dropped;
}

/* Have room for one more line: drop one, or write so that one can be dropped. */
static void make_room(struct disk *disk)
{
	if (disk->lines < disk->most_lines || disk_shrink(disk, disk->lines - disk->most_lines + 1))
		return;
	disk_settle(disk); /* what is being read ahead may go */
	if (!disk_shrink(disk, 1) && !disk->make_room(disk->argument))
		disk_shrink(disk, 1);
}

static struct disk_line *line_alloc(struct disk *disk)
{
	struct disk_line *line = kern_alloc(sizeof *line);
	void *data;

	if (!line)
		return NULL;
	while (rumpuser_malloc(DISK_LINE_BYTES, 4096, &data))
		if (!disk_shrink(disk, 1)) {
			kern_free(line);
			return NULL;
		}
	line->data = data;
	return line;
}

/* The line, made if it is not there; its contents are not valid yet.  NULL: no memory. */
static struct disk_line *line_get(struct disk *disk, uint64_t number)
{
	struct disk_line *line = disk_line_find(disk, number), **bucket;

	if (line) {
		list_remove(disk, line);
		list_add(disk, line);
		return line;
	}
	make_room(disk);
	line = line_alloc(disk);
	if (!line)
		return NULL;
	line->number = number;
	bucket = bucket_of(disk, number);
	line->same_bucket = *bucket;
	*bucket = line;
	list_add(disk, line);
	disk->lines++;
	return line;
}

/* ---- views ------------------------------------------------------------------------------ */

static int wait_for(struct disk *disk, struct disk_line *line, uint64_t sectors)
{
	while (line->loading & sectors)
		vfs_sleep_on(disk->moved);
	if ((line->valid & sectors) == sectors)
		return 0;
	disk_line_load(disk, line, sectors & ~line->valid);
	while (line->loading & sectors)
		vfs_sleep_on(disk->moved);
	return (line->valid & sectors) == sectors ? 0 : -EIO;
}

int disk_view(struct disk *disk, uint64_t offset, size_t bytes, bool new,
    struct disk_view *view)
{
	struct disk_line *line;
	int error = 0;

	if (offset + bytes > disk->bytes || offset + bytes < offset)
		return -EIO;
	line = line_get(disk, offset / DISK_LINE_BYTES);
	if (!line)
		return -ENOMEM;
	line->views++;
	view->line = line;
	view->data = line->data + offset % DISK_LINE_BYTES;
	view->sectors = disk_sectors(offset, bytes);
	while (new && (line->loading & view->sectors)) /* what it reads must not come later */
		vfs_sleep_on(disk->moved);
	if (new)
		line->valid |= view->sectors;
	else if ((line->valid & view->sectors) != view->sectors)
		error = wait_for(disk, line, view->sectors);
	if (error)
		disk_view_put(view);
	return error;
}

bool disk_has(struct disk *disk, uint64_t offset, size_t bytes)
{
	const struct disk_line *line = disk_line_find(disk, offset / DISK_LINE_BYTES);
	uint64_t sectors = disk_sectors(offset, bytes);

	return line && (line->valid & sectors) == sectors;
}

void disk_view_put(struct disk_view *view)
{
	if (view->line)
		view->line->views--;
	view->line = NULL;
}

void disk_view_dirty(struct disk *disk, const struct disk_view *view, enum disk_class class)
{
	struct disk_line *line = view->line;
	uint64_t sectors = view->sectors;

	if (!dirty_of(line))
		disk->dirty_lines++;
	/* In two classes it would be written twice; the earlier one is enough. */
	for (int other = 0; other < (int)class; other++)
		sectors &= ~line->dirty[other];
	for (int other = (int)class + 1; other < DISK_CLASSES; other++)
		line->dirty[other] &= ~sectors;
	line->dirty[class] |= sectors;
}

static void clean(struct disk *disk, struct disk_line *line, uint64_t sectors)
{
	bool was_dirty = dirty_of(line);

	for (int class = 0; class < DISK_CLASSES; class++)
		line->dirty[class] &= ~sectors;
	if (was_dirty && !dirty_of(line))
		disk->dirty_lines--;
}

void disk_forget(struct disk *disk, uint64_t offset, uint64_t bytes)
{
	uint64_t end = offset + bytes, step;

	for (; offset < end; offset += step) {
		struct disk_line *line = disk_line_find(disk, offset / DISK_LINE_BYTES);

		step = DISK_LINE_BYTES - offset % DISK_LINE_BYTES;
		if (step > end - offset)
			step = end - offset;
		if (line)
			clean(disk, line, disk_sectors(offset, (size_t)step));
	}
}

void disk_discard(struct disk *disk)
{
	struct disk_line *line;

	for (line = disk->newest; line; line = line->older)
		clean(disk, line, ~0ull);
}

/* ---- beginning and end ------------------------------------------------------------------- */

static int open_device(struct disk *disk, const char *name, bool read_only)
{
	int mode = (read_only ? RUMPUSER_OPEN_RDONLY : RUMPUSER_OPEN_RDWR) | RUMPUSER_OPEN_BIO;
	int type, error;

	if (!strncmp(name, "/dev/", 5))
		name += 5;
	if (rumpuser_getfileinfo(name, &disk->bytes, &type) || type != RUMPUSER_FT_BLK)
		return -ENXIO;
	error = rumpuser_open(name, mode, &disk->descriptor);
	if (!error)
		return 0;
	return error == RUMPUSER_ENOENT ? -ENXIO : error == RUMPUSER_ENOMEM ? -ENOMEM : -EROFS;
}

int disk_open(struct disk *disk, const char *name, bool read_only, size_t cache_bytes)
{
	int error = open_device(disk, name, read_only);

	if (error)
		return error;
	disk->most_lines = cache_bytes / DISK_LINE_BYTES;
	if (disk->most_lines < LEAST_LINES)
		disk->most_lines = LEAST_LINES;
	disk_requests_init(disk);
	return 0;
}

void disk_close(struct disk *disk)
{
	disk_settle(disk);
	disk_discard(disk);
	disk_shrink(disk, SIZE_MAX);
	rumpuser_close(disk->descriptor);
	rumpuser_cv_destroy(disk->moved);
}
