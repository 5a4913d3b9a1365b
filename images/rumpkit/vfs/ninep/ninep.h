#ifndef VFS_NINEP_H
#define VFS_NINEP_H
#include "vfs_node.h"
int ninep_mount(const char *tag, bool read_only, struct vfs_node **root);
#endif
