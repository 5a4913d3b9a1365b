/*
 * tmpfs_dir.c - directories in memory: entries in order, and a hash once there are many.
 */
#include "kern.h"
#include "rumplib.h"
#include "tmpfs.h"

#define ENTRIES_WITHOUT_HASH 16
#define FIRST_BUCKETS 64
#define FIRST_POSITION 2       /* 0 is ".", 1 is ".." */
#define ENTRY_SIZE_BYTES 20    /* what Linux's tmpfs counts in st_size */

static struct tmpfs_directory *directory_of(struct vfs_node *node)
{
	return &((struct tmpfs_node *)node)->directory;
}

/* FNV-1a. */
static uint32_t hash_of(struct vfs_name name)
{
	uint32_t hash = 2166136261u;
	size_t i;

	for (i = 0; i < name.bytes; i++)
		hash = (hash ^ (uint8_t)name.text[i]) * 16777619u;
	return hash;
}

static bool is_named(const struct tmpfs_entry *entry, struct vfs_name name, uint32_t hash)
{
	return entry->hash == hash && entry->bytes == name.bytes &&
	    !memcmp(entry->name, name.text, name.bytes);
}

static struct tmpfs_entry *find(struct tmpfs_directory *dir, struct vfs_name name)
{
	uint32_t hash = hash_of(name);
	struct tmpfs_entry *entry;

	if (dir->buckets) {
		entry = dir->buckets[hash & (dir->bucket_count - 1)];
		while (entry && !is_named(entry, name, hash))
			entry = entry->same_bucket;
		return entry;
	}
	for (entry = dir->first; entry; entry = entry->next)
		if (is_named(entry, name, hash))
			break;
	return entry;
}

static void bucket_add(struct tmpfs_directory *dir, struct tmpfs_entry *entry)
{
	struct tmpfs_entry **bucket = &dir->buckets[entry->hash & (dir->bucket_count - 1)];

	entry->same_bucket = *bucket;
	*bucket = entry;
}

/* More buckets; without memory for them the old ones still serve. */
static void rehash(struct tmpfs_directory *dir)
{
	uint32_t count = dir->buckets ? dir->bucket_count * 4 : FIRST_BUCKETS;
	struct tmpfs_entry **buckets = kern_alloc(count * sizeof *buckets);
	struct tmpfs_entry *entry;

	if (!buckets)
		return;
	kern_free(dir->buckets);
	dir->buckets = buckets;
	dir->bucket_count = count;
	for (entry = dir->first; entry; entry = entry->next)
		bucket_add(dir, entry);
}

static int directory_lookup(struct vfs_node *node, struct vfs_name name,
    struct vfs_node **found)
{
	struct tmpfs_entry *entry = find(directory_of(node), name);

	if (!entry)
		return -ENOENT;
	*found = vfs_node_get(entry->node);
	return 0;
}

static int directory_insert(struct vfs_node *node, struct vfs_name name,
    struct vfs_node *child)
{
	struct tmpfs_directory *dir = directory_of(node);
	struct tmpfs_entry *entry = kern_alloc(sizeof *entry + name.bytes);

	if (!entry)
		return -ENOMEM;
	entry->node = vfs_node_get(child);
	entry->position = FIRST_POSITION + dir->next_position++;
	entry->hash = hash_of(name);
	entry->bytes = (uint8_t)name.bytes;
	memcpy(entry->name, name.text, name.bytes);
	entry->previous = dir->last;
	*(dir->last ? &dir->last->next : &dir->first) = entry;
	dir->last = entry;
	dir->entries++;
	node->size_bytes += ENTRY_SIZE_BYTES;
	if (dir->entries > (dir->buckets ? dir->bucket_count : ENTRIES_WITHOUT_HASH))
		rehash(dir); /* adds this entry as well */
	else if (dir->buckets)
		bucket_add(dir, entry);
	return 0;
}

static void directory_replace(struct vfs_node *node, struct vfs_name name,
    struct vfs_node *child)
{
	struct tmpfs_entry *entry = find(directory_of(node), name);
	struct vfs_node *old = entry->node;

	entry->node = vfs_node_get(child);
	vfs_node_put(old);
}

static void bucket_remove(struct tmpfs_directory *dir, struct tmpfs_entry *entry)
{
	struct tmpfs_entry **at = &dir->buckets[entry->hash & (dir->bucket_count - 1)];

	while (*at != entry)
		at = &(*at)->same_bucket;
	*at = entry->same_bucket;
}

static void directory_remove(struct vfs_node *node, struct vfs_name name)
{
	struct tmpfs_directory *dir = directory_of(node);
	struct tmpfs_entry *entry = find(dir, name);

	if (dir->buckets)
		bucket_remove(dir, entry);
	*(entry->previous ? &entry->previous->next : &dir->first) = entry->next;
	*(entry->next ? &entry->next->previous : &dir->last) = entry->previous;
	dir->entries--;
	node->size_bytes -= ENTRY_SIZE_BYTES;
	vfs_node_put(entry->node);
	kern_free(entry);
}

static bool directory_empty(struct vfs_node *node)
{
	return directory_of(node)->entries == 0;
}

static bool emit_dots(struct vfs_node *node, uint64_t *position, vfs_emit_fn emit,
    void *argument)
{
	static const char dots[] = "..";
	struct vfs_node *parent = node->parent ? node->parent : node;

	for (; *position < FIRST_POSITION; ++*position) {
		struct vfs_name name = { dots, *position + 1 };
		struct vfs_node *at = *position ? parent : node;

		if (!emit(argument, name, at->number, at->mode, *position + 1))
			return false;
	}
	return true;
}

static int directory_list(struct vfs_node *node, uint64_t *position, vfs_emit_fn emit,
    void *argument)
{
	struct tmpfs_entry *entry = directory_of(node)->first;

	if (!emit_dots(node, position, emit, argument))
		return 0;
	while (entry && entry->position < *position)
		entry = entry->next;
	for (; entry; entry = entry->next) {
		struct vfs_name name = { entry->name, entry->bytes };

		if (!emit(argument, name, entry->node->number, entry->node->mode,
		    entry->position + 1))
			return 0;
		*position = entry->position + 1;
	}
	return 0;
}

static int directory_make(struct vfs_node *dir, uint32_t mode, uint64_t device,
    struct vfs_name target, struct vfs_node **made)
{
	int error = tmpfs_make_node(mode, device, target, made);

	if (!error)
		(*made)->file_system = dir->file_system;
	return error;
}

static void directory_destroy(struct vfs_node *node)
{
	/* It is empty: entries go before their directory does. */
	kern_free(directory_of(node)->buckets);
	kern_free(node);
}

const struct vfs_node_ops tmpfs_directory_ops = {
	.lookup = directory_lookup,
	.insert = directory_insert,
	.replace = directory_replace,
	.remove = directory_remove,
	.empty = directory_empty,
	.list = directory_list,
	.make = directory_make,
	.destroy = directory_destroy,
};
