/*
 * pipe_ring.c - the bytes in a pipe: a ring of pages.
 */
#include "kern.h"
#include "pipe_ring.h"
#include "rumpuser.h"
#include "vfs.h"

int pipe_ring_init(struct pipe_ring *ring, uint32_t page_count)
{
	ring->page_count = page_count;
	ring->head = ring->tail = 0;
	ring->pages = kern_alloc(page_count * sizeof *ring->pages);
	return ring->pages ? 0 : -ENOMEM;
}

static void page_drop(uint8_t **page)
{
	if (*page)
		rumpuser_free(*page, VFS_PAGE_BYTES);
	*page = NULL;
}

void pipe_ring_free(struct pipe_ring *ring)
{
	uint32_t i;

	for (i = 0; i < ring->page_count; i++)
		page_drop(&ring->pages[i]);
	kern_free(ring->pages);
}

uint64_t pipe_ring_capacity(const struct pipe_ring *ring)
{
	return (uint64_t)ring->page_count * VFS_PAGE_BYTES;
}

uint64_t pipe_ring_room(const struct pipe_ring *ring)
{
	return pipe_ring_capacity(ring) - (ring->tail - ring->head);
}

static uint8_t **page_at(struct pipe_ring *ring, uint64_t position)
{
	return &ring->pages[position / VFS_PAGE_BYTES & (ring->page_count - 1)];
}

/* Bytes from position to the end of its page, at most bytes. */
static size_t step_of(uint64_t position, uint64_t bytes)
{
	size_t room = VFS_PAGE_BYTES - position % VFS_PAGE_BYTES;

	return bytes < room ? (size_t)bytes : room;
}

/* Let go of the page that was just read to its end, unless writing has come round to it. */
static void page_done(struct pipe_ring *ring)
{
	uint64_t start = ring->head - VFS_PAGE_BYTES;

	if (ring->tail <= start + pipe_ring_capacity(ring))
		page_drop(page_at(ring, start));
}

long pipe_ring_read(struct pipe_ring *ring, struct vfs_io *io)
{
	size_t done = 0, step, moved;

	while (io->left_bytes && ring->head < ring->tail) {
		step = step_of(ring->head, ring->tail - ring->head);
		if (step > io->left_bytes)
			step = io->left_bytes;
		moved = vfs_io_put(io,
		    *page_at(ring, ring->head) + ring->head % VFS_PAGE_BYTES, step);
		ring->head += moved;
		done += moved;
		if (moved && ring->head % VFS_PAGE_BYTES == 0)
			page_done(ring);
		if (moved < step)
			return done ? (long)done : -EFAULT;
	}
	return (long)done;
}

static uint8_t *page_have(struct pipe_ring *ring, uint64_t position)
{
	uint8_t **page = page_at(ring, position);
	void *made;

	if (!*page && !rumpuser_malloc(VFS_PAGE_BYTES, VFS_PAGE_BYTES, &made))
		*page = made;
	return *page;
}

long pipe_ring_write(struct pipe_ring *ring, struct vfs_io *io)
{
	size_t done = 0, step, moved;
	uint8_t *page;

	while (io->left_bytes && pipe_ring_room(ring)) {
		step = step_of(ring->tail, pipe_ring_room(ring));
		if (step > io->left_bytes)
			step = io->left_bytes;
		page = page_have(ring, ring->tail);
		if (!page)
			return done ? (long)done : -ENOMEM;
		moved = vfs_io_take(io, page + ring->tail % VFS_PAGE_BYTES, step);
		ring->tail += moved;
		done += moved;
		if (moved < step)
			return done ? (long)done : -EFAULT;
	}
	return (long)done;
}

int pipe_ring_resize(struct pipe_ring *ring, uint32_t page_count)
{
	struct pipe_ring resized;
	uint64_t position = ring->head;
	struct vfs_io io;
	size_t step;

	if (pipe_ring_init(&resized, page_count))
		return -ENOMEM;
	while (position < ring->tail) {
		step = step_of(position, ring->tail - position);
		vfs_io_kernel(&io, *page_at(ring, position) + position % VFS_PAGE_BYTES, step);
		if (pipe_ring_write(&resized, &io) != (long)step) {
			pipe_ring_free(&resized);
			return -ENOMEM;
		}
		position += step;
	}
	pipe_ring_free(ring);
	*ring = resized;
	return 0;
}
