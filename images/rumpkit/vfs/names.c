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

static int create(struct vfs_node *dir, struct vfs_name name, uint32_t mode,
    uint64_t device, struct vfs_name target, struct vfs_node **made)
{
	return dir->ops->create(dir, name, mode, device, target, made);
}

int vfs_make_here(struct vfs_node *dir, struct vfs_name name, uint32_t mode,
    uint64_t device, struct vfs_name target, struct vfs_node **made)
{
	int error = vfs_node_access(dir, W_OK);

	if (error)
		return error;
	if (dir->ops->create)
		return create(dir, name, mode, device, target, made);
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
	struct vfs_node *made;
	int error = vfs_place_lock(place);

	if (!error)
		error = check_free(place, S_ISDIR(mode));
	if (!error)
		error = vfs_make_here(place->dir, vfs_place_name(place), mode, device,
		    target, &made);
	vfs_place_unlock(place);
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

static int check_hardlink(struct vfs_node *node, struct vfs_place *place)
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
	return vfs_node_access(place->dir, W_OK);
}

static int hardlink(struct vfs_node *node, struct vfs_place *place)
{
	struct vfs_node *dir = place->dir;
	int error;

	if (dir->ops->link || !dir->ops->insert)
		return dir->ops->link ? dir->ops->link(dir, vfs_place_name(place), node) : -EPERM;
	error = dir->ops->insert(dir, vfs_place_name(place), node);
	if (error)
		return error;
	node->linkable = false;
	node->nlink++;
	vfs_node_touch(node, VFS_CHANGED);
	dir_changed(place->dir);
	return 0;
}

int vfs_hardlink(struct vfs_node *node, struct vfs_place *place)
{
	int error = vfs_place_lock(place);

	if (!error)
		error = check_hardlink(node, place);
	if (!error)
		error = hardlink(node, place);
	vfs_place_unlock(place);
	return error;
}

int vfs_may_remove(const struct vfs_node *dir, const struct vfs_node *node)
{
	if (dir->mode & S_ISVTX && vfs_node_owned(dir) && vfs_node_owned(node))
		return -EPERM;
	return 0;
}

/* Whether an entry may be taken out of its directory. */
static int check_removal(const struct vfs_place *place)
{
	int error = vfs_node_access(place->dir, W_OK);

	return error ? error : vfs_may_remove(place->dir, place->node);
}

static int check_unlink(struct vfs_place *place)
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
	if (!place->dir->ops->remove && !place->dir->ops->unlink)
		return -EPERM;
	return check_removal(place);
}

/* The entry goes; the node's counts and the directory's. */
static int take_away(struct vfs_place *place)
{
	struct vfs_node *dir = place->dir, *node = place->node;

	if (dir->ops->unlink)
		return dir->ops->unlink(dir, vfs_place_name(place), node);
	if (S_ISDIR(node->mode)) {
		node->nlink = 0;
		dir->nlink--;
	} else {
		node->nlink--;
	}
	vfs_node_touch(node, VFS_CHANGED);
	dir->ops->remove(dir, vfs_place_name(place));
	dir_changed(dir);
	return 0;
}

int vfs_unlink(struct vfs_place *place)
{
	int error = vfs_place_lock(place);

	if (!error)
		error = check_unlink(place);
	if (!error)
		error = take_away(place);
	vfs_place_unlock(place);
	return error;
}

static int check_rmdir(struct vfs_place *place)
{
	struct vfs_node *node = place->node;
	int error;

	if (place->last == VFS_LAST_ROOT)
		return -EBUSY;
	if (place->last != VFS_LAST_NAME)
		return place->last == VFS_LAST_DOT ? -EINVAL : -ENOTEMPTY;
	if (!node)
		return -ENOENT;
	if (!S_ISDIR(node->mode))
		return -ENOTDIR;
	if (node->root_of)
		return -EBUSY;
	if ((!place->dir->ops->remove && !place->dir->ops->unlink) || !node->ops->empty)
		return -EPERM;
	error = check_removal(place);
	if (error)
		return error;
	return node->ops->empty(node) ? 0 : -ENOTEMPTY;
}

int vfs_rmdir(struct vfs_place *place)
{
	int error = vfs_place_lock(place);

	if (!error)
		error = check_rmdir(place);
	if (!error)
		error = take_away(place);
	vfs_place_unlock(place);
	return error;
}

bool vfs_emit_finds_name(void *argument, struct vfs_name name, uint64_t number, uint32_t mode,
    uint64_t next_position)
{
	bool *found = argument;

	(void)number;
	(void)mode;
	(void)next_position;
	*found = *found || name.text[0] != '.' ||
	    (name.bytes != 1 && !(name.bytes == 2 && name.text[1] == '.'));
	return !*found;
}
