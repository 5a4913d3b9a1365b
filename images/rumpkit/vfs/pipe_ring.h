/*
 * pipe_ring.h - the bytes in a pipe.
 *
 * Positions count bytes since the pipe was made; a byte lives in page
 * (position / page size) mod page count.  Pages come with the first byte put into them
 * and go when the last one was read, so an empty pipe holds one page at most.
 */
#ifndef VFS_PIPE_RING_H
#define VFS_PIPE_RING_H

#include <stdint.h>

#include "vfs_io.h"

struct pipe_ring {
	uint8_t **pages;
	uint32_t page_count; /* a power of two */
	uint64_t head, tail; /* bytes ever read, ever written */
};

/* 0 or -ENOMEM. */
int pipe_ring_init(struct pipe_ring *ring, uint32_t page_count);
void pipe_ring_free(struct pipe_ring *ring);
uint64_t pipe_ring_capacity(const struct pipe_ring *ring); /* bytes */
uint64_t pipe_ring_room(const struct pipe_ring *ring);     /* bytes */

/* Move what is there, or what fits: bytes, or -EFAULT or -ENOMEM if none could be. */
long pipe_ring_read(struct pipe_ring *ring, struct vfs_io *io);
long pipe_ring_write(struct pipe_ring *ring, struct vfs_io *io);

/* Another capacity, a power of two of pages that holds what is there.  0 or -ENOMEM. */
int pipe_ring_resize(struct pipe_ring *ring, uint32_t page_count);

#endif
