/*
 * node.c - nodes: counting, times, what stat shows.
 */
#include "kern.h"
#include "rumplib.h"
#include "vfs.h"
#include "vfs_volume.h"

/* Read-only times are refreshed after this long even if nothing was written. */
#define RELATIME_NS (24ll * 3600 * 1000000000)

static void set_times(struct vfs_node *node)
{
	node->born_ns = kern_wall_ns();
	node->accessed_ns = node->modified_ns = node->changed_ns = node->born_ns;
}

void vfs_node_init(struct vfs_node *node, const struct vfs_node_ops *ops, uint32_t mode)
{
	static uint64_t last_number = VFS_CONSOLE_NUMBER;

	node->ops = ops;
	node->references = 1;
	node->mode = mode;
	node->nlink = S_ISDIR(mode) ? 2 : 1;
	node->uid = vfs_current->uid;
	node->gid = vfs_current->gid;
	node->number = ++last_number;
	set_times(node);
}

int vfs_socket_name_open(struct vfs_node *node, struct vfs_file *file)
{
	(void)node;
	(void)file;
	return -ENXIO;
}

struct vfs_node *vfs_node_get(struct vfs_node *node)
{
	node->references++;
	return node;
}

/* False if somebody found the node again while this thread waited for the volume. */
static bool destroy_in_volume(struct vfs_node *node)
{
	struct vfs_volume *volume = node->volume;
	bool last;

	node->references = 1;
	vfs_mutex_enter(&volume->lock);
	last = --node->references == 0;
	if (last)
		node->ops->destroy(node);
	vfs_mutex_exit(&volume->lock);
	return last;
}

void vfs_node_put(struct vfs_node *node)
{
	struct vfs_node *parent;

	/* A removed directory may hold the last reference to its parent, and so on up. */
	while (node && --node->references == 0) {
		parent = node->parent == node ? NULL : node->parent;
		if (!node->volume && node->ops->destroy)
			node->ops->destroy(node);
		else if (node->volume && !destroy_in_volume(node))
			return;
		node = parent;
	}
}

int vfs_node_refresh(struct vfs_node *node)
{
	return node->ops->refresh ? node->ops->refresh(node) : 0;
}

int vfs_node_writable(const struct vfs_node *node)
{
	return node->volume && node->volume->read_only ? -EROFS : 0;
}

static void touch(struct vfs_node *node, int which)
{
	int64_t now = kern_wall_ns();
	bool stale = node->accessed_ns <= node->modified_ns ||
	    node->accessed_ns <= node->changed_ns || now - node->accessed_ns >= RELATIME_NS;

	if ((which & VFS_ACCESSED) && stale)
		node->accessed_ns = now;
	if (which & VFS_MODIFIED)
		node->modified_ns = now;
	if (which & VFS_CHANGED)
		node->changed_ns = now;
	if (node->volume && ((which & ~VFS_ACCESSED) || stale))
		node->ops->changed(node, which);
}

void vfs_node_touch(struct vfs_node *node, int which)
{
	/* A volume without this operation keeps the times itself, as a server does. */
	if (!node->volume || (node->ops->changed && !node->volume->read_only))
		touch(node, which);
}

void vfs_node_take(struct vfs_node *node, const struct vfs_change *change)
{
	int64_t now = kern_wall_ns();

	if (change->which & VFS_SET_MODE)
		node->mode = (node->mode & S_IFMT) | change->mode;
	if (change->which & VFS_SET_UID)
		node->uid = change->uid;
	if (change->which & VFS_SET_GID)
		node->gid = change->gid;
	if (change->which & VFS_SET_ACCESSED)
		node->accessed_ns = change->accessed_now ? now : change->accessed_ns;
	if (change->which & VFS_SET_MODIFIED)
		node->modified_ns = change->modified_now ? now : change->modified_ns;
}

int vfs_node_set(struct vfs_node *node, const struct vfs_change *change)
{
	int error = vfs_node_writable(node);

	if (error)
		return error;
	if (node->ops->set)
		return node->ops->set(node, change);
	vfs_node_take(node, change);
	vfs_node_touch(node, VFS_CHANGED);
	return 0;
}

static struct linux_timespec timespec_of(int64_t ns)
{
	struct linux_timespec time = { ns / 1000000000, ns % 1000000000 };

	if (time.tv_nsec < 0) {
		time.tv_nsec += 1000000000;
		time.tv_sec--;
	}
	return time;
}

int vfs_node_stat(struct vfs_node *node, struct linux_stat *stat)
{
	int error = vfs_node_refresh(node);

	if (error)
		return error;
	memset(stat, 0, sizeof *stat);
	if (!node->born_ns) /* one that was there before any clock */
		set_times(node);
	stat->st_dev = node->file_system;
	stat->st_ino = node->number;
	stat->st_nlink = node->nlink;
	stat->st_mode = node->mode;
	stat->st_uid = node->uid;
	stat->st_gid = node->gid;
	stat->st_rdev = node->device;
	stat->st_size = (int64_t)node->size_bytes;
	stat->st_blksize = VFS_PAGE_BYTES;
	stat->st_blocks = node->ops->blocks ? (int64_t)node->ops->blocks(node) : 0;
	stat->st_atim = timespec_of(node->accessed_ns);
	stat->st_mtim = timespec_of(node->modified_ns);
	stat->st_ctim = timespec_of(node->changed_ns);
	return 0;
}

/* The three bits of owner, group or others are R_OK, W_OK and X_OK. */
static bool permits(const struct vfs_node *node, int mode)
{
	unsigned shift = node->uid == vfs_current->uid ? 6 : node->gid == vfs_current->gid ||
	    (vfs_current->in_group && vfs_current->in_group(node->gid)) ? 3 : 0;

	return vfs_current->uid == 0 || !((unsigned)mode & ~(node->mode >> shift & 7));
}

int vfs_node_owned(const struct vfs_node *node)
{
	return vfs_current->uid == 0 || vfs_current->uid == node->uid ? 0 : -EPERM;
}

int vfs_node_access(struct vfs_node *node, int mode)
{
	if (!permits(node, mode))
		return -EACCES;
	/* Root may read and write all, but runs only what somebody may run. */
	if ((mode & X_OK) && !S_ISDIR(node->mode) && !(node->mode & 0111))
		return -EACCES;
	return (mode & W_OK) && !S_ISCHR(node->mode) ? vfs_node_writable(node) : 0;
}

int vfs_node_resize(struct vfs_node *node, uint64_t size_bytes)
{
	int error;

	if (S_ISDIR(node->mode))
		return -EISDIR;
	if (!node->ops->resize)
		return -EINVAL;
	error = vfs_node_writable(node);
	if (error)
		return error;
	if ((node->seals & F_SEAL_SHRINK) && size_bytes < node->size_bytes)
		return -EPERM;
	if ((node->seals & F_SEAL_GROW) && size_bytes > node->size_bytes)
		return -EPERM;
	error = node->ops->resize(node, size_bytes);
	if (!error && !node->volume)
		vfs_node_touch(node, VFS_MODIFIED | VFS_CHANGED);
	return error;
}
