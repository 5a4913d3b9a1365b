/*
 * eventfd.c - a counter that threads and epolls wait for: eventfd(2).
 */
#include "kern.h"
#include "vfs_file.h"

#define COUNT_MAX (UINT64_MAX - 1)

struct eventfd {
	uint64_t count;
	bool semaphore;
	struct vfs_queue queue;
};

static int wait_for_change(struct vfs_file *file, struct eventfd *event)
{
	if (file->flags & O_NONBLOCK)
		return -EAGAIN;
	return vfs_wait(&event->queue, KERN_FOREVER);
}

static long eventfd_read(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	struct eventfd *event = file->data;
	uint64_t taken;
	int error;

	(void)position;
	if (io->left_bytes < sizeof taken)
		return -EINVAL;
	while (!event->count) {
		error = wait_for_change(file, event);
		if (error)
			return error;
	}
	taken = event->semaphore ? 1 : event->count;
	event->count -= taken;
	vfs_wake(&event->queue);
	return vfs_io_put(io, &taken, sizeof taken) == sizeof taken ?
	    (long)sizeof taken : -EFAULT;
}

static long eventfd_write(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	struct eventfd *event = file->data;
	uint64_t added;
	int error;

	(void)position;
	if (io->left_bytes < sizeof added)
		return -EINVAL;
	if (vfs_io_take(io, &added, sizeof added) != sizeof added)
		return -EFAULT;
	if (added == UINT64_MAX)
		return -EINVAL;
	while (added > COUNT_MAX - event->count) {
		error = wait_for_change(file, event);
		if (error)
			return error;
	}
	event->count += added;
	vfs_wake(&event->queue);
	return sizeof added;
}

static int eventfd_poll(struct vfs_file *file)
{
	struct eventfd *event = file->data;

	return (event->count ? POLLIN | POLLRDNORM : 0) |
	    (event->count < COUNT_MAX ? POLLOUT | POLLWRNORM : 0);
}

static struct vfs_queue *eventfd_queue(struct vfs_file *file)
{
	return &((struct eventfd *)file->data)->queue;
}

static void eventfd_release(struct vfs_file *file)
{
	kern_free(file->data);
}

static const struct vfs_file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.seek = vfs_no_seek,
	.poll = eventfd_poll,
	.queue = eventfd_queue,
	.release = eventfd_release,
};

int vfs_eventfd(uint64_t count, uint32_t flags, struct vfs_file **file)
{
	struct eventfd *event = kern_alloc(sizeof *event);
	int error;

	if (!event)
		return -ENOMEM;
	event->count = count;
	event->semaphore = flags & EFD_SEMAPHORE;
	error = vfs_file_make_anonymous(&eventfd_ops, 0600, O_RDWR | (flags & O_NONBLOCK), file);
	if (error)
		kern_free(event);
	else
		(*file)->data = event;
	return error;
}
