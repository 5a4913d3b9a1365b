/*
 * regular.h - the open-file operations of regular files and directories.
 */
#ifndef VFS_REGULAR_H
#define VFS_REGULAR_H

#include "vfs_file.h"

extern const struct vfs_file_ops vfs_regular_ops, vfs_directory_ops, vfs_path_ops;

#endif
