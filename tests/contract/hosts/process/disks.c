/*
 * disks.c - block devices of a process: files.  A transfer is done when it is asked for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process.h"

#define DISKS 4
#define OPEN 32
#define SECTOR_BYTES 512

static struct disk {
	int file;
	int64_t bytes;
	bool read_only;
} disks[DISKS];
static int disk_count;
static struct opened {
	const struct disk *disk;
	bool reads, writes;
} opened[OPEN];

bool process_disk_add(const char *path, bool read_only)
{
	struct stat status;
	int file = open(path, O_RDWR | O_CLOEXEC);

	if (file < 0 || fstat(file, &status) || disk_count == DISKS) {
		perror(path);
		return false;
	}
	disks[disk_count++] = (struct disk){ file, status.st_size, read_only };
	return true;
}

static const struct disk *find(const char *name)
{
	char known[16];

	for (int i = 0; i < disk_count; i++) {
		snprintf(known, sizeof known, "blk%d", i);
		if (!strcmp(name, known))
			return &disks[i];
	}
	return NULL;
}

static const struct opened *opened_as(int descriptor)
{
	return descriptor >= 0 && descriptor < OPEN && opened[descriptor].disk ? &opened[descriptor] : NULL;
}

int rumpuser_getfileinfo(const char *path, uint64_t *bytes, int *file_type)
{
	const struct disk *disk = find(path);

	if (!disk)
		return RUMPUSER_ENOENT;
	if (bytes)
		*bytes = (uint64_t)disk->bytes;
	if (file_type)
		*file_type = RUMPUSER_FT_BLK;
	return 0;
}

int rumpuser_open(const char *path, int mode, int *descriptor)
{
	const struct disk *disk = find(path);
	int access = mode & RUMPUSER_OPEN_ACCMODE;

	if (!disk)
		return RUMPUSER_ENOENT;
	if (disk->read_only && access != RUMPUSER_OPEN_RDONLY)
		return RUMPUSER_EROFS;
	for (int i = 0; i < OPEN; i++)
		if (!opened[i].disk) {
			opened[i] = (struct opened){ disk, access != RUMPUSER_OPEN_WRONLY,
				access != RUMPUSER_OPEN_RDONLY };
			*descriptor = i;
			return 0;
		}
	return RUMPUSER_EMFILE;
}

int rumpuser_close(int descriptor)
{
	if (!opened_as(descriptor))
		return RUMPUSER_EBADF;
	opened[descriptor].disk = NULL;
	return 0;
}

static int check(const struct opened *file, int operation, size_t bytes, int64_t offset)
{
	int direction = operation & (RUMPUSER_BIO_READ | RUMPUSER_BIO_WRITE);

	if (!file)
		return RUMPUSER_EBADF;
	if (operation == RUMPUSER_BIO_SYNC)
		return bytes ? RUMPUSER_EINVAL : 0;
	if ((direction != RUMPUSER_BIO_READ && direction != RUMPUSER_BIO_WRITE) ||
	    operation & ~(direction | RUMPUSER_BIO_SYNC))
		return RUMPUSER_EINVAL;
	if (direction == RUMPUSER_BIO_READ ? !file->reads : !file->writes)
		return RUMPUSER_EBADF;
	if (bytes % SECTOR_BYTES || offset % SECTOR_BYTES || offset < 0 ||
	    offset > file->disk->bytes || (int64_t)bytes > file->disk->bytes - offset)
		return RUMPUSER_EINVAL;
	return 0;
}

void rumpuser_bio(int descriptor, int operation, void *data, size_t bytes, int64_t offset,
    rump_biodone_fn done, void *done_argument)
{
	const struct opened *file = opened_as(descriptor);
	int error = check(file, operation, bytes, offset);
	ssize_t moved = 0;

	if (!error && operation & RUMPUSER_BIO_READ)
		moved = pread(file->disk->file, data, bytes, offset);
	else if (!error && operation & RUMPUSER_BIO_WRITE)
		moved = pwrite(file->disk->file, data, bytes, offset);
	if (moved < 0)
		error = process_error(errno);
	if (!error && operation & RUMPUSER_BIO_SYNC && fdatasync(file->disk->file))
		error = RUMPUSER_EIO;
	if (!error && (size_t)moved != bytes)
		error = RUMPUSER_EFAULT; /* a part of the memory is the caller's */
	done(done_argument, error ? 0 : bytes, error);
}

static int vector(int descriptor, const struct rumpuser_iovec *parts, size_t count, int64_t offset,
    size_t *bytes, bool write)
{
	const struct opened *file = opened_as(descriptor);
	size_t wanted = 0;

	*bytes = 0;
	if (!file || (write ? !file->writes : !file->reads))
		return RUMPUSER_EBADF;
	if (offset < 0)
		return RUMPUSER_EINVAL;
	for (size_t i = 0; i < count; i++) {
		int64_t at = offset + (int64_t)*bytes, room = file->disk->bytes - at;
		size_t step = room <= 0 ? 0 : (int64_t)parts[i].iov_len < room ? parts[i].iov_len :
		    (size_t)room;
		ssize_t moved = write ? pwrite(file->disk->file, parts[i].iov_base, step, at) :
		    pread(file->disk->file, parts[i].iov_base, step, at);

		if (moved < 0)
			return process_error(errno);
		wanted += parts[i].iov_len;
		*bytes += (size_t)moved;
	}
	return write && wanted && !*bytes ? RUMPUSER_ENOSPC : 0;
}

int rumpuser_iovread(int descriptor, struct rumpuser_iovec *parts, size_t count, int64_t offset,
    size_t *bytes)
{
	return vector(descriptor, parts, count, offset, bytes, false);
}

int rumpuser_iovwrite(int descriptor, const struct rumpuser_iovec *parts, size_t count,
    int64_t offset, size_t *bytes)
{
	return vector(descriptor, parts, count, offset, bytes, true);
}

int rumpuser_syncfd(int descriptor, int flags, uint64_t start, uint64_t bytes)
{
	const struct opened *file = opened_as(descriptor);
	const int known = RUMPUSER_SYNCFD_BOTH | RUMPUSER_SYNCFD_BARRIER | RUMPUSER_SYNCFD_SYNC;

	(void)start;
	(void)bytes;
	if (!file)
		return RUMPUSER_EBADF;
	if (!(flags & RUMPUSER_SYNCFD_BOTH) || flags & ~known)
		return RUMPUSER_EINVAL;
	return flags & RUMPUSER_SYNCFD_WRITE && fdatasync(file->disk->file) ? RUMPUSER_EIO : 0;
}
