/*
 * transfer.c - moving lines of a disk's cache to and from the device.
 *
 * Requests end at interrupt level, where only bits and counts are changed; the runtime
 * never runs with interrupts on, so that these need no lock.
 */
#include "disk.h"
#include "linux_abi.h"
#include "rumplib.h"
#include "rumpuser.h"
#include "vfs_volume.h"

void disk_requests_init(struct disk *disk)
{
	for (size_t i = 0; i < DISK_REQUESTS; i++) {
		disk->requests[i].disk = disk;
		disk->requests[i].next = disk->free_requests;
		disk->free_requests = &disk->requests[i];
	}
	rumpuser_cv_init(&disk->moved);
}

static void request_done(void *argument, size_t bytes, int error)
{
	struct disk_request *request = argument;
	struct disk_line *line = request->line;
	struct disk *disk = request->disk;

	if (bytes != request->bytes && !error)
		error = RUMPUSER_EIO;
	if (request->writes) {
		disk->writes_under_way--;
		if (error && !disk->write_error)
			disk->write_error = -EIO;
	} else {
		line->loading &= ~request->sectors;
		if (!error)
			line->valid |= request->sectors;
	}
	line->requests--;
	disk->under_way--;
	request->next = disk->free_requests;
	disk->free_requests = request;
	rumpuser_cv_broadcast(disk->moved);
}

static struct disk_request *request_get(struct disk *disk)
{
	struct disk_request *request;

	while (!disk->free_requests)
		vfs_sleep_on(disk->moved);
	request = disk->free_requests;
	disk->free_requests = request->next;
	return request;
}

/* The lowest run of set bits. */
static uint64_t first_run(uint64_t bits)
{
	uint64_t low = bits & -bits;

	return bits & ~(bits + low);
}

static size_t run_sectors(uint64_t run)
{
	return 64u - (unsigned)__builtin_clzll(run) - (unsigned)__builtin_ctzll(run);
}

static void submit(struct disk *disk, struct disk_line *line, uint64_t run, int operation)
{
	struct disk_request *request = request_get(disk);
	size_t at = (size_t)__builtin_ctzll(run) * DISK_SECTOR_BYTES;

	request->line = line;
	request->sectors = run;
	request->bytes = run_sectors(run) * DISK_SECTOR_BYTES;
	request->writes = operation & RUMPUSER_BIO_WRITE;
	line->requests++;
	disk->under_way++;
	if (request->writes)
		disk->writes_under_way++;
	rumpuser_bio(disk->descriptor, operation, line->data + at, request->bytes,
	    (int64_t)(line->number * DISK_LINE_BYTES + at), request_done, request);
}

void disk_line_load(struct disk *disk, struct disk_line *line, uint64_t sectors)
{
	uint64_t run;

	line->views++; /* request_get may sleep */
	line->loading |= sectors;
	for (; sectors; sectors &= ~run) {
		run = first_run(sectors);
		submit(disk, line, run, RUMPUSER_BIO_READ);
	}
	line->views--;
}

void disk_prefetch(struct disk *disk, uint64_t offset, uint64_t bytes)
{
	struct disk_view view;
	uint64_t end = offset + bytes, step, missing;

	if (end > disk->bytes || end < offset)
		return;
	for (; offset < end && disk->under_way < DISK_REQUESTS / 2; offset += step) {
		step = DISK_LINE_BYTES - offset % DISK_LINE_BYTES;
		if (step > end - offset)
			step = end - offset;
		/* "new" with no sectors: only to have the line, in the order of use. */
		if (disk_view(disk, offset, 0, true, &view))
			return;
		missing = disk_sectors(offset, (size_t)step) & ~(view.line->valid | view.line->loading);
		if (missing)
			disk_line_load(disk, view.line, missing);
		disk_view_put(&view);
	}
}

void disk_settle(struct disk *disk)
{
	while (disk->under_way)
		vfs_sleep_on(disk->moved);
}

static bool is_dirty(const struct disk_line *line)
{
	for (int class = 0; class < DISK_CLASSES; class++)
		if (line->dirty[class])
			return true;
	return false;
}

/* One class of one line; the bits go first, since the line cannot change meanwhile. */
static void write_line(struct disk *disk, struct disk_line *line, int class)
{
	uint64_t sectors = line->dirty[class], run;

	line->dirty[class] = 0;
	if (!is_dirty(line))
		disk->dirty_lines--;
	line->views++;
	for (; sectors; sectors &= ~run) {
		run = first_run(sectors);
		submit(disk, line, run, RUMPUSER_BIO_WRITE);
	}
	line->views--;
}

static int write_class(struct disk *disk, int class)
{
	struct disk_line *line;

	disk->write_error = 0;
	disk->walked = true;
	for (line = disk->oldest; line; line = line->newer)
		if (line->dirty[class])
			write_line(disk, line, class);
	disk->walked = false;
	while (disk->writes_under_way)
		vfs_sleep_on(disk->moved);
	return disk->write_error;
}

int disk_flush(struct disk *disk)
{
	int error = 0;

	if (!disk->dirty_lines)
		return 0;
	for (int class = 0; class < DISK_CLASSES && !error; class++)
		error = write_class(disk, class);
	return error;
}

int disk_barrier(struct disk *disk)
{
	return rumpuser_syncfd(disk->descriptor, RUMPUSER_SYNCFD_WRITE | RUMPUSER_SYNCFD_SYNC,
	    0, disk->bytes) ? -EIO : 0;
}
