/*
 * files.c - files and block devices of the host: what this one has is disks.
 *
 * A disk is opened by name: "blk0" and on, in the machine's order, or "serial:TEXT".
 */
#include "bmk.h"
#include "disk.h"
#include "lab_trace.h"
#include "rumplib.h"

#define FILES 32
#define BOUNCE_PAGES 8

static struct {
	struct rumpuser_disk *disk; /* NULL: no file */
	int mode;
} files[FILES];

static struct rumpuser_disk *disk_of(int descriptor)
{
	return descriptor >= 0 && descriptor < FILES ? files[descriptor].disk : NULL;
}

/* Opened for this? */
static bool may(int descriptor, int operation)
{
	int mode = files[descriptor].mode & RUMPUSER_OPEN_ACCMODE;

	if (operation & RUMPUSER_BIO_WRITE)
		return mode == RUMPUSER_OPEN_WRONLY || mode == RUMPUSER_OPEN_RDWR;
	return !(operation & RUMPUSER_BIO_READ) || mode != RUMPUSER_OPEN_WRONLY;
}

static int file_open(const char *path, int mode, int *descriptor)
{
	int error, at = 0;
	struct rumpuser_disk *disk = rumpuser_disk_find(path, &error);

	if (!disk)
		return error;
	if ((mode & RUMPUSER_OPEN_ACCMODE) != RUMPUSER_OPEN_RDONLY && disk->read_only)
		return RUMPUSER_EROFS;
	while (at < FILES && files[at].disk)
		at++;
	if (at == FILES)
		return RUMPUSER_EMFILE;
	files[at].disk = disk;
	files[at].mode = mode;
	*descriptor = at;
	return 0;
}

int rumpuser_open(const char *path, int mode, int *descriptor)
{
	HYPERCALL_ENTER(rumpuser_open, path, mode, descriptor, 0);
	HYPERCALL_RETURN(rumpuser_open, file_open(path, mode, descriptor));
}

int rumpuser_close(int descriptor)
{
	HYPERCALL_ENTER(rumpuser_close, descriptor, 0, 0, 0);
	if (!disk_of(descriptor))
		HYPERCALL_RETURN(rumpuser_close, RUMPUSER_EBADF);
	files[descriptor].disk = NULL;
	HYPERCALL_RETURN(rumpuser_close, 0);
}

int rumpuser_getfileinfo(const char *path, uint64_t *bytes, int *file_type)
{
	struct rumpuser_disk *disk;
	int error;

	HYPERCALL_ENTER(rumpuser_getfileinfo, path, bytes, file_type, 0);
	disk = rumpuser_disk_find(path, &error);
	if (!disk)
		HYPERCALL_RETURN(rumpuser_getfileinfo, error);
	if (bytes)
		*bytes = disk->bytes;
	if (file_type)
		*file_type = RUMPUSER_FT_BLK;
	HYPERCALL_RETURN(rumpuser_getfileinfo, 0);
}

void rumpuser_bio(int descriptor, int operation, void *data, size_t bytes, int64_t offset,
    rump_biodone_fn done, void *done_argument)
{
	const int known = RUMPUSER_BIO_READ | RUMPUSER_BIO_WRITE | RUMPUSER_BIO_SYNC;
	const int both = RUMPUSER_BIO_READ | RUMPUSER_BIO_WRITE;
	struct rumpuser_disk *disk = disk_of(descriptor);

	HYPERCALL_ENTER(rumpuser_bio, descriptor, operation, data, bytes);
	if (!disk || !may(descriptor, operation))
		done(done_argument, 0, RUMPUSER_EBADF);
	else if (!operation || operation & ~known || (operation & both) == both)
		done(done_argument, 0, RUMPUSER_EINVAL);
	else
		rumpuser_disk_bio(disk, operation, data, bytes, offset, done, done_argument);
	HYPERCALL_EXIT(rumpuser_bio, 0);
}

/* --- reading and writing at any byte --- */

/* What does not begin and end with a sector goes through memory of ours. */
static int bounce(struct rumpuser_disk *disk, int operation, char *data, size_t bytes,
    uint64_t offset)
{
	const size_t room = BOUNCE_PAGES * BMK_PAGE_BYTES;
	char *memory = bmk_pages_alloc(BOUNCE_PAGES);
	int error = memory ? 0 : RUMPUSER_ENOMEM;

	while (bytes && !error) {
		size_t before = offset % DISK_SECTOR_BYTES;
		size_t part = bytes < room - before ? bytes : room - before;
		size_t span = (before + part + DISK_SECTOR_BYTES - 1) & ~(DISK_SECTOR_BYTES - 1ul);
		int64_t start = (int64_t)(offset - before);

		error = rumpuser_disk_do(disk, RUMPUSER_BIO_READ, memory, span, start);
		if (!error && operation & RUMPUSER_BIO_WRITE) {
			memcpy(memory + before, data, part);
			error = rumpuser_disk_do(disk, operation, memory, span, start);
		} else if (!error) {
			memcpy(data, memory + before, part);
		}
		data += part;
		bytes -= part;
		offset += part;
	}
	if (memory)
		bmk_pages_free(memory, BOUNCE_PAGES);
	return error;
}

static int vector_move(int descriptor, int operation, const struct rumpuser_iovec *vector,
    size_t count, int64_t offset, size_t *moved)
{
	struct rumpuser_disk *disk = disk_of(descriptor);
	int error = 0;

	*moved = 0;
	if (!disk || !may(descriptor, operation))
		return RUMPUSER_EBADF;
	if (offset < 0)
		return RUMPUSER_EINVAL; /* a disk has no position of its own */
	for (size_t i = 0; i < count && !error; i++) {
		uint64_t at = (uint64_t)offset + *moved;
		uint64_t left = at < disk->bytes ? disk->bytes - at : 0;
		size_t bytes = vector[i].iov_len < left ? vector[i].iov_len : left;

		if ((at | bytes) % DISK_SECTOR_BYTES)
			error = bounce(disk, operation, vector[i].iov_base, bytes, at);
		else
			error = rumpuser_disk_do(disk, operation, vector[i].iov_base, bytes, (int64_t)at);
		if (error)
			break;
		*moved += bytes;
		if (bytes < vector[i].iov_len)
			error = operation & RUMPUSER_BIO_WRITE ? RUMPUSER_ENOSPC : 0;
		if (bytes < vector[i].iov_len)
			break;
	}
	return *moved ? 0 : error;
}

int rumpuser_iovread(int descriptor, struct rumpuser_iovec *vector, size_t count,
    int64_t offset, size_t *bytes)
{
	HYPERCALL_ENTER(rumpuser_iovread, descriptor, vector, count, offset);
	HYPERCALL_RETURN(rumpuser_iovread, vector_move(descriptor, RUMPUSER_BIO_READ, vector,
	    count, offset, bytes));
}

int rumpuser_iovwrite(int descriptor, const struct rumpuser_iovec *vector, size_t count,
    int64_t offset, size_t *bytes)
{
	HYPERCALL_ENTER(rumpuser_iovwrite, descriptor, vector, count, offset);
	HYPERCALL_RETURN(rumpuser_iovwrite, vector_move(descriptor, RUMPUSER_BIO_WRITE, vector,
	    count, offset, bytes));
}

static int sync(int descriptor, int flags)
{
	const int known = RUMPUSER_SYNCFD_BOTH | RUMPUSER_SYNCFD_BARRIER | RUMPUSER_SYNCFD_SYNC;
	struct rumpuser_disk *disk = disk_of(descriptor);

	if (!disk)
		return RUMPUSER_EBADF;
	if (flags & ~known || !(flags & RUMPUSER_SYNCFD_BOTH))
		return RUMPUSER_EINVAL;
	/* Nothing here holds data back from a reader. */
	if (!(flags & RUMPUSER_SYNCFD_WRITE))
		return 0;
	return rumpuser_disk_do(disk, RUMPUSER_BIO_SYNC, NULL, 0, 0);
}

int rumpuser_syncfd(int descriptor, int flags, uint64_t start, uint64_t bytes)
{
	HYPERCALL_ENTER(rumpuser_syncfd, descriptor, flags, start, bytes);
	HYPERCALL_RETURN(rumpuser_syncfd, sync(descriptor, flags));
}
