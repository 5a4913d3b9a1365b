/*
 * device.h - character devices, inside the faction.
 */
#ifndef VFS_DEVICE_H
#define VFS_DEVICE_H

#include "vfs.h"

#define VFS_CONSOLE_DEVICE vfs_device_number(5, 1)

/* Give an open file its device's operations; -ENXIO if there is no driver. */
int vfs_device_open(struct vfs_node *node, struct vfs_file *file);
void vfs_tty_init(void);

/* Parts of the first file system: /dev/null and its like, /proc/self/fd with its links. */
int vfs_devices_make(void);
int vfs_descriptor_links_make(void);
/* The other links of /proc/self: exe, cwd, root; and the list of mounts. */
int vfs_process_links_make(void);
/* What the image's archive adds to it; entries replace what is there. */
int vfs_cpio_unpack(void);

#endif
