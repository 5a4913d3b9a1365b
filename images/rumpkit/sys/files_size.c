/*
 * files_size.c - system calls on positions and sizes, ioctl and sync.
 */
#include "call.h"
#include "files.h"
#include "files_path.h"
#include "kern.h"
#include "rumplib.h"

SYSCALL(lseek)
{
	struct vfs_file *file = vfs_descriptor_get((int)a);
	long result;

	if (!file)
		return -EBADF;
	if (file->flags & O_PATH)
		result = -EBADF;
	else if ((unsigned)c > SEEK_HOLE)
		result = -EINVAL;
	else
		result = file->ops->seek ? file->ops->seek(file, b, (int)c) : -ESPIPE;
	vfs_file_put(file);
	return result;
}

/* Things every file can be told. */
static long ioctl_any(struct vfs_file *file, int descriptor, unsigned command, long argument)
{
	int32_t on;

	switch (command) {
	case FIOCLEX:
	case FIONCLEX:
		vfs_descriptor_slot(descriptor)->close_on_exec = command == FIOCLEX;
		return 0;
	case FIONBIO:
		if (kern_copyin((void *)argument, &on, sizeof on))
			return -EFAULT;
		file->flags = on ? file->flags | O_NONBLOCK : file->flags & ~(uint32_t)O_NONBLOCK;
		return 0;
	default:
		return file->ops->ioctl ? file->ops->ioctl(file, command, argument) : -ENOTTY;
	}
}

SYSCALL(ioctl)
{
	struct vfs_file *file = vfs_descriptor_get((int)a);
	long result;

	if (!file)
		return -EBADF;
	result = file->flags & O_PATH ? -EBADF : ioctl_any(file, (int)a, (unsigned)b, c);
	vfs_file_put(file);
	return result;
}

SYSCALL(truncate)
{
	struct vfs_node *node;
	int error = b < 0 ? -EINVAL : sys_node(AT_FDCWD, a, 0, &node);

	if (error)
		return error;
	error = vfs_node_resize(node, (uint64_t)b);
	vfs_node_put(node);
	return error;
}

SYSCALL(ftruncate)
{
	struct vfs_file *file;
	long result;

	if (b < 0)
		return -EINVAL;
	file = vfs_descriptor_get((int)a);
	if (!file)
		return -EBADF;
	if (file->flags & O_PATH)
		result = -EBADF;
	else if (!S_ISREG(file->node->mode) || !sys_is_writable(file))
		result = -EINVAL;
	else
		result = vfs_node_resize(file->node, (uint64_t)b);
	vfs_file_put(file);
	return result;
}

static long allocate(struct vfs_node *node, long mode, uint64_t offset, uint64_t bytes)
{
	int error;

	if (node->volume && (mode & FALLOC_FL_KEEP_SIZE) && !(mode & FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP; /* a file has no blocks behind its end */
	if (!node->ops->allocate)
		return node->volume && S_ISREG(node->mode) ? -EOPNOTSUPP : S_ISDIR(node->mode) ? -EISDIR : S_ISFIFO(node->mode) ? -ESPIPE : -ENODEV;
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		if (node->seals & F_SEAL_WRITE)
			return -EPERM;
		error = node->ops->punch ? node->ops->punch(node, offset, bytes) : -EOPNOTSUPP;
		if (!error && !node->volume)
			vfs_node_touch(node, VFS_MODIFIED | VFS_CHANGED);
		return error;
	}
	if ((node->seals & F_SEAL_GROW) && offset + bytes > node->size_bytes)
		return -EPERM;
	error = node->ops->allocate(node, offset, bytes);
	if (error || node->volume)
		return error;
	if (!(mode & FALLOC_FL_KEEP_SIZE) && offset + bytes > node->size_bytes)
		node->size_bytes = offset + bytes;
	vfs_node_touch(node, VFS_MODIFIED | VFS_CHANGED);
	return 0;
}

static long check_allocate(const struct vfs_file *file, long mode, long offset, long bytes)
{
	long end;

	if (offset < 0 || bytes <= 0)
		return -EINVAL;
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	if (mode == FALLOC_FL_PUNCH_HOLE)
		return -EOPNOTSUPP;
	if (!sys_is_writable(file))
		return -EBADF;
	return __builtin_add_overflow(offset, bytes, &end) ? -EFBIG : 0;
}

SYSCALL(fallocate)
{
	struct vfs_file *file = vfs_descriptor_get((int)a);
	long result;

	if (!file)
		return -EBADF;
	result = check_allocate(file, b, c, d);
	if (!result)
		result = allocate(file->node, b, (uint64_t)c, (uint64_t)d);
	vfs_file_put(file);
	return result;
}

SYSCALL(fadvise64)
{
	struct vfs_slot *slot = vfs_descriptor_slot((int)a);

	if (!slot || (slot->file->flags & O_PATH))
		return -EBADF;
	if (S_ISFIFO(slot->file->node->mode))
		return -ESPIPE;
	return c < 0 || d < 0 || d > 5 ? -EINVAL : 0;
}
