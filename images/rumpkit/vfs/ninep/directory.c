/*
 * directory.c - names on a 9p server: each change is one request, which is the server's
 * to do whole.
 */
#include "ninep.h"
#include "rumplib.h"
#include "rumpuser.h"

#define LIST_BYTES 8192u
#define LIST_HEAD_BYTES 11u
#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY)
#define REMOVE_DIRECTORY 0x200u

static uint32_t fid_of(struct vfs_node *node)
{
	return ninep_node_of(node)->fid;
}

static int lookup(struct vfs_node *dir, struct vfs_name name, struct vfs_node **found)
{
	struct ninep_volume *volume = ninep_volume_of(dir);
	uint64_t path = 0;
	uint32_t fid;
	int error;

	vfs_mutex_enter(&dir->volume->lock);
	error = ninep_walk(volume, fid_of(dir), name, &fid, &path);
	if (!error)
		error = ninep_node_get(volume, fid, path, found);
	if (!error && S_ISDIR((*found)->mode) && !(*found)->parent)
		(*found)->parent = vfs_node_get(dir);
	vfs_mutex_exit(&dir->volume->lock);
	return error;
}

/* ---- making ------------------------------------------------------------------------------ */

/* A regular file; its fid stays open: the mode may not allow to open it once more. */
static int create_file(struct vfs_node *dir, struct vfs_name name, uint32_t mode, uint32_t *fid)
{
	struct ninep_volume *volume = ninep_volume_of(dir);
	struct ninep_call call;
	int error = ninep_walk(volume, fid_of(dir), (struct vfs_name){ NULL, 0 }, fid, NULL);

	if (error)
		return error;
	ninep_begin(&call, volume, NINEP_CREATE);
	ninep_put(&call, *fid, 4);
	ninep_put_text(&call, name);
	ninep_put(&call, O_RDWR | O_CREAT | O_EXCL, 4);
	ninep_put(&call, mode & 07777, 4);
	ninep_put(&call, 0, 4);
	error = ninep_send(&call);
	if (error)
		ninep_fid_drop(volume, *fid);
	return error;
}

static int create_other(struct vfs_node *dir, struct vfs_name name, uint32_t mode,
    uint64_t device, struct vfs_name target)
{
	uint8_t type = S_ISDIR(mode) ? NINEP_MKDIR : S_ISLNK(mode) ? NINEP_SYMLINK : NINEP_MKNOD;
	size_t room = 64 + name.bytes + target.bytes;
	struct ninep_call call;
	void *request;
	int error;

	if (rumpuser_malloc(room, 0, &request))
		return -ENOMEM;
	ninep_begin_in(&call, ninep_volume_of(dir), type, request, room, call.few_reply,
	    sizeof call.few_reply);
	ninep_put(&call, fid_of(dir), 4);
	ninep_put_text(&call, name);
	if (S_ISLNK(mode))
		ninep_put_text(&call, target);
	else
		ninep_put(&call, S_ISDIR(mode) ? mode & 07777 : mode, 4);
	if (type == NINEP_MKNOD) {
		ninep_put(&call, device >> 8 & 0xfff, 4);
		ninep_put(&call, device & 0xff, 4);
	}
	ninep_put(&call, 0, 4); /* group */
	error = ninep_send(&call);
	rumpuser_free(request, room);
	return error;
}

static int create(struct vfs_node *dir, struct vfs_name name, uint32_t mode, uint64_t device,
    struct vfs_name target, struct vfs_node **made)
{
	uint32_t fid = NINEP_NO_FID;
	int error;

	vfs_mutex_enter(&dir->volume->lock);
	error = S_ISREG(mode) ? create_file(dir, name, mode, &fid) :
	    create_other(dir, name, mode, device, target);
	if (!error)
		error = lookup(dir, name, made);
	if (!error && ninep_node_of(*made)->created_fid == NINEP_NO_FID)
		ninep_node_of(*made)->created_fid = fid;
	else
		ninep_fid_drop(ninep_volume_of(dir), fid);
	vfs_mutex_exit(&dir->volume->lock);
	return error;
}

/* ---- changing ---------------------------------------------------------------------------- */

static int link(struct vfs_node *dir, struct vfs_name name, struct vfs_node *node)
{
	struct ninep_call call;
	int error;

	ninep_begin(&call, ninep_volume_of(dir), NINEP_LINK);
	ninep_put(&call, fid_of(dir), 4);
	ninep_put(&call, fid_of(node), 4);
	ninep_put_text(&call, name);
	error = ninep_send(&call);
	if (!error)
		node->nlink++;
	return error;
}

/* A node lost a name. */
static void name_gone(struct vfs_node *node)
{
	if (S_ISDIR(node->mode))
		node->nlink = 0;
	else if (node->nlink)
		node->nlink--;
}

static int unlink(struct vfs_node *dir, struct vfs_name name, struct vfs_node *node)
{
	struct ninep_call call;
	int error;

	ninep_begin(&call, ninep_volume_of(dir), NINEP_UNLINKAT);
	ninep_put(&call, fid_of(dir), 4);
	ninep_put_text(&call, name);
	ninep_put(&call, S_ISDIR(node->mode) ? REMOVE_DIRECTORY : 0, 4);
	error = ninep_send(&call);
	if (!error)
		name_gone(node);
	return error;
}

static int rename(struct vfs_node *from, struct vfs_name name, struct vfs_node *node,
    struct vfs_node *to, struct vfs_name new_name, struct vfs_node *displaced, unsigned flags)
{
	struct ninep_call call;
	int error;

	if (flags & RENAME_EXCHANGE)
		return -EINVAL; /* the protocol has no such request */
	ninep_begin(&call, ninep_volume_of(from), NINEP_RENAMEAT);
	ninep_put(&call, fid_of(from), 4);
	ninep_put_text(&call, name);
	ninep_put(&call, fid_of(to), 4);
	ninep_put_text(&call, new_name);
	error = ninep_send(&call);
	if (error)
		return error;
	if (displaced)
		name_gone(displaced);
	if (S_ISDIR(node->mode) && from != to) {
		node->parent = vfs_node_get(to);
		vfs_node_put(from);
	}
	return 0;
}

/* ---- listing ------------------------------------------------------------------------------ */

static bool can_be_name(struct vfs_name name)
{
	return name.bytes && name.bytes <= NAME_MAX && !memchr(name.text, '/', name.bytes) &&
	    !memchr(name.text, 0, name.bytes);
}

/* The entries of one reply; false: emit has enough.  *last is 0 if there was none. */
static bool emit_entries(struct ninep_call *call, uint64_t *position, vfs_emit_fn emit,
    void *argument, unsigned *count)
{
	size_t bytes = (size_t)ninep_take(call, 4);
	size_t end = call->read + bytes;

	*count = 0;
	if (end > call->got) {
		call->broken = true;
		return false;
	}
	while (call->read < end && !call->broken) {
		uint64_t path, next;
		struct vfs_name name;
		uint8_t type;

		ninep_take(call, 5);
		path = ninep_take(call, 8);
		next = ninep_take(call, 8);
		type = (uint8_t)ninep_take(call, 1);
		name = ninep_take_text(call);
		if (!can_be_name(name))
			call->broken = true;
		if (call->broken)
			return false;
		if (!emit(argument, name, path, (uint32_t)(type & 15) << 12, next))
			return false;
		*position = next;
		++*count;
	}
	return true;
}

static int list_open(struct ninep_volume *volume, uint32_t fid, uint64_t *position,
    vfs_emit_fn emit, void *argument, uint8_t *reply)
{
	/* A server that lists in circles is found out: at some reply it is where it was. */
	uint64_t seen = UINT64_MAX, replies = 0, next_look = 1;
	struct ninep_call call;
	unsigned count;
	bool more = true;
	int error = 0;

	while (more && !error) {
		if (*position == seen)
			return -EIO;
		if (++replies == next_look) {
			seen = *position;
			next_look *= 2;
		}
		ninep_begin_in(&call, volume, NINEP_READDIR, call.few, sizeof call.few, reply,
		    LIST_BYTES);
		ninep_put(&call, fid, 4);
		ninep_put(&call, *position, 8);
		ninep_put(&call, LIST_BYTES - LIST_HEAD_BYTES, 4);
		error = ninep_send(&call);
		if (error)
			break;
		more = emit_entries(&call, position, emit, argument, &count) && count;
		error = ninep_check(&call);
	}
	return error;
}

static int list(struct vfs_node *dir, uint64_t *position, vfs_emit_fn emit, void *argument)
{
	struct ninep_volume *volume = ninep_volume_of(dir);
	void *reply;
	uint32_t fid;
	int error;

	if (rumpuser_malloc(LIST_BYTES, 0, &reply))
		return -ENOMEM;
	vfs_mutex_enter(&dir->volume->lock);
	error = ninep_walk(volume, fid_of(dir), (struct vfs_name){ NULL, 0 }, &fid, NULL);
	if (!error) {
		error = ninep_open_fid(volume, fid, OPEN_DIRECTORY);
		if (!error)
			error = list_open(volume, fid, position, emit, argument, reply);
		ninep_fid_drop(volume, fid);
	}
	vfs_mutex_exit(&dir->volume->lock);
	rumpuser_free(reply, LIST_BYTES);
	return error;
}

static bool empty(struct vfs_node *dir)
{
	uint64_t position = 0;
	bool found = false;

	return !list(dir, &position, vfs_emit_finds_name, &found) && !found;
}

static uint64_t sectors(struct vfs_node *node)
{
	return ninep_node_of(node)->sectors;
}

const struct vfs_node_ops ninep_directory_ops = {
	.lookup = lookup,
	.create = create,
	.link = link,
	.unlink = unlink,
	.rename = rename,
	.empty = empty,
	.list = list,
	.refresh = ninep_refresh,
	.set = ninep_set,
	.blocks = sectors,
	.destroy = ninep_destroy,
};
