/*
 * open.c - from a path and flags to an open file.
 */
#include "kern.h"
#include "regular.h"
#include "rumplib.h"
#include "vfs.h"

/* What open(2) acts on once and F_GETFL does not show. */
#define OPEN_ONCE (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)
#define PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH)

static bool is_tmpfile(uint32_t flags)
{
	return (flags & O_TMPFILE) == O_TMPFILE;
}

static int check_flags(uint32_t flags)
{
	bool tmpfile = flags & O_TMPFILE & ~O_DIRECTORY;

	if (flags & O_PATH)
		return 0;
	if (tmpfile && (!is_tmpfile(flags) || (flags & O_ACCMODE) == O_RDONLY))
		return -EINVAL;
	if ((flags & O_CREAT) && (flags & O_DIRECTORY))
		return -EINVAL;
	return 0;
}

static int check_node(struct vfs_node *node, uint32_t flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
	int mode = (writes ? W_OK : 0) | ((flags & O_ACCMODE) != O_WRONLY ? R_OK : 0);
	int error;

	if ((flags & O_DIRECTORY) && !S_ISDIR(node->mode))
		return -ENOTDIR;
	if (flags & O_PATH)
		return 0;
	if (S_ISLNK(node->mode))
		return -ELOOP;
	if (S_ISDIR(node->mode) && writes)
		return -EISDIR;
	error = vfs_node_access(node, mode);
	return error == -EROFS && !S_ISREG(node->mode) ? 0 : error;
}

static const struct vfs_file_ops *ops_of(struct vfs_node *node, uint32_t flags)
{
	if (flags & O_PATH)
		return &vfs_path_ops;
	return S_ISDIR(node->mode) ? &vfs_directory_ops : &vfs_regular_ops;
}

int vfs_open_node(struct vfs_node *node, struct vfs_node *dir, uint32_t flags,
    struct vfs_file **file)
{
	int error = check_node(node, flags);
	uint32_t kept = flags & ~OPEN_ONCE;

	if (flags & O_PATH)
		kept = flags & PATH_FLAGS;
	if (!error)
		error = vfs_file_make(ops_of(node, flags), node, kept, file);
	if (error)
		return error;
	if (dir)
		(*file)->dir = vfs_node_get(dir);
	if (node->ops->open && !(flags & O_PATH))
		error = node->ops->open(node, *file);
	if (!error && (flags & O_TRUNC) && S_ISREG(node->mode))
		error = vfs_node_resize(node, 0);
	if (error)
		vfs_file_put(*file);
	return error;
}

static int create(struct vfs_place *place, uint32_t mode)
{
	struct vfs_node *made;
	int error;

	if (!place->dir->nlink)
		return -ENOENT;
	error = vfs_make_here(place->dir, vfs_place_name(place), S_IFREG | mode, 0,
	    (struct vfs_name){ NULL, 0 }, &made);
	if (!error)
		place->node = made;
	return error;
}

static int open_creating(struct vfs_place *place, uint32_t flags, uint32_t mode,
    struct vfs_file **file)
{
	int error = 0;

	if (!place->node) { /* look again: the walk may have slept */
		error = vfs_place_lock(place);
		if (!error && !place->node) {
			error = create(place, mode);
			flags &= ~(uint32_t)(O_TRUNC | O_EXCL);
		}
		vfs_place_unlock(place);
	}
	if (error) {
		/* what follows is about a file that is there */
	} else if (flags & O_EXCL) {
		error = -EEXIST;
	} else if (S_ISDIR(place->node->mode)) {
		error = -EISDIR;
	}
	return error ? error : vfs_open_node(place->node, place->dir, flags, file);
}

static int open_existing(struct vfs_place *place, uint32_t flags, struct vfs_file **file)
{
	struct vfs_node *node;
	int error = vfs_place_node(place, &node);

	return error ? error : vfs_open_node(node, place->dir, flags, file);
}

static int open_nameless(struct vfs_place *place, uint32_t flags, uint32_t mode,
    struct vfs_file **file)
{
	struct vfs_node *dir, *node;
	int error = vfs_place_node(place, &dir);

	if (error)
		return error;
	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if (!dir->ops->make)
		return -EOPNOTSUPP;
	error = vfs_node_access(dir, W_OK);
	if (error)
		return error;
	error = dir->ops->make(dir, S_IFREG | mode, 0, (struct vfs_name){ NULL, 0 }, &node);
	if (error)
		return error;
	if (!node->volume)
		node->nlink = 0;
	node->linkable = !(flags & O_EXCL);
	error = vfs_open_node(node, NULL, flags & ~(uint32_t)O_DIRECTORY, file);
	vfs_node_put(node);
	if (!error)
		(*file)->flags |= O_TMPFILE;
	return error;
}

static int walk_flags(uint32_t flags)
{
	if (!(flags & O_CREAT))
		return flags & O_NOFOLLOW ? 0 : VFS_WALK_FOLLOW;
	return flags & (O_NOFOLLOW | O_EXCL) ? VFS_WALK_CREATE : VFS_WALK_CREATE | VFS_WALK_FOLLOW;
}

/* Nodes of volumes do not know their names; who looks at the guest wants one. */
static void note_path(struct vfs_file *file, const char *path)
{
	size_t bytes = strlen(path) + 1;

	file->opened_as = file->node->volume ? kern_alloc(bytes) : NULL;
	if (file->opened_as)
		memcpy(file->opened_as, path, bytes);
}

int vfs_open(struct vfs_node *start, const char *path, uint32_t flags, uint32_t mode,
    struct vfs_file **file)
{
	struct vfs_place place;
	int error = check_flags(flags);

	if (flags & O_PATH)
		flags &= PATH_FLAGS;
	if (!error)
		error = vfs_walk(start, path, walk_flags(flags), &place);
	if (error)
		return error;
	mode &= 07777 & ~vfs_current->umask;
	if (is_tmpfile(flags))
		error = open_nameless(&place, flags, mode, file);
	else if (flags & O_CREAT)
		error = open_creating(&place, flags, mode, file);
	else
		error = open_existing(&place, flags, file);
	if (!error)
		note_path(*file, path);
	vfs_place_put(&place);
	return error;
}
