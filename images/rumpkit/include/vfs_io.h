/*
 * vfs_io.h - the memory a read or write moves bytes to or from.
 *
 * A cursor over a vector of segments in the application's memory, or in the kernel's
 * for sendfile and the kernel's own reads.  File types move bytes through it and need
 * not know which.
 */
#ifndef VFS_IO_H
#define VFS_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "linux_abi.h"

/* The most one call moves: Linux's limit, a page below 2 GiB. */
#define VFS_IO_MAX_BYTES 0x7ffff000ul

struct vfs_io {
	const struct linux_iovec *segment; /* the one being used, in kernel memory */
	size_t used_bytes;                 /* of that segment */
	size_t left_bytes;                 /* of all segments; files move at most this */
	bool kernel;                       /* segments point at kernel memory */
	bool append;                       /* a volume is to write at the end, and to say */
	uint64_t appended_at;              /* here where that was */
	struct linux_iovec single;
};

/* One segment.  Longer than VFS_IO_MAX_BYTES is shortened to it. */
void vfs_io_user(struct vfs_io *io, void *user, size_t bytes);
void vfs_io_kernel(struct vfs_io *io, void *kernel, size_t bytes);
/* The vector stays the caller's and must outlive io; left_bytes is given. */
void vfs_io_vector(struct vfs_io *io, const struct linux_iovec *vector, size_t bytes);

/*
 * Move up to bytes between the cursor and kernel memory and advance.  Returns what was
 * moved; less than asked (and less than left_bytes) means the application's memory
 * could not be reached: the caller returns -EFAULT if it has moved nothing at all.
 */
size_t vfs_io_put(struct vfs_io *io, const void *from, size_t bytes);
size_t vfs_io_take(struct vfs_io *io, void *to, size_t bytes);
size_t vfs_io_put_zeros(struct vfs_io *io, size_t bytes);

/* Forget the next bytes, as if they had been moved. */
void vfs_io_skip(struct vfs_io *io, size_t bytes);

#endif
