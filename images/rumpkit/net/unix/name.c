/*
 * name.c - the names of unix sockets: files, and abstract ones without a file.
 */
#include "unix/unix.h"
#include "vfs.h"

static struct unix_name *names;

/* The bytes of the path; a file's name ends at its NUL, an abstract one does not. */
static int path_of(const struct net_address *address, struct unix_name *name)
{
	size_t bytes = address->bytes - offsetof(struct linux_sockaddr_un, path);

	if (address->bytes < sizeof address->family || address->family != AF_UNIX)
		return -EINVAL;
	if (bytes > LINUX_UNIX_PATH_BYTES)
		return -EINVAL;
	memset(name->path, 0, sizeof name->path);
	memcpy(name->path, address->un.path, bytes);
	name->bytes = bytes && name->path[0] ? strlen(name->path) + 1 : bytes;
	return 0;
}

static bool is_abstract(const struct unix_name *name)
{
	return !name->path[0];
}

static struct unix_name *find_abstract(const struct unix_name *wanted)
{
	struct unix_name *name;

	for (name = names; name; name = name->next)
		if (!name->node && name->bytes == wanted->bytes &&
		    !memcmp(name->path, wanted->path, wanted->bytes))
			break;
	return name;
}

static struct unix_name *find_node(const struct vfs_node *node)
{
	struct unix_name *name = names;

	while (name && name->node != node)
		name = name->next;
	return name;
}

/* A five digit name that is free, as Linux chooses one: "autobind". */
static int choose(struct unix_name *name)
{
	static uint32_t next;
	uint32_t tries;

	for (tries = 0; tries <= 0xfffff; tries++) {
		lib_snprintf(name->path + 1, sizeof name->path - 1, "%05x", ++next & 0xfffff);
		name->bytes = 6;
		if (!find_abstract(name))
			return 0;
	}
	return -ENOSPC;
}

static int make_node(struct unix_name *name)
{
	struct vfs_place place;
	uint32_t mode = S_IFSOCK | (0777 & ~vfs_current->umask);
	int error = vfs_walk(vfs_current->cwd, name->path, VFS_WALK_PARENT, &place);

	if (error)
		return error;
	error = vfs_make(&place, mode, 0);
	vfs_place_put(&place);
	if (error)
		return error == -EEXIST ? -EADDRINUSE : error;
	error = vfs_walk(vfs_current->cwd, name->path, VFS_WALK_PARENT, &place);
	if (error)
		return error;
	if (place.node)
		name->node = vfs_node_get(place.node);
	vfs_place_put(&place);
	return name->node ? 0 : -ENOENT;
}

static int claim(struct unix_name *name)
{
	if (!name->bytes)
		return choose(name);
	if (is_abstract(name))
		return find_abstract(name) ? -EADDRINUSE : 0;
	return make_node(name);
}

static int node_at(const char *path, struct vfs_node **node)
{
	struct vfs_place place;
	int error = vfs_walk(vfs_current->cwd, path, VFS_WALK_FOLLOW, &place);

	if (error)
		return error;
	error = vfs_place_node(&place, node);
	if (!error)
		vfs_node_get(*node);
	vfs_place_put(&place);
	return error;
}

/* A socket that has a name gets no other; but a file that is in the way is seen first. */
static int bind_again(const struct unix_name *name)
{
	struct vfs_node *node;

	if (!name->bytes)
		return 0;
	if (is_abstract(name) || node_at(name->path, &node))
		return -EINVAL;
	vfs_node_put(node);
	return -EADDRINUSE;
}

int unix_name_bind(struct unix_socket *socket, const struct net_address *address)
{
	struct unix_name *name = kern_alloc(sizeof *name);
	int error;

	if (!name)
		return -ENOMEM;
	error = path_of(address, name);
	if (!error && socket->name)
		error = bind_again(name);
	else if (!error)
		error = claim(name);
	if (error || socket->name) {
		kern_free(name);
		return error;
	}
	name->owner = socket;
	name->next = names;
	names = name;
	socket->name = name;
	socket->owns_name = true;
	return 0;
}

int unix_name_find(const struct net_address *address, struct unix_socket **found)
{
	struct unix_name wanted, *name;
	struct vfs_node *node;
	int error = path_of(address, &wanted);

	if (error)
		return error;
	if (!wanted.bytes)
		return -EINVAL;
	if (is_abstract(&wanted)) {
		name = find_abstract(&wanted);
	} else {
		error = node_at(wanted.path, &node);
		if (error)
			return error;
		name = find_node(node);
		vfs_node_put(node);
	}
	if (!name)
		return -ECONNREFUSED;
	*found = unix_get(name->owner);
	return 0;
}

void unix_name_put(struct unix_socket *socket, struct net_address *address)
{
	memset(&address->un, 0, sizeof address->un);
	address->family = AF_UNIX;
	address->bytes = offsetof(struct linux_sockaddr_un, path);
	if (!socket || !socket->name)
		return;
	memcpy(address->un.path, socket->name->path,
	    socket->name->bytes < LINUX_UNIX_PATH_BYTES ? socket->name->bytes :
	    LINUX_UNIX_PATH_BYTES);
	address->bytes += (uint32_t)socket->name->bytes;
}

void unix_name_give_up(struct unix_socket *socket)
{
	struct unix_name **at = &names;

	if (!socket->owns_name)
		return;
	while (*at != socket->name)
		at = &(*at)->next;
	*at = socket->name->next;
	socket->owns_name = false;
}

void unix_name_drop(struct unix_socket *socket)
{
	if (!socket->name)
		return;
	vfs_node_put(socket->name->node);
	kern_free(socket->name);
	socket->name = NULL;
}
