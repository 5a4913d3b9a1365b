/*
 * node.c - nodes of a 9p volume: found by the server's numbers, never trusted to be fresh.
 */
#include "kern.h"
#include "ninep.h"
#include "rumplib.h"

#define ATTRIBUTES_BASIC 0x7ffull
#define ATTRIBUTES_BORN 0x800ull
#define NS_PER_S 1000000000ll
#define TARGET_BYTES (PATH_MAX + 16)

/* Tsetattr's valid bits. */
enum { SET_MODE = 1, SET_UID = 2, SET_GID = 4, SET_SIZE = 8, SET_ACCESSED = 0x10,
	SET_MODIFIED = 0x20, SET_ACCESSED_GIVEN = 0x80, SET_MODIFIED_GIVEN = 0x100 };

static int64_t take_time(struct ninep_call *call)
{
	int64_t seconds = (int64_t)ninep_take(call, 8);
	int64_t nanoseconds = (int64_t)ninep_take(call, 8);
	const int64_t most = INT64_MAX / NS_PER_S - 1;

	seconds = seconds > most ? most : seconds < -most ? -most : seconds;
	return seconds * NS_PER_S + (nanoseconds >= 0 && nanoseconds < NS_PER_S ? nanoseconds : 0);
}

static void read_attributes(struct ninep_call *call, struct ninep_node *ninep)
{
	struct vfs_node *node = &ninep->node;
	uint64_t device;

	ninep_take(call, 8);                       /* valid */
	ninep_take(call, 8);                       /* qid */
	ninep_take(call, 5);
	node->mode = (uint32_t)ninep_take(call, 4) & 0177777;
	node->uid = (uint32_t)ninep_take(call, 4);
	node->gid = (uint32_t)ninep_take(call, 4);
	node->nlink = (uint32_t)ninep_take(call, 8);
	device = ninep_take(call, 8);
	node->device = vfs_device_number(device >> 8 & 0xfff, device & 0xff);
	node->size_bytes = ninep_take(call, 8) & INT64_MAX;
	ninep_take(call, 8);                       /* block size */
	ninep->sectors = ninep_take(call, 8);
	node->accessed_ns = take_time(call);
	node->modified_ns = take_time(call);
	node->changed_ns = take_time(call);
	node->born_ns = node->changed_ns ? node->changed_ns : 1;
}

static int get_attributes(struct ninep_volume *volume, struct ninep_node *ninep)
{
	uint32_t type = ninep->node.mode & S_IFMT;
	struct ninep_node fresh = *ninep;
	struct ninep_call call;
	int error;

	ninep_begin(&call, volume, NINEP_GETATTR);
	ninep_put(&call, ninep->fid, 4);
	ninep_put(&call, ATTRIBUTES_BASIC, 8);
	error = ninep_send(&call);
	if (error)
		return error;
	read_attributes(&call, &fresh);
	error = ninep_check(&call);
	if (error)
		return error;
	/* Another kind of file under the same number is another file. */
	if (type && (fresh.node.mode & S_IFMT) != type)
		return -ESTALE;
	/* Only what was read: the rest may have changed while the reply was under way. */
	ninep->sectors = fresh.sectors;
	ninep->node.mode = fresh.node.mode;
	ninep->node.uid = fresh.node.uid;
	ninep->node.gid = fresh.node.gid;
	ninep->node.nlink = fresh.node.nlink;
	ninep->node.device = fresh.node.device;
	ninep->node.size_bytes = fresh.node.size_bytes;
	ninep->node.accessed_ns = fresh.node.accessed_ns;
	ninep->node.modified_ns = fresh.node.modified_ns;
	ninep->node.changed_ns = fresh.node.changed_ns;
	ninep->node.born_ns = fresh.node.born_ns;
	return 0;
}

int ninep_refresh(struct vfs_node *node)
{
	struct ninep_volume *volume = ninep_volume_of(node);
	int error;

	vfs_mutex_enter(&node->volume->lock);
	error = get_attributes(volume, ninep_node_of(node));
	vfs_mutex_exit(&node->volume->lock);
	/* Removed, here or on the host, but still open: what is known has to do. */
	if (error == -ENOENT || error == -ESTALE) {
		node->nlink = 0;
		return 0;
	}
	return error;
}

/* ---- finding --------------------------------------------------------------------------- */

static struct ninep_node **bucket_of(struct ninep_volume *volume, uint64_t path)
{
	return &volume->buckets[path % NINEP_BUCKETS];
}

static struct ninep_node *node_find(struct ninep_volume *volume, uint64_t path)
{
	struct ninep_node *ninep = *bucket_of(volume, path);

	while (ninep && ninep->path != path)
		ninep = ninep->same_bucket;
	return ninep;
}

static void node_forget(struct ninep_volume *volume, struct ninep_node *ninep)
{
	struct ninep_node **at = bucket_of(volume, ninep->path);

	while (*at && *at != ninep)
		at = &(*at)->same_bucket;
	if (*at)
		*at = ninep->same_bucket;
}

/* The file was found once more: from now on by this name. */
static int found_again(struct ninep_volume *volume, struct ninep_node *ninep, uint32_t fid)
{
	uint32_t old = ninep->fid;
	int error;

	ninep->fid = fid;
	error = get_attributes(volume, ninep);
	if (error) {
		ninep->fid = old;
		return error;
	}
	if (old != volume->root_fid)
		ninep_fid_drop(volume, old);
	return 0;
}

static int node_make(struct ninep_volume *volume, uint32_t fid, uint64_t path,
    struct ninep_node **made)
{
	struct ninep_node *ninep = kern_alloc(sizeof *ninep), **bucket;
	int error;

	if (!ninep)
		return -ENOMEM;
	ninep->fid = fid;
	ninep->created_fid = NINEP_NO_FID;
	ninep->path = path;
	ninep->node.references = 1;
	ninep->node.number = path;
	ninep->node.volume = &volume->volume;
	ninep->node.file_system = volume->volume.number;
	ninep->node.seals = F_SEAL_SEAL;
	error = get_attributes(volume, ninep);
	ninep->node.ops = ninep_ops_of(ninep->node.mode);
	if (!error && !ninep->node.ops)
		error = -EIO;
	if (error) {
		kern_free(ninep);
		return error;
	}
	bucket = bucket_of(volume, path);
	ninep->same_bucket = *bucket;
	*bucket = ninep;
	volume->volume.nodes++;
	*made = ninep;
	return 0;
}

int ninep_node_get(struct ninep_volume *volume, uint32_t fid, uint64_t path,
    struct vfs_node **node)
{
	struct ninep_node *ninep = node_find(volume, path);
	int error = -ESTALE;

	if (ninep) {
		vfs_node_get(&ninep->node);
		error = found_again(volume, ninep, fid);
		if (error)
			vfs_node_put(&ninep->node);
		if (error == -ESTALE)
			node_forget(volume, ninep);
	}
	if (error == -ESTALE)
		error = node_make(volume, fid, path, &ninep);
	if (error)
		ninep_fid_drop(volume, fid);
	else
		*node = &ninep->node;
	return error;
}

void ninep_destroy(struct vfs_node *node)
{
	struct ninep_volume *volume = ninep_volume_of(node);
	struct ninep_node *ninep = ninep_node_of(node);

	node_forget(volume, ninep);
	ninep_fid_drop(volume, ninep->created_fid);
	ninep_fid_drop(volume, ninep->fid);
	volume->volume.nodes--;
	kern_free(ninep->target);
	kern_free(ninep);
}

/* ---- changing -------------------------------------------------------------------------- */

static int set_attributes(struct vfs_node *node, const struct vfs_change *change, uint32_t valid,
    uint64_t size_bytes)
{
	struct ninep_call call;
	int error;

	vfs_mutex_enter(&node->volume->lock);
	ninep_begin(&call, ninep_volume_of(node), NINEP_SETATTR);
	ninep_put(&call, ninep_node_of(node)->fid, 4);
	ninep_put(&call, valid, 4);
	ninep_put(&call, change->mode, 4);
	ninep_put(&call, change->uid, 4);
	ninep_put(&call, change->gid, 4);
	ninep_put(&call, size_bytes, 8);
	ninep_put(&call, (uint64_t)(change->accessed_ns / NS_PER_S), 8);
	ninep_put(&call, (uint64_t)(change->accessed_ns % NS_PER_S), 8);
	ninep_put(&call, (uint64_t)(change->modified_ns / NS_PER_S), 8);
	ninep_put(&call, (uint64_t)(change->modified_ns % NS_PER_S), 8);
	error = ninep_send(&call);
	vfs_mutex_exit(&node->volume->lock);
	return error;
}

int ninep_set(struct vfs_node *node, const struct vfs_change *change)
{
	struct vfs_change wanted = *change;
	uint32_t valid = 0;

	if (change->which & VFS_SET_MODE)
		valid |= SET_MODE;
	if (change->which & VFS_SET_UID)
		valid |= SET_UID;
	if (change->which & VFS_SET_GID)
		valid |= SET_GID;
	if (change->which & VFS_SET_ACCESSED)
		valid |= SET_ACCESSED | (change->accessed_now ? 0 : SET_ACCESSED_GIVEN);
	if (change->which & VFS_SET_MODIFIED)
		valid |= SET_MODIFIED | (change->modified_now ? 0 : SET_MODIFIED_GIVEN);
	wanted.mode |= node->mode & S_IFMT;
	return set_attributes(node, &wanted, valid, 0);
}

int ninep_resize(struct vfs_node *node, uint64_t size_bytes)
{
	const struct vfs_change nothing = { 0 };

	return set_attributes(node, &nothing, SET_SIZE, size_bytes);
}

/* A link may have been replaced under the same number: read it each time. */
const char *ninep_target(struct vfs_node *node)
{
	struct ninep_node *ninep = ninep_node_of(node);
	uint8_t *reply = kern_alloc(TARGET_BYTES);
	char *target = NULL;
	struct ninep_call call;
	struct vfs_name text;

	if (!reply)
		return NULL;
	vfs_mutex_enter(&node->volume->lock);
	ninep_begin_in(&call, ninep_volume_of(node), NINEP_READLINK, call.few, sizeof call.few,
	    reply, TARGET_BYTES);
	ninep_put(&call, ninep->fid, 4);
	if (!ninep_send(&call)) {
		text = ninep_take_text(&call);
		target = ninep_check(&call) ? NULL : kern_alloc(text.bytes + 1);
		if (target)
			memcpy(target, text.text, text.bytes);
	}
	kern_free(reply);
	kern_free(ninep->target);
	ninep->target = target;
	vfs_mutex_exit(&node->volume->lock);
	return target;
}
