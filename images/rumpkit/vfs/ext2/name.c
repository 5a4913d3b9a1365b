/*
 * name.c - what is done with names: lookup, create, link, unlink, rename.
 *
 * An inode is stored before a name leads to it, and a name goes before its inode does;
 * disk.h makes the order last.
 */
#include "ext2.h"
#include "ext2_name.h"
#include "rumplib.h"

static const struct vfs_name parent_name = { "..", 2 };

int ext2_lookup(struct vfs_node *dir, struct vfs_name name, struct vfs_node **found)
{
	struct ext2_node *ext2 = ext2_node_of(dir);
	uint32_t inode = 0;
	int error;

	ext2_enter(dir);
	error = dir->nlink ? ext2_entry_find(ext2, name, &inode) : -ENOENT;
	if (!error)
		error = ext2_node_get(ext2_volume_of(dir), inode, found);
	if (!error && S_ISDIR((*found)->mode) && !(*found)->parent)
		(*found)->parent = vfs_node_get(dir);
	ext2_exit(dir);
	return error;
}

/* A directory's contents changed. */
static int dir_changed(struct ext2_node *dir)
{
	ext2_touch_now(dir, VFS_MODIFIED | VFS_CHANGED);
	return ext2_node_store(dir);
}

static void set_device(struct ext2_node *node, uint64_t device)
{
	uint32_t major = (uint32_t)(device >> 8 & 0xfff);
	uint32_t minor = (uint32_t)((device & 0xff) | (device >> 12 & 0xfff00));

	node->node.device = device;
	if (major < 256 && minor < 256)
		node->block[0] = major << 8 | minor;
	else
		node->block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

/* What a new node holds besides its attributes. */
static int node_init(struct ext2_node *node, struct vfs_node *dir, uint64_t device,
    struct vfs_name target)
{
	uint32_t mode = node->node.mode;

	if (S_ISDIR(mode))
		return ext2_directory_init(node, (uint32_t)dir->number);
	if (S_ISLNK(mode))
		return ext2_link_init(node, target);
	if (S_ISCHR(mode) || (mode & S_IFMT) == S_IFBLK)
		set_device(node, device);
	return 0;
}

static int create(struct ext2_node *dir, struct vfs_name name, uint32_t mode,
    uint64_t device, struct vfs_name target, struct ext2_node **made)
{
	struct ext2_volume *volume = ext2_volume_of(&dir->node);
	struct ext2_node *node;
	int error = ext2_throttle(volume);

	if (!error && S_ISDIR(mode) && dir->node.nlink >= EXT2_LINK_MAX)
		error = -EMLINK;
	if (!error)
		error = ext2_node_make(volume, &dir->node, mode, &node);
	if (error)
		return error;
	error = node_init(node, &dir->node, device, target);
	if (!error)
		error = ext2_node_store(node);
	if (!error)
		error = ext2_entry_add(dir, name, node->inode, mode);
	if (error) {
		node->node.nlink = 0; /* the last reference erases it */
		vfs_node_put(&node->node);
		return error;
	}
	if (S_ISDIR(mode)) {
		node->node.parent = vfs_node_get(&dir->node);
		dir->node.nlink++;
	}
	*made = node;
	return dir_changed(dir);
}

int ext2_create(struct vfs_node *dir, struct vfs_name name, uint32_t mode, uint64_t device,
    struct vfs_name target, struct vfs_node **made)
{
	struct ext2_node *node = NULL;
	int error;

	ext2_enter(dir);
	error = create(ext2_node_of(dir), name, mode, device, target, &node);
	if (error && node)
		vfs_node_put(&node->node);
	ext2_exit(dir);
	if (!error)
		*made = &node->node;
	return error;
}

/* A file without a name, O_TMPFILE. */
int ext2_make(struct vfs_node *dir, uint32_t mode, uint64_t device, struct vfs_name target,
    struct vfs_node **made)
{
	struct ext2_node *node;
	int error;

	(void)device;
	(void)target;
	ext2_enter(dir);
	error = ext2_node_make(ext2_volume_of(dir), dir, mode, &node);
	if (!error) {
		node->node.nlink = 0;
		error = ext2_node_store(node);
		if (error)
			vfs_node_put(&node->node);
		*made = &node->node;
	}
	ext2_exit(dir);
	return error;
}

int ext2_link(struct vfs_node *dir, struct vfs_name name, struct vfs_node *node)
{
	struct ext2_node *ext2 = ext2_node_of(node);
	int error;

	if (node->nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	node->nlink++;
	ext2_touch_now(ext2, VFS_CHANGED);
	error = ext2_node_store(ext2);
	if (!error)
		error = ext2_entry_add(ext2_node_of(dir), name, ext2->inode, node->mode);
	if (error) {
		node->nlink--;
		ext2_node_store(ext2);
		return error;
	}
	node->linkable = false;
	return dir_changed(ext2_node_of(dir));
}

/* A node has lost a name in dir. */
static int name_gone(struct ext2_node *dir, struct ext2_node *node)
{
	if (S_ISDIR(node->node.mode)) {
		node->node.nlink = 0;
		dir->node.nlink--;
	} else if (node->node.nlink) {
		node->node.nlink--;
	}
	ext2_touch_now(node, VFS_CHANGED);
	return ext2_node_store(node);
}

int ext2_unlink(struct vfs_node *dir, struct vfs_name name, struct vfs_node *node)
{
	int error = ext2_entry_remove(ext2_node_of(dir), name);

	if (!error)
		error = name_gone(ext2_node_of(dir), ext2_node_of(node));
	return error ? error : dir_changed(ext2_node_of(dir));
}

/* ---- renaming ------------------------------------------------------------------------------- */

/* A node is in another directory now. */
static int moved(struct ext2_node *node, struct ext2_node *from, struct ext2_node *to)
{
	int error = 0;

	ext2_touch_now(node, VFS_CHANGED);
	if (S_ISDIR(node->node.mode) && from != to) {
		error = ext2_entry_set(node, parent_name, to->inode, S_IFDIR);
		from->node.nlink--;
		to->node.nlink++;
		node->node.parent = vfs_node_get(&to->node);
		vfs_node_put(&from->node);
	}
	return error ? error : ext2_node_store(node);
}

struct renaming {
	struct ext2_node *from, *node, *to, *displaced;
	struct vfs_name name, new_name;
};

static int exchange(const struct renaming *it)
{
	int error = ext2_entry_set(it->to, it->new_name, it->node->inode, it->node->node.mode);

	if (!error)
		error = ext2_entry_set(it->from, it->name, it->displaced->inode,
		    it->displaced->node.mode);
	if (!error)
		error = moved(it->displaced, it->to, it->from);
	return error ? error : moved(it->node, it->from, it->to);
}

/* The new name first: what fails then has changed nothing. */
static int move(const struct renaming *it)
{
	uint32_t inode = it->node->inode, mode = it->node->node.mode;
	int error;

	if (S_ISDIR(mode) && !it->displaced && it->from != it->to &&
	    it->to->node.nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	error = it->displaced ? ext2_entry_set(it->to, it->new_name, inode, mode) :
	    ext2_entry_add(it->to, it->new_name, inode, mode);
	if (!error)
		error = ext2_entry_remove(it->from, it->name);
	if (!error && it->displaced)
		error = name_gone(it->to, it->displaced);
	return error ? error : moved(it->node, it->from, it->to);
}

int ext2_rename(struct vfs_node *from, struct vfs_name name, struct vfs_node *node,
    struct vfs_node *to, struct vfs_name new_name, struct vfs_node *displaced, unsigned flags)
{
	struct renaming it = {
		ext2_node_of(from), ext2_node_of(node), ext2_node_of(to),
		displaced ? ext2_node_of(displaced) : NULL, name, new_name,
	};
	int error = flags & RENAME_EXCHANGE ? exchange(&it) : move(&it);

	if (!error)
		error = dir_changed(it.from);
	return error || it.from == it.to ? error : dir_changed(it.to);
}
