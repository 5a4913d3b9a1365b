/*
 * files_path.h - path and descriptor arguments of system calls.
 */
#ifndef SYS_FILES_PATH_H
#define SYS_FILES_PATH_H

#include "vfs.h"

/* A path copied from the application: short ones need no memory of their own. */
struct sys_path {
	char *text;
	char few[120];
};
/* 0, -EFAULT, -ENAMETOOLONG, -ENOMEM; sys_path_put after success only. */
int sys_path_get(struct sys_path *path, long user);
void sys_path_put(struct sys_path *path);

/* The directory a relative path starts at; a reference.  -EBADF, -ENOTDIR. */
int sys_start(int descriptor, const char *path, struct vfs_node **start);
/* Follow an application's path; vfs_place_put after success. */
int sys_walk(int descriptor, long user_path, int walk_flags, struct vfs_place *place);
/*
 * The node of an application's path, a reference.  at_flags: AT_EMPTY_PATH,
 * AT_SYMLINK_NOFOLLOW.
 */
int sys_node(int descriptor, long user_path, int at_flags, struct vfs_node **node);
/* The node of a descriptor, a reference; O_PATH ones only if paths is set. */
int sys_descriptor_node(int descriptor, bool paths, struct vfs_node **node);
/* The lowest free descriptor from minimum on, for the same file; -EBADF, -EMFILE, -ENOMEM. */
long sys_duplicate(int descriptor, int minimum, bool close_on_exec);

/* Was it opened for writing? */
static inline bool sys_is_writable(const struct vfs_file *file)
{
	return !(file->flags & O_PATH) && (file->flags & O_ACCMODE) != O_RDONLY;
}

#endif
