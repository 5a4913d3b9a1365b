/*
 * ext2_name.h - the operations of directories, for their table in ops.c.
 */
#ifndef VFS_EXT2_NAME_H
#define VFS_EXT2_NAME_H

#include "vfs_node.h"

int ext2_lookup(struct vfs_node *dir, struct vfs_name name, struct vfs_node **found);
int ext2_create(struct vfs_node *dir, struct vfs_name name, uint32_t mode, uint64_t device,
    struct vfs_name target, struct vfs_node **made);
int ext2_make(struct vfs_node *dir, uint32_t mode, uint64_t device, struct vfs_name target,
    struct vfs_node **made);
int ext2_link(struct vfs_node *dir, struct vfs_name name, struct vfs_node *node);
int ext2_unlink(struct vfs_node *dir, struct vfs_name name, struct vfs_node *node);
int ext2_rename(struct vfs_node *from, struct vfs_name name, struct vfs_node *node,
    struct vfs_node *to, struct vfs_name new_name, struct vfs_node *displaced,
    unsigned flags);

#endif
