/*
 * tmpfs.c - nodes of the file system in memory, by type.
 */
#include "kern.h"
#include "device.h"
#include "pipe.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "tmpfs.h"

static const char *link_target(struct vfs_node *node)
{
	return ((struct tmpfs_node *)node)->target;
}

static void link_destroy(struct vfs_node *node)
{
	kern_free(((struct tmpfs_node *)node)->target);
	kern_free(node);
}

static const struct vfs_node_ops link_ops = {
	.target = link_target,
	.destroy = link_destroy,
};

static int fifo_open(struct vfs_node *node, struct vfs_file *file)
{
	return vfs_fifo_open(&((struct tmpfs_node *)node)->pipe, file);
}

static void plain_destroy(struct vfs_node *node)
{
	kern_free(node);
}

static const struct vfs_node_ops fifo_ops = {
	.open = fifo_open,
	.destroy = plain_destroy,
};

const struct vfs_node_ops tmpfs_device_ops = {
	.open = vfs_device_open,
	.destroy = plain_destroy,
};

static const struct vfs_node_ops socket_ops = {
	.open = vfs_socket_name_open,
	.destroy = plain_destroy,
};

static const struct vfs_node_ops *const ops[VFS_TYPES] = {
	[VFS_TYPE(S_IFREG)] = &tmpfs_file_ops,
	[VFS_TYPE(S_IFDIR)] = &tmpfs_directory_ops,
	[VFS_TYPE(S_IFLNK)] = &link_ops,
	[VFS_TYPE(S_IFIFO)] = &fifo_ops,
	[VFS_TYPE(S_IFSOCK)] = &socket_ops,
	[VFS_TYPE(S_IFCHR)] = &tmpfs_device_ops,
	[VFS_TYPE(S_IFBLK)] = &tmpfs_device_ops,
};

static char *copy_target(struct vfs_name target)
{
	char *text = kern_alloc(target.bytes + 1);

	if (text)
		memcpy(text, target.text, target.bytes);
	return text;
}

int tmpfs_make_node(uint32_t mode, uint64_t device, struct vfs_name target,
    struct vfs_node **made)
{
	struct tmpfs_node *tmpfs;

	if (!ops[VFS_TYPE(mode)])
		return -EINVAL; /* an archive may say anything */
	tmpfs = kern_alloc(sizeof *tmpfs);
	if (!tmpfs)
		return -ENOMEM;
	vfs_node_init(&tmpfs->node, ops[VFS_TYPE(mode)], mode);
	tmpfs->node.file_system = TMPFS_NUMBER;
	tmpfs->node.device = device;
	if (S_ISREG(mode))
		tmpfs->node.seals = F_SEAL_SEAL; /* only a memfd may be sealed */
	if (S_ISLNK(mode)) {
		tmpfs->target = copy_target(target);
		tmpfs->node.size_bytes = target.bytes;
		if (!tmpfs->target) {
			kern_free(tmpfs);
			return -ENOMEM;
		}
	}
	*made = &tmpfs->node;
	return 0;
}

void tmpfs_init(void)
{
	/* Half of the memory, so that files cannot starve the application; as on Linux. */
	tmpfs_limit_pages = rumpcomp_vm_total_pages() / 2;
}

int vfs_tmpfs_make(uint32_t mode, struct vfs_node **made)
{
	return tmpfs_make_node(mode, 0, (struct vfs_name){ NULL, 0 }, made);
}
