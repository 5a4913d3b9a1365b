/*
 * regular.h - the open-file operations of regular files and directories.
 */
#ifndef VFS_REGULAR_H
#define VFS_REGULAR_H

#include "vfs_file.h"

extern const struct vfs_file_ops vfs_regular_ops, vfs_directory_ops, vfs_path_ops;

/* The seek of what has a place but no end that is known: a directory, a text of /proc. */
int64_t vfs_seek_without_end(struct vfs_file *file, int64_t offset, int whence);

#endif
