/*
 * file.c - open files: counting them, reading and writing through them.
 */
#include "kern.h"
#include "rumplib.h"
#include "vfs.h"
#include "vfs_poll.h"

int vfs_file_make(const struct vfs_file_ops *ops, struct vfs_node *node, uint32_t flags,
    struct vfs_file **made)
{
	struct vfs_file *file = kern_alloc(sizeof *file);

	if (!file)
		return -ENOMEM;
	file->ops = ops;
	file->node = vfs_node_get(node);
	file->references = 1;
	file->flags = flags;
	*made = file;
	return 0;
}

static void anonymous_destroy(struct vfs_node *node)
{
	kern_free(node);
}

static const struct vfs_node_ops anonymous_ops = { .destroy = anonymous_destroy };

int vfs_file_make_anonymous(const struct vfs_file_ops *ops, uint32_t mode, uint32_t flags,
    struct vfs_file **file)
{
	struct vfs_node *node = kern_alloc(sizeof *node);
	int error;

	if (!node)
		return -ENOMEM;
	vfs_node_init(node, &anonymous_ops, mode);
	error = vfs_file_make(ops, node, flags, file);
	vfs_node_put(node);
	return error;
}

struct vfs_file *vfs_file_get(struct vfs_file *file)
{
	file->references++;
	return file;
}

void vfs_file_put(struct vfs_file *file)
{
	if (!file || --file->references)
		return;
	vfs_epoll_forget(file);
	vfs_lock_drop(file);
	vfs_record_drop(file->node, file);
	if (file->ops->release)
		file->ops->release(file);
	if (file->node->ops->close)
		file->node->ops->close(file->node, file);
	vfs_node_put(file->node);
	vfs_node_put(file->dir);
	kern_free(file->opened_as);
	kern_free(file);
}

static bool may(const struct vfs_file *file, uint32_t mode)
{
	uint32_t access = file->flags & O_ACCMODE;

	return !(file->flags & O_PATH) && (access == mode || access == O_RDWR);
}

/* The last byte's position must be a number, as rw_verify_area in Linux wants it. */
static bool overflows(uint64_t position, const struct vfs_io *io)
{
	return io->left_bytes > INT64_MAX - position;
}

int64_t vfs_no_seek(struct vfs_file *file, int64_t offset, int whence)
{
	(void)file;
	(void)offset;
	(void)whence;
	return 0;
}

long vfs_file_read(struct vfs_file *file, struct vfs_io *io, uint64_t *offset)
{
	if (offset && !file->ops->seek)
		return file->flags & O_PATH ? -EBADF : -ESPIPE;
	if (!may(file, O_RDONLY))
		return -EBADF;
	if (!file->ops->read)
		return S_ISDIR(file->node->mode) ? -EISDIR : -EINVAL;
	if (!offset)
		offset = &file->position;
	return overflows(*offset, io) ? -EINVAL : file->ops->read(file, io, offset);
}

long vfs_file_write(struct vfs_file *file, struct vfs_io *io, uint64_t *offset)
{
	if (offset && !file->ops->seek)
		return file->flags & O_PATH ? -EBADF : -ESPIPE;
	if (!may(file, O_WRONLY))
		return -EBADF;
	if (!file->ops->write)
		return -EINVAL;
	if (!offset)
		offset = &file->position;
	return overflows(*offset, io) ? -EINVAL : file->ops->write(file, io, offset);
}

int vfs_file_poll(struct vfs_file *file)
{
	if (!file->ops->poll)
		return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	return file->ops->poll(file);
}

int vfs_file_pread(struct vfs_file *file, uint64_t offset, void *kernel, size_t bytes)
{
	struct vfs_io io;

	vfs_io_kernel(&io, kernel, bytes);
	return (int)vfs_file_read(file, &io, &offset);
}

long vfs_file_pwrite(struct vfs_file *file, uint64_t offset, const void *kernel, size_t bytes)
{
	struct vfs_node *node = file->node;
	struct vfs_io io;
	long moved;
	int error = vfs_node_refresh(node);

	if (error)
		return error;
	if (!node->ops->write_at && !file->ops->write)
		return -EINVAL;
	if (offset >= node->size_bytes)
		return 0;
	if (bytes > node->size_bytes - offset)
		bytes = (size_t)(node->size_bytes - offset);
	vfs_io_kernel(&io, (void *)(uintptr_t)kernel, bytes);
	moved = node->ops->write_at ? node->ops->write_at(node, &io, offset) :
	    file->ops->write(file, &io, &offset);
	if (moved > 0 && !node->volume)
		vfs_node_touch(node, VFS_MODIFIED | VFS_CHANGED);
	return moved;
}

const void *vfs_file_page(struct vfs_file *file, uint64_t offset, bool writable)
{
	struct vfs_node *node = file->node;

	return node->ops->page ? node->ops->page(node, offset, writable) : NULL;
}

int vfs_file_sync(struct vfs_file *file, bool data)
{
	if (file->ops->sync)
		return file->ops->sync(file, data);
	return file->node->ops->sync ? file->node->ops->sync(file->node, data) : 0;
}

int vfs_file_read_at(int descriptor, uint64_t offset, void *kernel, size_t bytes)
{
	struct vfs_file *file = vfs_descriptor_get(descriptor);
	int result;

	if (!file)
		return -EBADF;
	result = vfs_file_pread(file, offset, kernel, bytes);
	vfs_file_put(file);
	return result;
}
