/*
 * names.c - making, linking and removing directory entries.
 *
 * The order of the checks is the order in which Linux finds the errors.
 */
#include "rumplib.h"
#include "vfs.h"

static void dir_changed(struct vfs_node *dir)
{
	vfs_node_touch(dir, VFS_MODIFIED | VFS_CHANGED);
}

/* Whether a new entry may be made here.  want_dir: a final slash is no mistake. */
static int check_free(struct vfs_place *place, bool want_dir)
{
	if (place->last != VFS_LAST_NAME || place->node)
		return -EEXIST;
	if (place->slash && !want_dir)
		return -ENOENT;
	if (!place->dir->nlink) /* removed, but still somebody's working directory */
		return -ENOENT;
	return 0;
}

int vfs_make_here(struct vfs_node *dir, struct vfs_name name, uint32_t mode,
    uint64_t device, struct vfs_name target, struct vfs_node **made)
{
	int error;

	if (!dir->ops->make) /* as in /proc: nothing can come to be there */
		return -ENOENT;
	error = dir->ops->make(dir, mode, device, target, made);
	if (error)
		return error;
	if (dir->mode & S_ISGID) {
		(*made)->gid = dir->gid;
		(*made)->mode |= S_ISDIR(mode) ? S_ISGID : 0;
	}
	error = dir->ops->insert(dir, name, *made);
	if (error) {
		vfs_node_put(*made);
		return error;
	}
	if (S_ISDIR(mode)) {
		(*made)->parent = vfs_node_get(dir);
		dir->nlink++;
	}
	dir_changed(dir);
	return 0;
}

static int make_at(struct vfs_place *place, uint32_t mode, uint64_t device,
    struct vfs_name target)
{
	int error = check_free(place, S_ISDIR(mode));
	struct vfs_node *made;

	if (!error)
		error = vfs_make_here(place->dir, vfs_place_name(place), mode, device,
		    target, &made);
	if (!error)
		vfs_node_put(made);
	return error;
}

int vfs_make(struct vfs_place *place, uint32_t mode, uint64_t device)
{
	return make_at(place, mode, device, (struct vfs_name){ NULL, 0 });
}

int vfs_symlink(struct vfs_place *place, const char *target)
{
	return make_at(place, S_IFLNK | 0777, 0, (struct vfs_name){ target, strlen(target) });
}

int vfs_hardlink(struct vfs_node *node, struct vfs_place *place)
{
	int error = check_free(place, false);

	if (error)
		return error;
	if (node->file_system != place->dir->file_system)
		return -EXDEV;
	if (S_ISDIR(node->mode))
		return -EPERM;
	if (!node->nlink && !node->linkable)
		return -ENOENT;
	error = place->dir->ops->insert(place->dir, vfs_place_name(place), node);
	if (error)
		return error;
	node->linkable = false;
	node->nlink++;
	vfs_node_touch(node, VFS_CHANGED);
	dir_changed(place->dir);
	return 0;
}

int vfs_unlink(struct vfs_place *place)
{
	struct vfs_node *node = place->node;

	if (place->last != VFS_LAST_NAME)
		return -EISDIR;
	if (!node)
		return -ENOENT;
	if (S_ISDIR(node->mode))
		return -EISDIR;
	if (place->slash)
		return -ENOTDIR;
	if (!place->dir->ops->remove)
		return -EPERM;
	node->nlink--;
	vfs_node_touch(node, VFS_CHANGED);
	place->dir->ops->remove(place->dir, vfs_place_name(place));
	dir_changed(place->dir);
	return 0;
}

static int check_rmdir(struct vfs_place *place)
{
	struct vfs_node *node = place->node;

	if (place->last == VFS_LAST_ROOT)
		return -EBUSY;
	if (place->last != VFS_LAST_NAME)
		return place->last == VFS_LAST_DOT ? -EINVAL : -ENOTEMPTY;
	if (!node)
		return -ENOENT;
	if (!S_ISDIR(node->mode))
		return -ENOTDIR;
	if (!place->dir->ops->remove || !node->ops->empty)
		return -EPERM;
	return node->ops->empty(node) ? 0 : -ENOTEMPTY;
}

int vfs_rmdir(struct vfs_place *place)
{
	int error = check_rmdir(place);

	if (error)
		return error;
	place->node->nlink = 0;
	vfs_node_touch(place->node, VFS_CHANGED);
	place->dir->nlink--;
	place->dir->ops->remove(place->dir, vfs_place_name(place));
	dir_changed(place->dir);
	return 0;
}
