/*
 * path.c - following a path through directories and symbolic links.
 *
 * Iterative, since the stack is small: a symbolic link replaces what is left of the
 * path by its target and the rest, in memory of its own.
 */
#include "kern.h"
#include "rumplib.h"
#include "vfs.h"
#include "vfs_volume.h"

#define MAX_LINKS 40 /* followed in one path before -ELOOP, as on Linux */

struct walk {
	struct vfs_node *dir; /* a reference; the directory that was reached */
	const char *rest;     /* of the path */
	char *buffer;         /* what rest points into, once a link was expanded */
	unsigned links;
	int flags;
};

/* The next component; "" at the end.  rest moves behind it, not behind its slashes. */
static struct vfs_name take_component(struct walk *walk)
{
	struct vfs_name name;

	while (*walk->rest == '/')
		walk->rest++;
	name.text = walk->rest;
	while (*walk->rest && *walk->rest != '/')
		walk->rest++;
	name.bytes = (size_t)(walk->rest - name.text);
	return name;
}

static bool at_end(const struct walk *walk)
{
	const char *rest = walk->rest;

	while (*rest == '/')
		rest++;
	return !*rest;
}

static enum vfs_last kind_of(struct vfs_name name)
{
	if (name.bytes == 0)
		return VFS_LAST_ROOT;
	if (name.text[0] == '.' && name.bytes == 1)
		return VFS_LAST_DOT;
	if (name.text[0] == '.' && name.text[1] == '.' && name.bytes == 2)
		return VFS_LAST_DOTDOT;
	return VFS_LAST_NAME;
}

static void set_dir(struct walk *walk, struct vfs_node *dir)
{
	struct vfs_node *old = walk->dir;

	walk->dir = vfs_node_get(dir);
	vfs_node_put(old);
}

/* Where absolute paths start: the root in memory, or what is mounted on it. */
static struct vfs_node *root_get(void)
{
	return vfs_mount_enter(vfs_node_get(vfs_root));
}

static void start_at_root(struct walk *walk)
{
	vfs_node_put(walk->dir);
	walk->dir = root_get();
}

/* Put the link's target in front of the rest. */
static int expand(struct walk *walk, const char *target)
{
	size_t target_bytes = strlen(target), rest_bytes = strlen(walk->rest);
	char *buffer;

	if (!target_bytes)
		return -ENOENT;
	buffer = kern_alloc(target_bytes + rest_bytes + 1);
	if (!buffer)
		return -ENOMEM;
	memcpy(buffer, target, target_bytes);
	memcpy(buffer + target_bytes, walk->rest, rest_bytes + 1);
	kern_free(walk->buffer);
	walk->buffer = buffer;
	walk->rest = buffer;
	if (*buffer == '/')
		start_at_root(walk);
	return 0;
}

/* The entry of a directory, or the root mounted on it: a reference, or NULL for none. */
static int lookup(struct vfs_node *dir, struct vfs_name name, struct vfs_node **found)
{
	int error = name.bytes > NAME_MAX ? -ENAMETOOLONG : dir->ops->lookup(dir, name, found);

	if (!error)
		*found = vfs_mount_enter(*found);
	else
		*found = NULL;
	return error == -ENOENT ? 0 : error;
}

/*
 * Look a component up.  *found becomes a reference or NULL; a link that is to be
 * followed is expanded, which sets *again; one that stands for a node elsewhere sets *home
 * to a reference to the directory that this is in, if it is in one.
 */
static int step(struct walk *walk, struct vfs_name name, bool follow,
    struct vfs_node **found, struct vfs_node **home, bool *again)
{
	struct vfs_node *node, *to;
	const char *target;
	int error;

	error = lookup(walk->dir, name, found);
	node = *found;
	if (error || !node)
		return error;
	if (!S_ISLNK(node->mode) || !follow)
		return 0;
	*found = NULL;
	if (++walk->links > MAX_LINKS) {
		error = -ELOOP;
	} else if (node->ops->jump) {
		error = node->ops->jump(node, &to, home);
		if (!error)
			*found = to;
	} else {
		*again = true;
		target = node->ops->target(node);
		error = target ? expand(walk, target) : -EIO;
	}
	vfs_node_put(node);
	return error;
}

/* Go on into what an inner component named. */
static int enter(struct walk *walk, struct vfs_node *node)
{
	int error = 0;

	if (!node)
		return -ENOENT;
	if (!S_ISDIR(node->mode))
		error = -ENOTDIR;
	else
		error = vfs_node_access(node, X_OK);
	if (!error)
		set_dir(walk, node);
	vfs_node_put(node);
	return error;
}

/* A reference. */
static struct vfs_node *parent_get(struct vfs_node *dir)
{
	dir = vfs_mount_leave(dir);
	return vfs_mount_enter(vfs_node_get(dir->parent ? dir->parent : dir));
}

static void finish(struct walk *walk, struct vfs_place *place, struct vfs_name name,
    enum vfs_last last, struct vfs_node *node)
{
	place->dir = vfs_node_get(walk->dir);
	place->node = node;
	place->last = last;
	place->slash = last == VFS_LAST_NAME && *walk->rest == '/';
	place->name_bytes = (uint8_t)name.bytes;
	memcpy(place->name, name.text, name.bytes);
	place->name[name.bytes] = 0;
}

/* One component.  1 when that was the last and place is filled. */
static int walk_component(struct walk *walk, struct vfs_place *place)
{
	struct vfs_name name = take_component(walk);
	enum vfs_last last = kind_of(name);
	bool end = at_end(walk), again = false, follow;
	struct vfs_node *node = NULL, *home = NULL;
	int error;

	if (last != VFS_LAST_NAME) {
		struct vfs_node *to = last == VFS_LAST_DOTDOT ? parent_get(walk->dir) :
		    vfs_node_get(walk->dir);

		if (end) {
			finish(walk, place, name, last, to);
			return 1;
		}
		set_dir(walk, to);
		vfs_node_put(to);
		return 0;
	}
	if (end && *walk->rest == '/' && (walk->flags & VFS_WALK_CREATE))
		return -EISDIR;
	follow = !end || (walk->flags & VFS_WALK_FOLLOW) ||
	    (*walk->rest == '/' && !(walk->flags & VFS_WALK_PARENT));
	error = step(walk, name, follow, &node, &home, &again);
	if (!error && !again && end && home)
		set_dir(walk, home);
	vfs_node_put(home);
	if (error || again)
		return error;
	if (!end)
		return enter(walk, node);
	finish(walk, place, name, last, node);
	/* What the link jumped to has another name there. */
	if (home)
		place->last = VFS_LAST_DOT;
	return 1;
}

int vfs_walk(struct vfs_node *start, const char *path, int flags, struct vfs_place *place)
{
	struct walk walk = { .rest = path, .flags = flags };
	int result = vfs_populate();

	if (result)
		return result;
	if (!*path)
		return -ENOENT;
	walk.dir = *path == '/' || start == vfs_root ? root_get() : vfs_node_get(start);
	do
		result = walk_component(&walk, place);
	while (result == 0);
	vfs_node_put(walk.dir);
	kern_free(walk.buffer);
	return result < 0 ? result : 0;
}

void vfs_place_put(struct vfs_place *place)
{
	vfs_node_put(place->dir);
	vfs_node_put(place->node);
}

int vfs_place_refresh(struct vfs_place *place)
{
	struct vfs_node *now;
	int error;

	if (place->last != VFS_LAST_NAME || !place->dir->ops->lookup)
		return 0;
	error = lookup(place->dir, vfs_place_name(place), &now);
	if (error)
		return error;
	vfs_node_put(place->node);
	place->node = now;
	return 0;
}

int vfs_place_lock(struct vfs_place *place)
{
	if (!place->dir->volume)
		return 0;
	vfs_mutex_enter(&place->dir->volume->lock);
	return vfs_place_refresh(place);
}

void vfs_place_unlock(struct vfs_place *place)
{
	if (place->dir->volume)
		vfs_mutex_exit(&place->dir->volume->lock);
}

struct vfs_name vfs_place_name(const struct vfs_place *place)
{
	return (struct vfs_name){ place->name, place->name_bytes };
}

int vfs_place_node(const struct vfs_place *place, struct vfs_node **node)
{
	if (!place->node)
		return -ENOENT;
	if (place->slash && !S_ISDIR(place->node->mode))
		return -ENOTDIR;
	*node = place->node;
	return 0;
}
