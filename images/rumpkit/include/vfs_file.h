/*
 * vfs_file.h - open files, and the descriptors that name them.
 *
 * An open file is counted: descriptors that were duplicated share it, and a system
 * call holds it while it works, so that a close by another thread cannot pull it away.
 */
#ifndef VFS_FILE_H
#define VFS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfs_io.h"
#include "vfs_node.h"
#include "vfs_wait.h"

struct vfs_file;
struct vfs_watch; /* an epoll's interest in a file, see vfs_poll.h */

struct vfs_file_ops {
	/* Bytes moved or a negative errno; may block unless the file is O_NONBLOCK.
	 * *position is advanced; streams ignore it. */
	long (*read)(struct vfs_file *file, struct vfs_io *io, uint64_t *position);
	long (*write)(struct vfs_file *file, struct vfs_io *io, uint64_t *position);
	/* The new position; NULL: -ESPIPE, also for pread and pwrite. */
	int64_t (*seek)(struct vfs_file *file, int64_t offset, int whence);
	/* POLL* that hold now, never blocks; NULL: always readable and writable. */
	int (*poll)(struct vfs_file *file);
	/* Woken whenever poll's answer may have changed; NULL: it never changes. */
	struct vfs_queue *(*queue)(struct vfs_file *file);
	long (*ioctl)(struct vfs_file *file, unsigned command, long argument);
	void (*release)(struct vfs_file *file); /* the last reference is gone */
	/* fsync; NULL: the node's. */
	int (*sync)(struct vfs_file *file, bool data);
};

struct vfs_file {
	const struct vfs_file_ops *ops;
	struct vfs_node *node;     /* a reference */
	struct vfs_node *dir;      /* a reference to where it was opened, for its path; or NULL */
	uint32_t references;
	uint32_t flags;            /* O_* as F_GETFL shows them */
	uint64_t position;
	void *data;                /* of the ops */
	struct vfs_watch *watches; /* epolls that watch this file */
	char *opened_as;           /* the path of one on a volume, for the lab; or NULL */
};

/* A new open file with one reference; takes over neither node nor dir.  -ENOMEM. */
int vfs_file_make(const struct vfs_file_ops *ops, struct vfs_node *node, uint32_t flags,
    struct vfs_file **file);
/* A file of no file system (eventfd, epoll): it gets a node of this mode.  -ENOMEM. */
int vfs_file_make_anonymous(const struct vfs_file_ops *ops, uint32_t mode, uint32_t flags,
    struct vfs_file **file);
struct vfs_file *vfs_file_get(struct vfs_file *file);
void vfs_file_put(struct vfs_file *file); /* NULL is fine */

/* Open what is at a path; creates, truncates, and may block on a FIFO. */
int vfs_open(struct vfs_node *start, const char *path, uint32_t flags, uint32_t mode,
    struct vfs_file **file);
/* The rest of open for a node that was found; holds references of its own. */
int vfs_open_node(struct vfs_node *node, struct vfs_node *dir, uint32_t flags,
    struct vfs_file **file);

/* Read or write at the file's own position (offset NULL) or at *offset. */
long vfs_file_read(struct vfs_file *file, struct vfs_io *io, uint64_t *offset);
long vfs_file_write(struct vfs_file *file, struct vfs_io *io, uint64_t *offset);
int vfs_file_poll(struct vfs_file *file);
/* The seek operation of files that have no position but do not mind: always 0. */
int64_t vfs_no_seek(struct vfs_file *file, int64_t offset, int whence);

/* Both ends of a new pipe.  flags: O_NONBLOCK, O_CLOEXEC is the descriptors'. */
int vfs_pipe(uint32_t flags, struct vfs_file **read_end, struct vfs_file **write_end);
/* F_GETPIPE_SZ, F_SETPIPE_SZ: bytes, -EBADF if no pipe, -EBUSY, -ENOMEM, -EPERM. */
long vfs_pipe_bytes(struct vfs_file *file);
long vfs_pipe_resize(struct vfs_file *file, uint64_t bytes);
int vfs_eventfd(uint64_t count, uint32_t flags, struct vfs_file **file);

/* flock(2): operation LOCK_* of the file's node; blocks unless LOCK_NB. */
int vfs_lock(struct vfs_file *file, int operation);
void vfs_lock_drop(struct vfs_file *file);

/* A part of a file that fcntl(2) locks; last is in it. */
struct vfs_range {
	uint64_t first, last;
	bool exclusive;
	bool of_file; /* F_OFD_*: the open file's; else the process's, whose number is pid */
	int32_t pid;
};
/* Lock a part, or change how it is locked.  -EAGAIN; or, if it may wait, -EDEADLK, -EINTR;
 * -ENOLCK without memory. */
int vfs_record_lock(struct vfs_file *file, const struct vfs_range *range, bool wait);
int vfs_record_unlock(struct vfs_file *file, const struct vfs_range *range);
/* Whether another's lock is in the way; range then tells which. */
bool vfs_record_test(struct vfs_file *file, struct vfs_range *range);
/* An owner, a vfs_context or an open file, gives up the node. */
void vfs_record_drop(struct vfs_node *node, const void *owner);

/* ---- descriptors ------------------------------------------------------------------- */

struct vfs_slot {
	struct vfs_file *file;
	bool close_on_exec;
};

#define VFS_FIRST_SLOTS 16
#define VFS_DESCRIPTOR_LIMIT 1024 /* RLIMIT_NOFILE as Linux gives it; kern may raise it */

/* What a process has of the file system.  kern keeps vfs_current that of who runs. */
struct vfs_context {
	struct vfs_slot *slots;
	unsigned capacity; /* slots there are */
	unsigned limit;    /* RLIMIT_NOFILE: descriptors are below it */
	unsigned first_free; /* no free slot is below it */
	uint32_t umask;
	uint32_t uid, gid; /* whose new files are, and who opens files */
	bool (*in_group)(uint32_t gid); /* besides gid; NULL: in none */
	struct vfs_node *cwd; /* a reference */
	bool permanent;    /* the first one: not from kern_alloc */
};
extern struct vfs_context *vfs_current;

/* A copy that names the same open files, as fork makes it; NULL: no memory. */
struct vfs_context *vfs_context_copy(const struct vfs_context *from);
/* Close what is to be closed when another program starts. */
void vfs_context_exec(struct vfs_context *context);
/* Close everything and free it, unless it is permanent. */
void vfs_context_destroy(struct vfs_context *context);

/* The file of a descriptor with a reference, or NULL. */
struct vfs_file *vfs_descriptor_get(int descriptor);
/* Lowest free descriptor from minimum on; takes a reference.  -EMFILE, -ENOMEM. */
int vfs_descriptor_add(struct vfs_file *file, int minimum, bool close_on_exec);
/* Make this very descriptor name the file, closing what it named.  -EBADF, -ENOMEM. */
int vfs_descriptor_set(int descriptor, struct vfs_file *file, bool close_on_exec);
int vfs_descriptor_close(int descriptor); /* 0 or -EBADF */
/* The slot itself, for its flag; NULL when it is free. */
struct vfs_slot *vfs_descriptor_slot(int descriptor);

#endif
