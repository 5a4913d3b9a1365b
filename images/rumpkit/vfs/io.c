/*
 * io.c - the cursor over the memory that a read or write moves bytes to or from.
 */
#include "kern.h"
#include "rumplib.h"
#include "vfs_io.h"

static const uint8_t zeros[512];

static void io_start(struct vfs_io *io, void *memory, size_t bytes, bool kernel)
{
	if (bytes > VFS_IO_MAX_BYTES)
		bytes = VFS_IO_MAX_BYTES;
	io->single.iov_base = memory;
	io->single.iov_len = bytes;
	io->segment = &io->single;
	io->used_bytes = 0;
	io->left_bytes = bytes;
	io->kernel = kernel;
}

void vfs_io_user(struct vfs_io *io, void *user, size_t bytes)
{
	io_start(io, user, bytes, false);
}

void vfs_io_kernel(struct vfs_io *io, void *kernel, size_t bytes)
{
	io_start(io, kernel, bytes, true);
}

void vfs_io_vector(struct vfs_io *io, const struct linux_iovec *vector, size_t bytes)
{
	io->segment = vector;
	io->used_bytes = 0;
	io->left_bytes = bytes > VFS_IO_MAX_BYTES ? VFS_IO_MAX_BYTES : bytes;
	io->kernel = false;
}

/* Where the cursor stands, and how far the same segment goes on, at most bytes. */
static uint8_t *io_here(struct vfs_io *io, size_t *bytes)
{
	size_t room;

	while (io->used_bytes == io->segment->iov_len) {
		io->segment++;
		io->used_bytes = 0;
	}
	room = io->segment->iov_len - io->used_bytes;
	if (*bytes > room)
		*bytes = room;
	return (uint8_t *)io->segment->iov_base + io->used_bytes;
}

static void io_advance(struct vfs_io *io, size_t bytes)
{
	io->used_bytes += bytes;
	io->left_bytes -= bytes;
}

static int copy_to(struct vfs_io *io, void *there, const void *here, size_t bytes)
{
	if (!io->kernel)
		return kern_copyout(here, there, bytes);
	memcpy(there, here, bytes);
	return 0;
}

static int copy_from(struct vfs_io *io, const void *there, void *here, size_t bytes)
{
	if (!io->kernel)
		return kern_copyin(there, here, bytes);
	memcpy(here, there, bytes);
	return 0;
}

size_t vfs_io_put(struct vfs_io *io, const void *from, size_t bytes)
{
	size_t done = 0, step;
	uint8_t *there;

	if (bytes > io->left_bytes)
		bytes = io->left_bytes;
	while (done < bytes) {
		step = bytes - done;
		there = io_here(io, &step);
		if (copy_to(io, there, (const uint8_t *)from + done, step))
			break;
		io_advance(io, step);
		done += step;
	}
	return done;
}

size_t vfs_io_take(struct vfs_io *io, void *to, size_t bytes)
{
	size_t done = 0, step;
	uint8_t *there;

	if (bytes > io->left_bytes)
		bytes = io->left_bytes;
	while (done < bytes) {
		step = bytes - done;
		there = io_here(io, &step);
		if (copy_from(io, there, (uint8_t *)to + done, step))
			break;
		io_advance(io, step);
		done += step;
	}
	return done;
}

size_t vfs_io_put_zeros(struct vfs_io *io, size_t bytes)
{
	size_t done = 0, step, put;

	while (done < bytes) {
		step = bytes - done < sizeof zeros ? bytes - done : sizeof zeros;
		put = vfs_io_put(io, zeros, step);
		done += put;
		if (put < step)
			break;
	}
	return done;
}

void vfs_io_skip(struct vfs_io *io, size_t bytes)
{
	size_t step;

	if (bytes > io->left_bytes)
		bytes = io->left_bytes;
	while (bytes) {
		step = bytes;
		io_here(io, &step);
		io_advance(io, step);
		bytes -= step;
	}
}
