/*
 * vfs.h - what the file-system faction offers the others.
 */
#ifndef VFS_H
#define VFS_H

#include <stddef.h>
#include <stdint.h>

#include "vfs_file.h"
#include "vfs_node.h"

#define VFS_PAGE_BYTES 4096ul

/*
 * An empty root file system in memory, and descriptors 0, 1, 2 on the console.  Once,
 * before the application starts.
 */
void vfs_init(void);

/*
 * Fill the root: /dev, /etc, /proc, /root, /tmp and what belongs in them.  vfs_walk
 * calls it; later calls do nothing.  0 or -ENOMEM.
 */
int vfs_populate(void);
/* The first program begins: populate now if the configuration mounts something. */
void vfs_start(void);
/* Before the guest ends: what was written is on its disks, marked clean.  May sleep. */
void vfs_stop(void);
/* Have fill called at the end of that, to add to it; it returns 0 or -errno. */
void vfs_at_first_path(int (*fill)(void));

/* Bytes read (0 at the end) from a descriptor into kernel memory; -EBADF, -EISDIR, ... */
int vfs_file_read_at(int descriptor, uint64_t offset, void *kernel, size_t bytes);

/* The same from an open file. */
int vfs_file_pread(struct vfs_file *file, uint64_t offset, void *kernel, size_t bytes);
/*
 * Write a mapping's page back: like pwrite(2), whatever the file was opened for, but what
 * lies behind the end of the file is left out and the file does not grow.
 */
long vfs_file_pwrite(struct vfs_file *file, uint64_t offset, const void *kernel, size_t bytes);
/* fsync(2), or fdatasync(2) for data. */
int vfs_file_sync(struct vfs_file *file, bool data);

/* The page of a file at offset, a multiple of the page, where it lies in memory; see
 * struct vfs_node_ops.  NULL: vfs_file_pread has to fetch it. */
const void *vfs_file_page(struct vfs_file *file, uint64_t offset, bool writable);

/* Put a node of any file system at an absolute path whose last component is free. */
int vfs_attach(const char *path, struct vfs_node *node);

/* Create a directory, a symbolic link, or a file that holds text, at an absolute path. */
int vfs_make_directory(const char *path);
int vfs_make_link(const char *path, const char *target);
int vfs_make_text(const char *path, const char *text);

/*
 * A read-only file whose text is written when it is opened, as in /proc.  write fills
 * text and returns its full length; if that is more than bytes it is called again with
 * more room.  argument is handed back.
 */
typedef size_t (*vfs_text_fn)(void *argument, char *text, size_t bytes);
/* What is written into such a file, without its NUL: bytes taken or -errno. */
typedef long (*vfs_take_fn)(void *argument, const char *text, size_t bytes);
/* take may be NULL. */
int vfs_attach_text(const char *path, vfs_text_fn write, vfs_take_fn take, void *argument);
/* The operation open of a node with such a text.  0 or -ENOMEM. */
int vfs_text_open(struct vfs_file *file, vfs_text_fn write, vfs_take_fn take, void *argument);

/* Character devices.  The driver stays the caller's and must live for ever. */
struct vfs_device {
	uint64_t number; /* vfs_device_number(major, minor) */
	const struct vfs_file_ops *ops;
	struct vfs_device *next;
};
#define vfs_device_number(major, minor) (((uint64_t)(major) << 8) | (minor))
void vfs_register_device(struct vfs_device *device);

/*
 * What ^C and ^\ on the console do, and a new size of its window; group is that of the
 * foreground, 0 if no program has set one.  Without it the keys are ordinary input.  Also
 * called from interrupt level.
 */
void vfs_tty_on_signal(void (*deliver)(int signal, uint32_t group));

#endif
