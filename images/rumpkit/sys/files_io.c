/*
 * files_io.c - system calls that move bytes and positions.
 */
#include "call.h"
#include "files.h"
#include "files_path.h"
#include "kern.h"
#include "rumplib.h"

typedef long (*transfer_fn)(struct vfs_file *, struct vfs_io *, uint64_t *);

/* offset: where, or NULL for the file's own position. */
static long transfer(int descriptor, struct vfs_io *io, uint64_t *offset, transfer_fn move)
{
	struct vfs_file *file = vfs_descriptor_get(descriptor);
	long result;

	if (!file)
		return -EBADF;
	result = move(file, io, offset);
	vfs_file_put(file);
	return result;
}

static long transfer_one(int descriptor, long user, size_t bytes, uint64_t *offset,
    transfer_fn move)
{
	struct vfs_io io;

	vfs_io_user(&io, (void *)user, bytes);
	return transfer(descriptor, &io, offset, move);
}

SYSCALL(read)
{
	return transfer_one((int)a, b, (size_t)c, NULL, vfs_file_read);
}

SYSCALL(write)
{
	return transfer_one((int)a, b, (size_t)c, NULL, vfs_file_write);
}

SYSCALL(pread64)
{
	uint64_t offset = (uint64_t)d;

	return d < 0 ? -EINVAL : transfer_one((int)a, b, (size_t)c, &offset, vfs_file_read);
}

SYSCALL(pwrite64)
{
	uint64_t offset = (uint64_t)d;

	return d < 0 ? -EINVAL : transfer_one((int)a, b, (size_t)c, &offset, vfs_file_write);
}

/* ---- vectors ------------------------------------------------------------------------------ */

#define FEW_SEGMENTS 8

static long vector_bytes(const struct linux_iovec *vector, size_t count)
{
	size_t bytes = 0, i;

	for (i = 0; i < count; i++) {
		if (vector[i].iov_len > INT64_MAX)
			return -EINVAL;
		/* What is past the limit of one call is left for the next. */
		if (bytes + vector[i].iov_len < bytes || bytes + vector[i].iov_len > INT64_MAX)
			return -EINVAL;
		bytes += vector[i].iov_len;
	}
	return (long)bytes;
}

static long transfer_vector(int descriptor, long user, size_t count, uint64_t *offset,
    transfer_fn move)
{
	struct linux_iovec few[FEW_SEGMENTS], *vector = few;
	struct vfs_io io;
	long result;

	if (!vfs_descriptor_slot(descriptor))
		return -EBADF;
	if (count > IOV_MAX)
		return -EINVAL;
	if (count > FEW_SEGMENTS)
		vector = kern_alloc(count * sizeof *vector);
	if (!vector)
		return -ENOMEM;
	result = kern_copyin((void *)user, vector, count * sizeof *vector);
	if (!result)
		result = vector_bytes(vector, count);
	if (result >= 0) {
		vfs_io_vector(&io, vector, (size_t)result);
		result = transfer(descriptor, &io, offset, move);
	}
	if (vector != few)
		kern_free(vector);
	return result;
}

SYSCALL(readv)
{
	return transfer_vector((int)a, b, (size_t)c, NULL, vfs_file_read);
}

SYSCALL(writev)
{
	return transfer_vector((int)a, b, (size_t)c, NULL, vfs_file_write);
}

SYSCALL(preadv)
{
	uint64_t offset = (uint64_t)d;

	return d < 0 ? -EINVAL : transfer_vector((int)a, b, (size_t)c, &offset, vfs_file_read);
}

SYSCALL(pwritev)
{
	uint64_t offset = (uint64_t)d;

	return d < 0 ? -EINVAL : transfer_vector((int)a, b, (size_t)c, &offset, vfs_file_write);
}

/* readv(2): what a flag asks for that is so already, or done here. */
#define RWF_HIPRI 0x01
#define RWF_DSYNC 0x02
#define RWF_SYNC 0x04
#define RWF_KNOWN (RWF_HIPRI | RWF_DSYNC | RWF_SYNC)

SYSCALL(preadv2)
{
	if (f & ~RWF_KNOWN)
		return -EOPNOTSUPP;
	return d == -1 ? sys_readv(a, b, c, 0, 0, 0) : sys_preadv(a, b, c, d, 0, 0);
}

SYSCALL(pwritev2)
{
	long done, error = 0;

	if (f & ~RWF_KNOWN)
		return -EOPNOTSUPP;
	done = d == -1 ? sys_writev(a, b, c, 0, 0, 0) : sys_pwritev(a, b, c, d, 0, 0);
	if (done > 0 && f & RWF_SYNC)
		error = sys_fsync(a, 0, 0, 0, 0, 0);
	else if (done > 0 && f & RWF_DSYNC)
		error = sys_fdatasync(a, 0, 0, 0, 0, 0);
	return error && error != -EINVAL ? error : done; /* EINVAL: nothing that lasts */
}
