/*
 * files_copy.c - system calls that move bytes between two files: sendfile, copy_file_range.
 */
#include "call.h"
#include "files.h"
#include "files_path.h"
#include "kern.h"
#include "rumplib.h"

#define PIECE_BYTES VFS_PAGE_BYTES

/* Move one piece through memory of the kernel; put_at NULL: to's own position.  Bytes
 * moved, 0 at the end. */
static long send_piece(struct vfs_file *to, uint64_t *put_at, struct vfs_file *from,
    uint64_t *position, void *piece, size_t bytes)
{
	uint64_t at = *position;
	struct vfs_io io;
	long got, put;

	vfs_io_kernel(&io, piece, bytes < PIECE_BYTES ? bytes : PIECE_BYTES);
	got = vfs_file_read(from, &io, &at);
	if (got <= 0)
		return got;
	vfs_io_kernel(&io, piece, (size_t)got);
	put = vfs_file_write(to, &io, put_at);
	if (put > 0)
		*position += (uint64_t)put;
	return put;
}

static long send(struct vfs_file *to, uint64_t *put_at, struct vfs_file *from,
    uint64_t *position, size_t bytes)
{
	void *piece = kern_alloc(PIECE_BYTES);
	long done = 0, moved = 0;

	if (!piece)
		return -ENOMEM;
	while ((size_t)done < bytes) {
		moved = send_piece(to, put_at, from, position, piece, bytes - (size_t)done);
		if (moved <= 0)
			break;
		done += moved;
	}
	kern_free(piece);
	return done ? done : moved;
}

static long send_between(struct vfs_file *to, struct vfs_file *from, long user_offset,
    size_t bytes)
{
	uint64_t offset;
	long done;

	if (!user_offset)
		return send(to, NULL, from, &from->position, bytes);
	if (kern_copyin((void *)user_offset, &offset, sizeof offset))
		return -EFAULT;
	if ((int64_t)offset < 0)
		return -EINVAL;
	done = send(to, NULL, from, &offset, bytes);
	if (done >= 0 && kern_copyout(&offset, (void *)user_offset, sizeof offset))
		return -EFAULT;
	return done;
}

SYSCALL(sendfile)
{
	struct vfs_file *to = vfs_descriptor_get((int)a), *from = vfs_descriptor_get((int)b);
	size_t bytes = (size_t)d > VFS_IO_MAX_BYTES ? VFS_IO_MAX_BYTES : (size_t)d;
	long result = -EBADF;

	if (to && from && sys_is_writable(to))
		result = !from->ops->seek || (to->flags & O_APPEND) ? -EINVAL :
		    send_between(to, from, c, bytes);
	vfs_file_put(to);
	vfs_file_put(from);
	return result;
}

/* The position that a call names: the application's, or the file's own. */
static int position_of(const struct vfs_file *file, long user, uint64_t *position)
{
	*position = file->position;
	if (user && kern_copyin((void *)user, position, sizeof *position))
		return -EFAULT;
	return (int64_t)*position < 0 ? -EINVAL : 0;
}

static int position_put(struct vfs_file *file, long user, uint64_t position)
{
	if (!user)
		file->position = position;
	return user ? kern_copyout(&position, (void *)user, sizeof position) : 0;
}

static int check_copy(const struct vfs_file *to, const struct vfs_file *from)
{
	if (S_ISDIR(to->node->mode) || S_ISDIR(from->node->mode))
		return -EISDIR;
	if (!S_ISREG(to->node->mode) || !S_ISREG(from->node->mode))
		return -EINVAL;
	return (from->flags & (O_ACCMODE | O_PATH)) == O_WRONLY || from->flags & O_PATH ||
	    !sys_is_writable(to) || to->flags & O_APPEND ? -EBADF : 0;
}

static long copy_between(struct vfs_file *to, long user_to, struct vfs_file *from,
    long user_from, size_t bytes)
{
	uint64_t read_at, write_at;
	int error = position_of(from, user_from, &read_at);
	long done;

	if (!error)
		error = position_of(to, user_to, &write_at);
	if (!error && to->node == from->node && read_at < write_at + bytes &&
	    write_at < read_at + bytes)
		error = -EINVAL; /* onto itself */
	if (error)
		return error;
	done = send(to, &write_at, from, &read_at, bytes);
	if (done > 0 && (position_put(from, user_from, read_at) || position_put(to, user_to, write_at)))
		return -EFAULT;
	return done;
}

SYSCALL(copy_file_range)
{
	struct vfs_file *from = vfs_descriptor_get((int)a), *to = vfs_descriptor_get((int)c);
	size_t bytes = (size_t)e > VFS_IO_MAX_BYTES ? VFS_IO_MAX_BYTES : (size_t)e;
	long result = !to || !from ? -EBADF : f ? -EINVAL : check_copy(to, from);

	if (!result)
		result = copy_between(to, d, from, b, bytes);
	vfs_file_put(to);
	vfs_file_put(from);
	return result;
}
