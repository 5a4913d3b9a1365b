/*
 * vfs_poll.h - waiting for many files: poll, select and epoll.
 */
#ifndef VFS_POLL_H
#define VFS_POLL_H

#include "linux_abi.h"
#include "vfs_file.h"

/*
 * Fill revents of each entry (POLLNVAL for no such descriptor), waiting until one is
 * set or deadline_ns passes.  Number of entries with revents, -EINTR, -ENOMEM.
 */
int vfs_poll(struct linux_pollfd *entries, size_t count, int64_t deadline_ns);

int vfs_epoll_make(struct vfs_file **file);
/* -EBADF, -EEXIST, -ENOENT, -EINVAL, -EPERM (not pollable), -ELOOP, -ENOMEM. */
int vfs_epoll_control(struct vfs_file *epoll, int operation, int descriptor,
    const struct linux_epoll_event *event);
/* Events into kernel memory; how many, 0 when the deadline passed, -EINTR. */
int vfs_epoll_wait(struct vfs_file *epoll, struct linux_epoll_event *events, int max,
    int64_t deadline_ns);
/* A file is going away: forget what watches it. */
void vfs_epoll_forget(struct vfs_file *file);

#endif
