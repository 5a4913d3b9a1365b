/*
 * naming.c - from a node back to a name: getcwd, readlink, and putting nodes in place.
 */
#include "rumplib.h"
#include "vfs.h"
#include "vfs_volume.h"

/* A search through a listing for the entry of one node. */
struct search {
	uint64_t number;
	char *end;   /* the name is written to end before this address */
	char *begin; /* and not below this one */
	bool found, fits;
};

static bool is_dot(struct vfs_name name)
{
	return name.text[0] == '.' && (name.bytes == 1 || (name.bytes == 2 && name.text[1] == '.'));
}

static bool match(void *argument, struct vfs_name name, uint64_t number, uint32_t mode,
    uint64_t next_position)
{
	struct search *search = argument;

	(void)mode;
	(void)next_position;
	if (number != search->number || is_dot(name))
		return true;
	search->found = true;
	search->fits = (size_t)(search->end - search->begin) > name.bytes;
	if (search->fits) {
		search->end -= name.bytes;
		memcpy(search->end, name.text, name.bytes);
		*--search->end = '/';
	}
	return false;
}

/* Put "/name" of node, an entry of dir, in front of *end. */
static int prepend(struct vfs_node *dir, struct vfs_node *node, char *begin, char **end)
{
	struct search search = { node->number, *end, begin, false, false };
	uint64_t position = 0;

	dir->ops->list(dir, &position, match, &search);
	if (!search.found)
		return -ENOENT;
	if (!search.fits)
		return -ERANGE;
	*end = search.end;
	return 0;
}

long vfs_path_of(struct vfs_node *dir, struct vfs_node *node, char *text, size_t bytes)
{
	char *end = text + bytes;
	int error = 0;

	if (bytes < 2)
		return -ERANGE;
	*--end = 0;
	if (node != dir)
		error = prepend(dir, node, text, &end);
	for (;;) {
		dir = vfs_mount_leave(dir);
		if (error || !dir->parent || dir->parent == dir)
			break;
		error = prepend(dir->parent, dir, text, &end);
		dir = dir->parent;
	}
	if (error)
		return error;
	if (!*end)
		*--end = '/';
	bytes = (size_t)(text + bytes - end);
	memmove(text, end, bytes);
	return (long)bytes;
}

long vfs_readlink(struct vfs_node *node, char *text, size_t bytes)
{
	size_t target_bytes;
	const char *target;

	if (!S_ISLNK(node->mode))
		return -EINVAL;
	vfs_node_touch(node, VFS_ACCESSED);
	if (node->ops->describe)
		return node->ops->describe(node, text, bytes);
	target = node->ops->target(node);
	if (!target)
		return -EIO;
	target_bytes = strlen(target);
	if (target_bytes > bytes)
		target_bytes = bytes;
	memcpy(text, target, target_bytes);
	return (long)target_bytes;
}

int vfs_attach(const char *path, struct vfs_node *node)
{
	struct vfs_place place;
	int error = vfs_walk(vfs_root, path, VFS_WALK_PARENT, &place);

	if (error)
		return error;
	error = place.node || place.last != VFS_LAST_NAME ? -EEXIST :
	    !place.dir->ops->insert ? -EPERM : place.dir->ops->insert(place.dir, vfs_place_name(&place), node);
	if (!error && S_ISDIR(node->mode)) {
		node->parent = vfs_node_get(place.dir);
		place.dir->nlink++;
	}
	vfs_place_put(&place);
	return error;
}

static int make_at(const char *path, uint32_t mode, const char *target)
{
	struct vfs_place place;
	int error = vfs_walk(vfs_root, path, VFS_WALK_PARENT, &place);

	if (error)
		return error;
	error = target ? vfs_symlink(&place, target) : vfs_make(&place, mode, 0);
	vfs_place_put(&place);
	return error;
}

int vfs_make_directory(const char *path)
{
	return make_at(path, S_IFDIR | 0755, NULL);
}

int vfs_make_link(const char *path, const char *target)
{
	return make_at(path, 0, target);
}

int vfs_make_text(const char *path, const char *text)
{
	struct vfs_file *file;
	struct vfs_io io;
	long written;
	int error = vfs_open(vfs_root, path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &file);

	if (error)
		return error;
	vfs_io_kernel(&io, (void *)(uintptr_t)text, strlen(text));
	written = vfs_file_write(file, &io, NULL);
	vfs_file_put(file);
	return written < 0 ? (int)written : 0;
}
