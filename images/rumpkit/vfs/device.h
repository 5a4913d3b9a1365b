/*
 * device.h - character devices, inside the faction.
 */
#ifndef VFS_DEVICE_H
#define VFS_DEVICE_H

#include "vfs.h"

/* Give an open file its device's operations; -ENXIO if there is no driver. */
int vfs_device_open(struct vfs_node *node, struct vfs_file *file);
/* A node for a device, at an absolute path. */
int vfs_make_device(const char *path, uint64_t number);

/* null, zero, full, random, urandom; console and tty; /proc/self/fd with its links. */
int vfs_memory_devices_init(void);
int vfs_tty_init(void);
int vfs_descriptor_links_init(void);

#endif
