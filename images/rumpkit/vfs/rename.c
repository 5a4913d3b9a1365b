/*
 * rename.c - giving a node another name, in place of what had it.
 *
 * The order of the checks is the order in which Linux finds the errors.  The entry under
 * the new name is made or replaced first: after that nothing can fail.
 */
#include "vfs.h"

/* Whether node is dir or lies above it. */
static bool is_above(const struct vfs_node *node, const struct vfs_node *dir)
{
	while (dir != node && dir->parent && dir->parent != dir)
		dir = dir->parent;
	return dir == node;
}

static int check_rename_names(struct vfs_place *from, struct vfs_place *to, unsigned flags)
{
	if (from->last != VFS_LAST_NAME)
		return -EBUSY;
	if (to->last != VFS_LAST_NAME)
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (from->dir->file_system != to->dir->file_system)
		return -EXDEV;
	if (!from->node)
		return -ENOENT;
	if ((flags & RENAME_NOREPLACE) && to->node)
		return -EEXIST;
	if ((flags & RENAME_EXCHANGE) && !to->node)
		return -ENOENT;
	if ((flags & RENAME_EXCHANGE) && to->slash && !S_ISDIR(to->node->mode))
		return -ENOTDIR;
	if (!S_ISDIR(from->node->mode) &&
	    (from->slash || (to->slash && !(flags & RENAME_EXCHANGE))))
		return -ENOTDIR;
	return 0;
}

static int check_rename_nodes(struct vfs_place *from, struct vfs_place *to, unsigned flags)
{
	bool exchange = flags & RENAME_EXCHANGE;
	int error;

	if (S_ISDIR(from->node->mode) && is_above(from->node, to->dir))
		return -EINVAL;
	if (to->node && S_ISDIR(to->node->mode) && is_above(to->node, from->dir))
		return exchange ? -EINVAL : -ENOTEMPTY;
	if (from->node == to->node)
		return 0;
	if ((from->node->root_of || (to->node && to->node->root_of)))
		return -EBUSY;
	if (!from->dir->ops->rename && (!from->dir->ops->replace || !to->dir->ops->replace))
		return -EPERM;
	error = vfs_node_access(from->dir, W_OK);
	if (!error)
		error = vfs_node_access(to->dir, W_OK);
	if (!error)
		error = vfs_may_remove(from->dir, from->node);
	if (!error && to->node)
		error = vfs_may_remove(to->dir, to->node);
	if (error)
		return error;
	if (!to->node)
		return to->dir->nlink ? 0 : -ENOENT;
	if (exchange)
		return 0;
	if (S_ISDIR(from->node->mode) != S_ISDIR(to->node->mode))
		return S_ISDIR(to->node->mode) ? -EISDIR : -ENOTDIR;
	if (S_ISDIR(to->node->mode) && !to->node->ops->empty(to->node))
		return -ENOTEMPTY;
	return 0;
}

/* A directory moves: its parent, and the counts of both parents. */
static void moved(struct vfs_node *node, struct vfs_node *from, struct vfs_node *to)
{
	vfs_node_touch(node, VFS_CHANGED);
	if (!S_ISDIR(node->mode) || from == to)
		return;
	from->nlink--;
	to->nlink++;
	node->parent = vfs_node_get(to);
	vfs_node_put(from);
}

static void exchange(struct vfs_place *from, struct vfs_place *to)
{
	from->dir->ops->replace(from->dir, vfs_place_name(from), to->node);
	to->dir->ops->replace(to->dir, vfs_place_name(to), from->node);
	moved(to->node, to->dir, from->dir);
}

/* What the new name stood for loses it. */
static void displaced(struct vfs_node *node, struct vfs_node *dir)
{
	if (S_ISDIR(node->mode)) {
		node->nlink = 0;
		dir->nlink--;
	} else {
		node->nlink--;
	}
	vfs_node_touch(node, VFS_CHANGED);
}

static int move(struct vfs_place *from, struct vfs_place *to)
{
	struct vfs_node *dir = to->dir;
	int error;

	if (to->node) {
		dir->ops->replace(dir, vfs_place_name(to), from->node);
		displaced(to->node, dir);
	} else {
		error = dir->ops->insert(dir, vfs_place_name(to), from->node);
		if (error)
			return error;
	}
	from->dir->ops->remove(from->dir, vfs_place_name(from));
	return 0;
}

static int rename_checked(struct vfs_place *from, struct vfs_place *to, unsigned flags)
{
	int error = check_rename_names(from, to, flags);

	if (!error)
		error = check_rename_nodes(from, to, flags);
	if (error || from->node == to->node)
		return error;
	if (from->dir->ops->rename)
		return from->dir->ops->rename(from->dir, vfs_place_name(from), from->node, to->dir,
		    vfs_place_name(to), to->node, flags);
	if (flags & RENAME_EXCHANGE)
		exchange(from, to);
	else
		error = move(from, to);
	if (error)
		return error;
	moved(from->node, from->dir, to->dir);
	vfs_node_touch(from->dir, VFS_MODIFIED | VFS_CHANGED);
	vfs_node_touch(to->dir, VFS_MODIFIED | VFS_CHANGED);
	return 0;
}

int vfs_rename(struct vfs_place *from, struct vfs_place *to, unsigned flags)
{
	int error;

	if (from->dir->file_system != to->dir->file_system)
		return rename_checked(from, to, flags); /* ends in -EXDEV, or before */
	error = vfs_place_lock(from);
	/* The walk to the new name may have slept since the old one was found. */
	if (!error && !from->dir->volume)
		error = vfs_place_refresh(from);
	if (!error)
		error = vfs_place_refresh(to);
	if (!error)
		error = rename_checked(from, to, flags);
	vfs_place_unlock(from);
	return error;
}
