/*
 * mount.c - file systems in the tree: mounting, unmounting, crossing from one to another.
 *
 * The root in memory is always there.  A root file system that is mounted on "/" hides
 * it; what programs need of it (/dev, /proc, /sys) is shown on the new root as well.
 */
#include "ext2/ext2.h"
#include "kern.h"
#include "ninep/ninep.h"
#include "rumplib.h"
#include "rumpuser.h"
#include "tmpfs.h"
#include "vfs_volume.h"

struct vfs_mount *vfs_mounts;

static const char *const shown_on_root[] = { "/dev", "/proc", "/sys" };
#define SHOWN (sizeof shown_on_root / sizeof *shown_on_root)

/* ---- crossing ------------------------------------------------------------------------ */

struct vfs_node *vfs_mount_enter(struct vfs_node *dir)
{
	struct vfs_node *root;

	while (dir->mounted) {
		root = vfs_node_get(dir->mounted->root);
		vfs_node_put(dir);
		dir = root;
	}
	return dir;
}

struct vfs_node *vfs_mount_leave(struct vfs_node *dir)
{
	while (dir->root_of)
		dir = dir->root_of->covered;
	return dir;
}

/* ---- mounting ------------------------------------------------------------------------ */

static struct vfs_mount *mount_create(const char *source, const char *type, const char *path)
{
	struct vfs_mount *mount = kern_alloc(sizeof *mount);

	if (!mount)
		return NULL;
	lib_strlcpy(mount->source, source, sizeof mount->source);
	lib_strlcpy(mount->type, type, sizeof mount->type);
	lib_strlcpy(mount->path, path, sizeof mount->path);
	return mount;
}

/* Takes over the references to root and covered. */
static void mount_attach(struct vfs_mount *mount, struct vfs_node *root,
    struct vfs_node *covered)
{
	struct vfs_mount **end = &vfs_mounts;

	while (*end)
		end = &(*end)->next;
	*end = mount;
	mount->root = root;
	mount->covered = covered;
	root->root_of = mount;
	covered->mounted = mount;
}

static void mount_detach(struct vfs_mount *mount)
{
	struct vfs_mount **at = &vfs_mounts;

	while (*at != mount)
		at = &(*at)->next;
	*at = mount->next;
	mount->root->root_of = NULL;
	mount->covered->mounted = NULL;
	vfs_node_put(mount->covered);
}

static int find_directory(const char *path, struct vfs_node **dir)
{
	struct vfs_place place;
	struct vfs_node *node;
	int error = vfs_walk(vfs_current->cwd, path, VFS_WALK_FOLLOW, &place);

	if (error)
		return error;
	error = vfs_place_node(&place, &node);
	if (!error && !S_ISDIR(node->mode))
		error = -ENOTDIR;
	if (!error)
		*dir = vfs_node_get(node);
	vfs_place_put(&place);
	return error;
}

/* Below a mount all nodes have the number of their file system: its root needs one. */
static int make_tmpfs(struct vfs_node **root)
{
	static uint32_t last_number = TMPFS_NUMBER + 1000;
	int error = vfs_tmpfs_make(S_IFDIR | S_ISVTX | 0777, root);

	if (!error)
		(*root)->file_system = ++last_number;
	return error;
}

static int make_root(const char *source, const char *type, bool read_only,
    const char *options, struct vfs_node **root)
{
	if (!strcmp(type, "tmpfs"))
		return make_tmpfs(root);
	if (!strcmp(type, "ext2") || !strcmp(type, "ext3") || !strcmp(type, "ext4"))
		return ext2_mount ? ext2_mount(source, read_only, root) : -ENOSYS;
	if (!strcmp(type, "9p"))
		return ninep_mount ? ninep_mount(source, read_only, options, root) : -ENOSYS;
	return -ENODEV;
}

int vfs_bind(struct vfs_node *root, const char *path)
{
	struct vfs_mount *mount = mount_create("none", "tmpfs", path);
	struct vfs_node *covered;
	int error = mount ? find_directory(path, &covered) : -ENOMEM;

	if (error) {
		kern_free(mount);
		return error;
	}
	if (root->root_of || covered == root) {
		vfs_node_put(covered);
		kern_free(mount);
		return -EBUSY;
	}
	if (!strcmp(path, "/proc"))
		lib_strlcpy(mount->type, "proc", sizeof mount->type);
	mount_attach(mount, vfs_node_get(root), covered);
	return 0;
}

/* Show /dev and its like on a root that has just been mounted. */
static void show_on_root(struct vfs_node *old_root)
{
	for (size_t i = 0; i < SHOWN; i++) {
		const char *path = shown_on_root[i];
		struct vfs_name name = { path + 1, strlen(path + 1) };
		struct vfs_node *dir;

		if (old_root->ops->lookup(old_root, name, &dir))
			continue;
		vfs_make_directory(path); /* if it can be and is not there yet */
		if (vfs_bind(dir, path) == -ENOENT)
			rumpuser_dprintf("rumpkit: the root file system has no %s to show the "
			    "guest's own on\n", path);
		vfs_node_put(dir);
	}
}

static bool wants_read_only(uint32_t flags, const char *options)
{
	return (flags & MS_RDONLY) || (options && (!strcmp(options, "ro") ||
	    !strncmp(options, "ro,", 3) || strstr(options, ",ro")));
}

int vfs_mount(const char *source, const char *type, const char *path, uint32_t flags,
    const char *options)
{
	struct vfs_mount *mount = mount_create(source, type, path);
	struct vfs_node *covered, *root;
	int error = mount ? find_directory(path, &covered) : -ENOMEM;

	if (!error) {
		mount->read_only = wants_read_only(flags, options);
		error = covered->mounted ? -EBUSY :
		    make_root(source, type, mount->read_only, options, &root);
		if (error)
			vfs_node_put(covered);
	}
	if (error) {
		kern_free(mount);
		return error;
	}
	mount->volume = root->volume;
	if (root->volume && root->volume->read_only)
		mount->read_only = true;
	mount_attach(mount, root, covered);
	if (covered == vfs_root)
		show_on_root(covered);
	return 0;
}

/* ---- unmounting ---------------------------------------------------------------------- */

static bool has_mounts_below(const struct vfs_mount *mount)
{
	const struct vfs_mount *other;

	for (other = vfs_mounts; other; other = other->next)
		if (other != mount && mount->volume && other->covered->volume == mount->volume)
			return true;
	return false;
}

int vfs_unmount(const char *path, int flags)
{
	struct vfs_node *root, *dir;
	struct vfs_mount *mount;
	struct vfs_volume *volume;
	bool busy;
	int error = find_directory(path, &root);

	if (error)
		return error;
	mount = root->root_of;
	dir = root;
	/* One reference is the mount's, one is ours. */
	busy = mount && (mount->volume ? mount->volume->nodes > 1 || root->references > 2 :
	    root->references > 2);
	vfs_node_put(dir);
	if (!mount)
		return -EINVAL;
	volume = mount->volume;
	if (has_mounts_below(mount) || (busy && !(flags & MNT_DETACH)))
		return -EBUSY;
	mount_detach(mount);
	if (volume && !busy) {
		vfs_node_put(root);
		error = volume->ops->unmount(volume);
	} else if (volume) {
		error = volume->ops->sync(volume); /* the rest when the guest stops */
	} else {
		vfs_node_put(root);
	}
	kern_free(mount);
	return error;
}
