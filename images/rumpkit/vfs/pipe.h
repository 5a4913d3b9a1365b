/*
 * pipe.h - pipes, as node types use them.
 */
#ifndef VFS_PIPE_H
#define VFS_PIPE_H

#include "vfs_file.h"

struct vfs_pipe;

/*
 * Open a FIFO whose pipe is kept in *slot while any end is open.  Blocks for the other
 * end unless O_NONBLOCK; -ENXIO for a writer nobody reads, -EINTR, -ENOMEM.
 */
int vfs_fifo_open(struct vfs_pipe **slot, struct vfs_file *file);

#endif
