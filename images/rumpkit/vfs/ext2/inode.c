/*
 * inode.c - inodes: from the disk to nodes in memory, and back.
 */
#include "ext2.h"
#include "kern.h"
#include "rumplib.h"

#define NS_PER_S 1000000000ll
#define SECTOR_BYTES 512u
#define EXTRA_BYTES 32 /* what this code knows of the part behind 128 bytes */

static struct ext2_node **bucket_of(struct ext2_volume *volume, uint32_t inode)
{
	return &volume->buckets[inode % EXT2_NODE_BUCKETS];
}

/* The inode's place in the cache; the view covers its whole block. */
static int inode_view(struct ext2_volume *volume, uint32_t inode, struct disk_view *view,
    struct ext2_inode **at)
{
	uint32_t group = (inode - 1) / volume->inodes_per_group;
	uint64_t offset = (uint64_t)((inode - 1) % volume->inodes_per_group) * volume->inode_bytes;
	int error = ext2_block_view(volume, ext2_group(volume, group)->inode_table +
	    (uint32_t)(offset >> volume->block_shift), false, view);

	if (!error)
		*at = (struct ext2_inode *)(view->data + offset % volume->block_bytes);
	return error;
}

/* ---- times: 34 bits of seconds and 30 of nanoseconds where inodes are large ------------ */

static int64_t time_of(uint32_t seconds, uint32_t extra)
{
	int64_t time = (int32_t)seconds + ((int64_t)(extra & 3) << 32);
	uint32_t nanoseconds = extra >> 2;

	if (time > INT64_MAX / NS_PER_S - 1) /* nanoseconds in 64 bits end in 2262 */
		time = INT64_MAX / NS_PER_S - 1;
	return time * NS_PER_S + (nanoseconds < NS_PER_S ? nanoseconds : 0);
}

static void time_put(int64_t ns, uint32_t *seconds, uint32_t *extra)
{
	int64_t time = ns / NS_PER_S, rest = ns % NS_PER_S;

	if (rest < 0) {
		rest += NS_PER_S;
		time--;
	}
	if (!extra && time > INT32_MAX)
		time = INT32_MAX;
	if (time < INT32_MIN)
		time = INT32_MIN;
	*seconds = (uint32_t)time;
	if (extra)
		*extra = (uint32_t)rest << 2 | (uint32_t)((time - (int32_t)time) >> 32 & 3);
}

static bool has_extra(const struct ext2_volume *volume, const struct ext2_inode *disk)
{
	return volume->inode_bytes >= EXT2_OLD_INODE_BYTES + EXTRA_BYTES &&
	    disk->extra_bytes >= 24 && disk->extra_bytes <= volume->inode_bytes - EXT2_OLD_INODE_BYTES;
}

/* ---- loading ------------------------------------------------------------------------------ */

static uint64_t device_of(const struct ext2_inode *disk)
{
	uint32_t wide = disk->block[1];

	if (disk->block[0] || !wide)
		return vfs_device_number(disk->block[0] >> 8 & 0xff, disk->block[0] & 0xff);
	return vfs_device_number(wide >> 8 & 0xfff, (wide & 0xff) | (wide >> 12 & 0xfff00));
}

static void load_times(struct ext2_volume *volume, struct vfs_node *node,
    const struct ext2_inode *disk)
{
	bool extra = has_extra(volume, disk);

	node->accessed_ns = time_of(disk->accessed, extra ? disk->accessed_extra : 0);
	node->modified_ns = time_of(disk->modified, extra ? disk->modified_extra : 0);
	node->changed_ns = time_of(disk->changed, extra ? disk->changed_extra : 0);
	node->born_ns = extra ? time_of(disk->born, disk->born_extra) : node->changed_ns;
	if (!node->born_ns)
		node->born_ns = 1; /* 0 means: never set */
}

static int load(struct ext2_volume *volume, struct ext2_node *ext2, const struct ext2_inode *disk)
{
	struct vfs_node *node = &ext2->node;

	if (!disk->links || !ext2_ops_of(disk->mode))
		return -EIO; /* a name that leads to no inode */
	node->ops = ext2_ops_of(disk->mode);
	node->mode = disk->mode;
	node->uid = disk->uid | (uint32_t)disk->uid_high << 16;
	node->gid = disk->gid | (uint32_t)disk->gid_high << 16;
	node->nlink = disk->links;
	node->size_bytes = disk->size;
	if (S_ISREG(disk->mode))
		node->size_bytes |= (uint64_t)disk->size_high << 32;
	memcpy(ext2->block, disk->block, sizeof ext2->block);
	ext2->flags = disk->flags;
	ext2->sectors = disk->sectors;
	ext2->attribute_block = disk->attribute_block;
	ext2->generation = disk->generation;
	if (S_ISCHR(disk->mode) || (disk->mode & S_IFMT) == S_IFBLK)
		node->device = device_of(disk);
	load_times(volume, node, disk);
	if ((disk->flags & EXT2_FLAG_INLINE_DATA) || node->size_bytes > INT64_MAX ||
	    ((disk->flags & EXT2_FLAG_EXTENTS) && !(volume->incompatible & EXT2_INCOMPAT_EXTENTS)))
		return -EIO;
	return 0;
}

static struct ext2_node *node_alloc(struct ext2_volume *volume, uint32_t inode)
{
	struct ext2_node *ext2 = kern_alloc(sizeof *ext2);

	if (!ext2)
		return NULL;
	ext2->inode = inode;
	ext2->goal = volume->first_block +
	    (inode - 1) / volume->inodes_per_group * volume->blocks_per_group;
	ext2->node.references = 1;
	ext2->node.number = inode;
	ext2->node.volume = &volume->volume;
	ext2->node.file_system = volume->volume.number;
	ext2->node.seals = F_SEAL_SEAL;
	return ext2;
}

static void node_add(struct ext2_volume *volume, struct ext2_node *ext2)
{
	struct ext2_node **bucket = bucket_of(volume, ext2->inode);

	ext2->same_bucket = *bucket;
	*bucket = ext2;
	volume->volume.nodes++;
}

static struct ext2_node *node_find(struct ext2_volume *volume, uint32_t inode)
{
	struct ext2_node *ext2 = *bucket_of(volume, inode);

	while (ext2 && ext2->inode != inode)
		ext2 = ext2->same_bucket;
	return ext2;
}

int ext2_node_get(struct ext2_volume *volume, uint32_t inode, struct vfs_node **node)
{
	struct ext2_node *ext2;
	struct ext2_inode *disk;
	struct disk_view view;
	int error;

	if (!inode || inode > volume->inodes ||
	    (inode < volume->first_inode && inode != EXT2_ROOT_INODE))
		return -EIO;
	ext2 = node_find(volume, inode);
	if (ext2) {
		*node = vfs_node_get(&ext2->node);
		return 0;
	}
	ext2 = node_alloc(volume, inode);
	if (!ext2)
		return -ENOMEM;
	error = inode_view(volume, inode, &view, &disk);
	if (!error) {
		error = load(volume, ext2, disk);
		disk_view_put(&view);
	}
	if (error) {
		kern_free(ext2);
		return error;
	}
	node_add(volume, ext2);
	*node = &ext2->node;
	return 0;
}

/* ---- storing ------------------------------------------------------------------------------ */

static void store_times(struct ext2_volume *volume, const struct vfs_node *node,
    struct ext2_inode *disk)
{
	bool extra = has_extra(volume, disk);

	time_put(node->accessed_ns, &disk->accessed, extra ? &disk->accessed_extra : NULL);
	time_put(node->modified_ns, &disk->modified, extra ? &disk->modified_extra : NULL);
	time_put(node->changed_ns, &disk->changed, extra ? &disk->changed_extra : NULL);
	if (extra)
		time_put(node->born_ns, &disk->born, &disk->born_extra);
}

static void store_fields(const struct ext2_node *ext2, struct ext2_inode *disk)
{
	const struct vfs_node *node = &ext2->node;

	disk->mode = (uint16_t)node->mode;
	disk->uid = (uint16_t)node->uid;
	disk->uid_high = (uint16_t)(node->uid >> 16);
	disk->gid = (uint16_t)node->gid;
	disk->gid_high = (uint16_t)(node->gid >> 16);
	disk->links = (uint16_t)node->nlink;
	disk->size = (uint32_t)node->size_bytes;
	if (S_ISREG(node->mode))
		disk->size_high = (uint32_t)(node->size_bytes >> 32);
	disk->sectors = (uint32_t)ext2->sectors;
	disk->flags = ext2->flags;
	disk->attribute_block = ext2->attribute_block;
	disk->generation = ext2->generation;
	memcpy(disk->block, ext2->block, sizeof disk->block);
}

static void need_large_files(struct ext2_volume *volume)
{
	if (volume->super->revision && !(volume->super->read_only_compatible & EXT2_RO_LARGE_FILE)) {
		volume->super->read_only_compatible |= EXT2_RO_LARGE_FILE;
		disk_view_dirty(&volume->disk, &volume->super_view, DISK_DATA);
	}
}

int ext2_node_store(struct ext2_node *ext2)
{
	struct ext2_volume *volume = ext2_volume_of(&ext2->node);
	struct ext2_inode *disk;
	struct disk_view view;
	int error;

	if (volume->volume.read_only)
		return -EROFS;
	error = inode_view(volume, ext2->inode, &view, &disk);
	if (error)
		return error;
	if (ext2->fresh) {
		memset(disk, 0, volume->inode_bytes);
		if (volume->inode_bytes >= EXT2_OLD_INODE_BYTES + EXTRA_BYTES)
			disk->extra_bytes = EXTRA_BYTES;
		ext2->fresh = false;
	}
	store_fields(ext2, disk);
	store_times(volume, &ext2->node, disk);
	if (S_ISREG(ext2->node.mode) && ext2->node.size_bytes > INT32_MAX)
		need_large_files(volume);
	if (ext2->erased)
		disk->deleted = (uint32_t)(ext2->node.changed_ns / NS_PER_S);
	disk_view_dirty(&volume->disk, &view, DISK_INODE);
	disk_view_put(&view);
	ext2_flush_soon(volume);
	return 0;
}

void ext2_touch_now(struct ext2_node *ext2, int which)
{
	int64_t now = kern_wall_ns();

	if (which & VFS_MODIFIED)
		ext2->node.modified_ns = now;
	if (which & VFS_CHANGED)
		ext2->node.changed_ns = now;
}

/* ---- making and erasing ------------------------------------------------------------------- */

int ext2_node_make(struct ext2_volume *volume, struct vfs_node *dir, uint32_t mode,
    struct ext2_node **made)
{
	struct ext2_node *ext2;
	uint32_t inode;
	int error = ext2_inode_alloc(volume, (uint32_t)dir->number, S_ISDIR(mode), &inode);

	if (error)
		return error;
	ext2 = node_find(volume, inode) ? NULL : node_alloc(volume, inode);
	if (!ext2) {
		ext2_inode_free(volume, inode, S_ISDIR(mode));
		return node_find(volume, inode) ?
		    ext2_broken(volume, "a bitmap calls an inode free that is in use", inode) : -ENOMEM;
	}
	ext2->node.ops = ext2_ops_of(mode);
	ext2->node.mode = mode;
	ext2->node.nlink = S_ISDIR(mode) ? 2 : 1;
	ext2->node.born_ns = kern_wall_ns();
	ext2->node.accessed_ns = ext2->node.modified_ns = ext2->node.changed_ns = ext2->node.born_ns;
	ext2->generation = (uint32_t)ext2->node.born_ns;
	ext2->fresh = true;
	if (dir->mode & S_ISGID) {
		ext2->node.gid = dir->gid;
		ext2->node.mode |= S_ISDIR(mode) ? S_ISGID : 0;
	}
	node_add(volume, ext2);
	*made = ext2;
	return 0;
}

/* Extended attributes have a block of their own, which inodes may share. */
static int free_attributes(struct ext2_node *ext2)
{
	struct ext2_volume *volume = ext2_volume_of(&ext2->node);
	uint32_t block = ext2->attribute_block;
	struct ext2_attribute_header *header;
	struct disk_view view;
	int error;

	if (!block)
		return 0;
	if (!ext2_block_valid(volume, block))
		return ext2_broken(volume, "attributes outside of the file system, of inode",
		    ext2->inode);
	error = ext2_block_view(volume, block, false, &view);
	if (error)
		return error;
	header = (struct ext2_attribute_header *)view.data;
	ext2->attribute_block = 0;
	if (header->magic == EXT2_ATTRIBUTE_MAGIC && header->users > 1) {
		header->users--;
		disk_view_dirty(&volume->disk, &view, DISK_INODE);
		disk_view_put(&view);
		return 0;
	}
	disk_view_put(&view);
	error = ext2_node_store(ext2);
	return error ? error : ext2_block_free(volume, block);
}

static bool has_blocks(const struct ext2_node *ext2)
{
	uint32_t mode = ext2->node.mode;

	return S_ISREG(mode) || S_ISDIR(mode) || (S_ISLNK(mode) && !ext2_link_is_short(ext2));
}

int ext2_node_erase(struct ext2_node *ext2)
{
	struct ext2_volume *volume = ext2_volume_of(&ext2->node);
	bool directory = S_ISDIR(ext2->node.mode);
	int error = 0;

	if (ext2->erased || volume->volume.read_only)
		return 0;
	if (ext2_index_is_for(ext2))
		ext2_index_forget(volume);
	if (has_blocks(ext2)) {
		ext2->node.size_bytes = 0;
		error = ext2_unmap(ext2, 0, UINT64_MAX);
	}
	if (!error)
		error = free_attributes(ext2);
	if (error)
		return error;
	ext2->erased = true;
	ext2->sectors = 0;
	error = ext2_node_store(ext2);
	return error ? error : ext2_inode_free(volume, ext2->inode, directory);
}

void ext2_node_destroy(struct vfs_node *node)
{
	struct ext2_volume *volume = ext2_volume_of(node);
	struct ext2_node *ext2 = ext2_node_of(node), **at = bucket_of(volume, ext2->inode);

	if (!node->nlink)
		ext2_node_erase(ext2);
	while (*at != ext2)
		at = &(*at)->same_bucket;
	*at = ext2->same_bucket;
	volume->volume.nodes--;
	kern_free(ext2->target);
	kern_free(ext2);
}
