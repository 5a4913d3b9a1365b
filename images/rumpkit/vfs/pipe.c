/*
 * pipe.c - pipes and FIFOs: open files around a ring of bytes.
 *
 * A pipe is a FIFO without a name: both hang on a node, and the ring exists while any
 * end is open.
 */
#include "kern.h"
#include "pipe.h"
#include "pipe_ring.h"
#include "vfs.h"

#define DEFAULT_PAGES 16
#define MAX_PAGES 256 /* 1 MiB, Linux's pipe-max-size */

struct vfs_pipe {
	struct pipe_ring ring;
	uint32_t readers, writers;           /* open ends */
	uint32_t reader_opens, writer_opens; /* ever, for FIFO openers that wait */
	struct vfs_queue queue;              /* both ends: any change */
	struct vfs_pipe **slot;              /* the node's pointer to this */
	bool nameless;                       /* of pipe(2): opened again, it does not wait */
};

static struct vfs_pipe *pipe_of(struct vfs_file *file)
{
	return file->data;
}

static bool reads(const struct vfs_file *file)
{
	return (file->flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(const struct vfs_file *file)
{
	return (file->flags & O_ACCMODE) != O_RDONLY;
}

static bool is_empty(const struct vfs_pipe *pipe)
{
	return pipe->ring.head == pipe->ring.tail;
}

/* Wait for the other end to do something, or say that the file does not want to. */
static int wait_for_change(struct vfs_file *file)
{
	if (file->flags & O_NONBLOCK)
		return -EAGAIN;
	return vfs_wait(&pipe_of(file)->queue, KERN_FOREVER);
}

static long pipe_read(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	struct vfs_pipe *pipe = pipe_of(file);
	long moved;
	int error;

	(void)position;
	if (!io->left_bytes)
		return 0;
	while (is_empty(pipe)) {
		if (!pipe->writers)
			return 0;
		error = wait_for_change(file);
		if (error)
			return error;
	}
	moved = pipe_ring_read(&pipe->ring, io);
	if (moved > 0)
		vfs_wake(&pipe->queue);
	return moved;
}

/* One round of a write: bytes moved, 0 after a wait, or an error. */
static long write_some(struct vfs_file *file, struct vfs_io *io, size_t needed_bytes)
{
	struct vfs_pipe *pipe = pipe_of(file);
	long moved;

	if (!pipe->readers) {
		kern_signal_self(SIGPIPE);
		return -EPIPE;
	}
	if (pipe_ring_room(&pipe->ring) < needed_bytes)
		return wait_for_change(file);
	moved = pipe_ring_write(&pipe->ring, io);
	if (moved > 0)
		vfs_wake(&pipe->queue);
	return moved;
}

static long pipe_write(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	/* A small write goes in whole, so that those of several threads do not mix. */
	bool whole = io->left_bytes <= PIPE_BUF;
	long done = 0, moved = 0;

	(void)position;
	while (io->left_bytes && moved >= 0) {
		moved = write_some(file, io, whole ? io->left_bytes : 1);
		if (moved > 0)
			done += moved;
	}
	return done ? done : moved;
}

static int pipe_poll(struct vfs_file *file)
{
	struct vfs_pipe *pipe = pipe_of(file);
	int mask = 0;

	if (reads(file)) {
		if (!is_empty(pipe))
			mask |= POLLIN | POLLRDNORM;
		/* A FIFO nobody has written to yet is idle, not at its end. */
		if (!pipe->writers && pipe->writer_opens)
			mask |= POLLHUP;
	}
	if (writes(file)) {
		if (pipe_ring_room(&pipe->ring) >= PIPE_BUF)
			mask |= POLLOUT | POLLWRNORM;
		if (!pipe->readers)
			mask |= POLLERR;
	}
	return mask;
}

static struct vfs_queue *pipe_queue(struct vfs_file *file)
{
	return &pipe_of(file)->queue;
}

static long pipe_ioctl(struct vfs_file *file, unsigned command, long argument)
{
	struct pipe_ring *ring = &pipe_of(file)->ring;
	int32_t held = (int32_t)(ring->tail - ring->head);

	if (command != FIONREAD)
		return -ENOTTY;
	return kern_copyout(&held, (void *)argument, sizeof held);
}

static void pipe_destroy(struct vfs_pipe *pipe)
{
	*pipe->slot = NULL;
	pipe_ring_free(&pipe->ring);
	kern_free(pipe);
}

static void pipe_release(struct vfs_file *file)
{
	struct vfs_pipe *pipe = pipe_of(file);

	pipe->readers -= reads(file);
	pipe->writers -= writes(file);
	if (pipe->readers || pipe->writers)
		vfs_wake(&pipe->queue);
	else
		pipe_destroy(pipe);
}

static const struct vfs_file_ops pipe_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.queue = pipe_queue,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};

static int pipe_make(struct vfs_pipe **slot)
{
	struct vfs_pipe *pipe = kern_alloc(sizeof *pipe);

	if (!pipe)
		return -ENOMEM;
	if (pipe_ring_init(&pipe->ring, DEFAULT_PAGES)) {
		kern_free(pipe);
		return -ENOMEM;
	}
	pipe->slot = slot;
	*slot = pipe;
	return 0;
}

static void join(struct vfs_file *file, struct vfs_pipe *pipe)
{
	file->ops = &pipe_ops;
	file->data = pipe;
	pipe->readers += reads(file);
	pipe->writers += writes(file);
	pipe->reader_opens += reads(file);
	pipe->writer_opens += writes(file);
	vfs_wake(&pipe->queue);
}

/* Wait until the other end has been opened since this one was. */
static int wait_for_other(struct vfs_file *file, struct vfs_pipe *pipe)
{
	uint32_t *opens = reads(file) ? &pipe->writer_opens : &pipe->reader_opens;
	uint32_t before = *opens;
	int error = 0;

	while (!error && *opens == before)
		error = vfs_wait(&pipe->queue, KERN_FOREVER);
	return error;
}

int vfs_fifo_open(struct vfs_pipe **slot, struct vfs_file *file)
{
	uint32_t access = file->flags & O_ACCMODE;
	int error = 0;

	if (access == O_WRONLY && (file->flags & O_NONBLOCK) && (!*slot || !(*slot)->readers))
		return -ENXIO;
	if (!*slot)
		error = pipe_make(slot);
	if (error)
		return error;
	join(file, *slot);
	if (access == O_RDWR || (file->flags & O_NONBLOCK) || (*slot)->nameless)
		return 0;
	if (access == O_RDONLY ? (*slot)->writers : (*slot)->readers)
		return 0;
	return wait_for_other(file, *slot);
}

int vfs_pipe(uint32_t flags, struct vfs_file **read_end, struct vfs_file **write_end)
{
	struct vfs_node *node;
	int error = vfs_tmpfs_make(S_IFIFO | 0600, &node);

	if (error)
		return error;
	/* The reader opens without waiting; the writer then finds it there. */
	error = vfs_open_node(node, NULL, flags | O_RDONLY | O_NONBLOCK, read_end);
	if (!error) {
		pipe_of(*read_end)->nameless = true;
		error = vfs_open_node(node, NULL, flags | O_WRONLY, write_end);
		if (error)
			vfs_file_put(*read_end);
		else
			(*read_end)->flags = flags | O_RDONLY;
	}
	vfs_node_put(node);
	return error;
}

long vfs_pipe_bytes(struct vfs_file *file)
{
	if (file->ops != &pipe_ops)
		return -EBADF;
	return (long)pipe_ring_capacity(&pipe_of(file)->ring);
}

long vfs_pipe_resize(struct vfs_file *file, uint64_t bytes)
{
	struct pipe_ring *ring = &pipe_of(file)->ring;
	uint32_t page_count = 1;
	int error;

	if (file->ops != &pipe_ops)
		return -EBADF;
	if (bytes > MAX_PAGES * VFS_PAGE_BYTES)
		return -EPERM;
	while (page_count * VFS_PAGE_BYTES < bytes)
		page_count *= 2;
	if (page_count * VFS_PAGE_BYTES < ring->tail - ring->head)
		return -EBUSY;
	error = pipe_ring_resize(ring, page_count);
	vfs_wake(&pipe_of(file)->queue);
	return error ? error : (long)pipe_ring_capacity(ring);
}
