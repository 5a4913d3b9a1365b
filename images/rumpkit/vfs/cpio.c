/*
 * cpio.c - the root file system that came with the image: a cpio archive, used in place.
 *
 * The "new ASCII" format, see cpio(5): a header of 110 characters, 13 hexadecimal
 * numbers of eight digits after the magic; then the name and the data, each padded to
 * four bytes.  Directories and links are copied; the data of files stays where it is.
 * Hard links are entries with one inode number; the last of them has the data.
 * The archive may be cut short or wrong: whatever does not fit ends the reading.
 */
#include "device.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "rumpuser.h"
#include "tmpfs.h"

#define MAGIC "070701"
#define MAGIC_BYTES 6
#define DIGITS 8
#define HEADER_BYTES 110
#define ALIGN4(x) (((x) + 3) & ~(uint64_t)3)

enum { FIELD_INODE, FIELD_MODE, FIELD_UID, FIELD_GID, FIELD_LINKS, FIELD_MTIME, FIELD_BYTES,
	FIELD_MAJOR = 9, FIELD_MINOR, FIELD_NAME_BYTES };

struct entry {
	const char *name;     /* terminated, without a leading slash */
	const uint8_t *data;
	uint64_t bytes;
	uint32_t inode, links, mode, uid, gid, mtime;
	uint64_t device;
};

/* A file with names that are still to come: the node that the first one made. */
struct shared {
	struct shared *next;
	uint32_t inode, names_left;
	struct vfs_node *node; /* a reference */
};

#define MAX_SHARED 4096 /* at a time: looking through them must not take long */
static struct shared *shared_files;
static unsigned shared_count;

/* One number of a header; false if it is not hexadecimal. */
static bool field(const char *header, int index, uint32_t *value)
{
	const char *digit = header + MAGIC_BYTES + index * DIGITS;

	*value = 0;
	for (int i = 0; i < DIGITS; i++, digit++) {
		char lower = *digit | 32;

		if (*digit >= '0' && *digit <= '9')
			*value = *value * 16 + (uint32_t)(*digit - '0');
		else if (lower >= 'a' && lower <= 'f')
			*value = *value * 16 + (uint32_t)(lower - 'a' + 10);
		else
			return false;
	}
	return true;
}

#define TRAILER "TRAILER!!!"

/* The entry at offset, and where the next one is; false where there is none. */
static bool take(const char *archive, uint64_t bytes, uint64_t *offset, struct entry *entry)
{
	const char *header = archive + *offset;
	uint32_t name_bytes, data_bytes, major, minor;
	uint64_t data;

	if (*offset + HEADER_BYTES > bytes || memcmp(header, MAGIC, MAGIC_BYTES) ||
	    !field(header, FIELD_MODE, &entry->mode) || !field(header, FIELD_UID, &entry->uid) ||
	    !field(header, FIELD_GID, &entry->gid) || !field(header, FIELD_MTIME, &entry->mtime) ||
	    !field(header, FIELD_INODE, &entry->inode) ||
	    !field(header, FIELD_LINKS, &entry->links) ||
	    !field(header, FIELD_BYTES, &data_bytes) || !field(header, FIELD_MAJOR, &major) ||
	    !field(header, FIELD_MINOR, &minor) || !field(header, FIELD_NAME_BYTES, &name_bytes))
		return false;
	data = ALIGN4(*offset + HEADER_BYTES + name_bytes);
	if (!name_bytes || data > bytes || data_bytes > bytes - data ||
	    header[HEADER_BYTES + name_bytes - 1])
		return false;
	entry->name = header + HEADER_BYTES;
	entry->data = (const uint8_t *)archive + data;
	entry->bytes = data_bytes;
	entry->device = vfs_device_number(major, minor);
	*offset = ALIGN4(data + data_bytes);
	return true;
}

static void set_attributes(struct vfs_node *node, const struct entry *entry)
{
	node->uid = entry->uid;
	node->gid = entry->gid;
	node->mode = entry->mode;
	node->accessed_ns = node->modified_ns = entry->mtime * 1000000000ll;
}

/* Where the file with this inode number is in the list: a NULL if it is not. */
static struct shared **find_shared(uint32_t inode)
{
	struct shared **at = &shared_files;

	while (*at && (*at)->inode != inode)
		at = &(*at)->next;
	return at;
}

/* Remember a file's node for its other names. */
static int share(struct vfs_node *node, const struct entry *entry)
{
	struct shared *shared = shared_count < MAX_SHARED ? kern_alloc(sizeof(*shared)) : NULL;

	if (!shared)
		return -ENOMEM;
	vfs_node_get(node);
	*shared = (struct shared){ shared_files, entry->inode, entry->links - 1, node };
	shared_files = shared;
	shared_count++;
	return 0;
}

static void forget(struct shared **at)
{
	struct shared *shared = *at;

	*at = shared->next;
	vfs_node_put(shared->node);
	kern_free(shared);
	shared_count--;
}

/* Another name of a file, perhaps with the data. */
static int add_name(struct vfs_place *place, const struct entry *entry, struct shared **at)
{
	int error = vfs_hardlink((*at)->node, place);

	if (error)
		return error;
	if (entry->bytes)
		tmpfs_set_base((*at)->node, entry->data, entry->bytes);
	set_attributes((*at)->node, entry);
	if (!--(*at)->names_left)
		forget(at);
	return 0;
}

static int make(struct vfs_place *place, const struct entry *entry)
{
	struct vfs_name target = { (const char *)entry->data, S_ISLNK(entry->mode) ? entry->bytes : 0 };
	bool is_shared = S_ISREG(entry->mode) && entry->links > 1;
	struct shared **shared = is_shared ? find_shared(entry->inode) : NULL;
	struct vfs_node *made;
	int error;

	if (shared && *shared)
		return add_name(place, entry, shared);
	error = vfs_make_here(place->dir, vfs_place_name(place), entry->mode, entry->device,
	    target, &made);
	if (error)
		return error;
	set_attributes(made, entry);
	if (S_ISREG(entry->mode))
		tmpfs_set_base(made, entry->data, entry->bytes);
	if (is_shared)
		error = share(made, entry);
	vfs_node_put(made);
	return error;
}

/* What is there already gives way; a directory stays and gets the archive's attributes. */
static int put(const struct entry *entry)
{
	struct vfs_place place;
	int error = vfs_walk(vfs_root, entry->name, VFS_WALK_PARENT, &place);

	if (error)
		return error;
	if (place.node && !S_ISDIR(place.node->mode)) {
		error = vfs_unlink(&place);
		vfs_place_put(&place);
		return error ? error : put(entry);
	}
	if (place.node)
		set_attributes(place.node, entry);
	else if (place.last == VFS_LAST_NAME)
		error = make(&place, entry);
	vfs_place_put(&place);
	return error;
}

int vfs_cpio_unpack(void)
{
	size_t bytes;
	const char *archive = rumpcomp_initrd(&bytes);
	uint64_t offset = 0;
	struct entry entry;
	bool whole = true;
	int error = 0;

	if (!archive)
		return 0;
	while (!error && (whole = take(archive, bytes, &offset, &entry)) &&
	    strcmp(entry.name, TRAILER))
		error = put(&entry);
	while (shared_files)
		forget(&shared_files);
	if (!whole)
		rumpuser_dprintf("rumpkit: the archive is damaged or ends too early, at byte %lu\n", offset);
	if (error && error != -ENOMEM) {
		rumpuser_dprintf("rumpkit: the archive's %s cannot be made: error %d\n", entry.name, -error);
		error = 0;
	}
	return error;
}
