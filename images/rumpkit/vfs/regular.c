/*
 * regular.c - open regular files and directories: position, size, seals.
 */
#include "kern.h"
#include "regular.h"
#include "rumplib.h"
#include "vfs.h"

static long regular_read(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	struct vfs_node *node = file->node;
	long moved;

	if (!io->left_bytes)
		return 0;
	if (!node->ops->read_at)
		return -EINVAL;
	moved = node->ops->read_at(node, io, *position);
	if (moved > 0)
		*position += (uint64_t)moved;
	if (moved >= 0 && !(file->flags & O_NOATIME))
		vfs_node_touch(node, VFS_ACCESSED);
	return moved;
}

/* Shorten a write to what size limits and seals allow; 0 or why nothing is allowed. */
static int limit_write(struct vfs_node *node, struct vfs_io *io, uint64_t position)
{
	if (node->seals & F_SEAL_WRITE)
		return -EPERM;
	if (position >= INT64_MAX)
		return -EFBIG;
	if (io->left_bytes > INT64_MAX - position)
		io->left_bytes = INT64_MAX - position;
	if ((node->seals & F_SEAL_GROW) && position + io->left_bytes > node->size_bytes)
		return -EPERM;
	return 0;
}

/* O_DSYNC, open(2): a write has reached the disk when it returns; O_SYNC has that bit too. */
static int settle(struct vfs_file *file)
{
	struct vfs_node *node = file->node;

	if (!(file->flags & O_DSYNC) || !node->ops->sync)
		return 0;
	return node->ops->sync(node, (file->flags & O_SYNC) != O_SYNC);
}

static long regular_write(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	struct vfs_node *node = file->node;
	uint64_t at = file->flags & O_APPEND ? node->size_bytes : *position;
	long moved;
	int error;

	if (!io->left_bytes)
		return 0;
	if (!node->ops->write_at)
		return -EINVAL;
	error = limit_write(node, io, at);
	if (error)
		return error;
	io->append = file->flags & O_APPEND;
	io->appended_at = at;
	moved = node->ops->write_at(node, io, at);
	if (moved > 0) {
		*position = (node->volume ? io->appended_at : at) + (uint64_t)moved;
		if (!node->volume) /* others do that with the write */
			vfs_node_touch(node, VFS_MODIFIED | VFS_CHANGED);
		error = settle(file);
	}
	return error ? error : moved;
}

static int64_t seek_extent(struct vfs_node *node, int64_t offset, bool data)
{
	uint64_t found, size = node->size_bytes;

	if (offset < 0 || (uint64_t)offset >= size)
		return -ENXIO;
	if (!node->ops->seek)
		return data ? offset : (int64_t)size;
	found = node->ops->seek(node, (uint64_t)offset, data);
	return data && found >= size ? -ENXIO : (int64_t)found;
}

static int64_t regular_seek(struct vfs_file *file, int64_t offset, int whence)
{
	int64_t base = 0, to;

	if (whence > SEEK_CUR && vfs_node_refresh(file->node))
		return -EIO;
	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = (int64_t)file->position;
		break;
	case SEEK_END:
		base = (int64_t)file->node->size_bytes;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		offset = seek_extent(file->node, offset, whence == SEEK_DATA);
		if (offset < 0)
			return offset;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &to) || to < 0)
		return -EINVAL;
	file->position = (uint64_t)to;
	return to;
}

static long regular_ioctl(struct vfs_file *file, unsigned command, long argument)
{
	uint64_t size;
	int32_t left;

	if (command != FIONREAD)
		return -ENOTTY;
	if (vfs_node_refresh(file->node))
		return -EIO;
	size = file->node->size_bytes;
	left = (int32_t)(size - file->position);
	return kern_copyout(&left, (void *)argument, sizeof left);
}

const struct vfs_file_ops vfs_regular_ops = {
	.read = regular_read,
	.write = regular_write,
	.seek = regular_seek,
	.ioctl = regular_ioctl,
};

int64_t vfs_seek_without_end(struct vfs_file *file, int64_t offset, int whence)
{
	if (whence == SEEK_CUR)
		offset += (int64_t)file->position;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	file->position = (uint64_t)offset;
	return offset;
}

const struct vfs_file_ops vfs_directory_ops = { .seek = vfs_seek_without_end };

/* A file that only names something: O_PATH. */
const struct vfs_file_ops vfs_path_ops = { .seek = NULL };
