/*
 * files_path.c - path arguments of system calls.
 */
#include "files_path.h"
#include "kern.h"
#include "rumplib.h"

int sys_path_get(struct sys_path *path, long user)
{
	long length = kern_copyinstr((const void *)user, path->few, sizeof path->few);

	path->text = path->few;
	if (length != -ENAMETOOLONG)
		return length < 0 ? (int)length : 0;
	path->text = kern_alloc(PATH_MAX);
	if (!path->text)
		return -ENOMEM;
	length = kern_copyinstr((const void *)user, path->text, PATH_MAX);
	if (length >= 0)
		return 0;
	kern_free(path->text);
	return (int)length;
}

void sys_path_put(struct sys_path *path)
{
	if (path->text != path->few)
		kern_free(path->text);
}

int sys_descriptor_node(int descriptor, bool paths, struct vfs_node **node)
{
	struct vfs_file *file = vfs_descriptor_get(descriptor);

	if (!file)
		return -EBADF;
	if ((file->flags & O_PATH) && !paths) {
		vfs_file_put(file);
		return -EBADF;
	}
	*node = vfs_node_get(file->node);
	vfs_file_put(file);
	return 0;
}

int sys_start(int descriptor, const char *path, struct vfs_node **start)
{
	int error;

	if (*path == '/' || descriptor == AT_FDCWD) {
		*start = vfs_node_get(*path == '/' ? vfs_root : vfs_current->cwd);
		return 0;
	}
	error = sys_descriptor_node(descriptor, true, start);
	if (error || S_ISDIR((*start)->mode) || !*path)
		return error;
	vfs_node_put(*start);
	return -ENOTDIR;
}

int sys_walk(int descriptor, long user_path, int walk_flags, struct vfs_place *place)
{
	struct vfs_node *start;
	struct sys_path path;
	int error = sys_path_get(&path, user_path);

	if (error)
		return error;
	if (!*path.text)
		error = -ENOENT;
	else
		error = sys_start(descriptor, path.text, &start);
	if (!error) {
		error = vfs_walk(start, path.text, walk_flags, place);
		vfs_node_put(start);
	}
	sys_path_put(&path);
	return error;
}

static int node_at(struct vfs_node *start, const char *path, int at_flags,
    struct vfs_node **node)
{
	struct vfs_place place;
	int error = vfs_walk(start, path,
	    at_flags & AT_SYMLINK_NOFOLLOW ? 0 : VFS_WALK_FOLLOW, &place);

	if (error)
		return error;
	error = vfs_place_node(&place, node);
	if (!error)
		vfs_node_get(*node);
	vfs_place_put(&place);
	return error;
}

int sys_node(int descriptor, long user_path, int at_flags, struct vfs_node **node)
{
	struct vfs_node *start;
	struct sys_path path;
	int error;

	path.text = path.few;
	path.few[0] = 0;
	if (user_path || !(at_flags & AT_EMPTY_PATH))
		error = sys_path_get(&path, user_path);
	else
		error = 0; /* no path at all means the empty one */
	if (error)
		return error;
	if (!*path.text && !(at_flags & AT_EMPTY_PATH))
		error = -ENOENT;
	else
		error = sys_start(descriptor, path.text, &start);
	if (!error && !*path.text) {
		*node = start;
	} else if (!error) {
		error = node_at(start, path.text, at_flags, node);
		vfs_node_put(start);
	}
	sys_path_put(&path);
	return error;
}
