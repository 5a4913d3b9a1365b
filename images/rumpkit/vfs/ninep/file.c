/*
 * file.c - open files on a 9p server: each has a fid of its own.
 *
 * Data moves without the volume's lock: several threads may have requests out.
 */
#include "device.h"
#include "kern.h"
#include "ninep.h"
#include "pipe.h"
#include "regular.h"
#include "rumplib.h"
#include "rumpuser.h"

#define MESSAGE_SLACK 64u

struct open_file {
	uint32_t fid;
};

static uint32_t fid_of(const struct vfs_file *file)
{
	return ((struct open_file *)file->data)->fid;
}

static size_t piece_bytes(const struct ninep_volume *volume, size_t wanted)
{
	size_t most = volume->message_bytes - NINEP_WRITE_HEAD;

	return wanted < most ? wanted : most;
}

/* One request's worth.  Bytes, 0 at the end, -errno. */
static long read_piece(struct vfs_file *file, struct vfs_io *io, uint64_t offset, uint8_t *reply,
    size_t reply_bytes)
{
	struct ninep_volume *volume = ninep_volume_of(file->node);
	size_t wanted = piece_bytes(volume, io->left_bytes), got;
	struct ninep_call call;
	int error;

	ninep_begin_in(&call, volume, NINEP_READ, call.few, sizeof call.few, reply, reply_bytes);
	ninep_put(&call, fid_of(file), 4);
	ninep_put(&call, offset, 8);
	ninep_put(&call, wanted, 4);
	error = ninep_send(&call);
	if (error)
		return error;
	got = (size_t)ninep_take(&call, 4);
	if (call.broken || got > wanted || got > call.got - call.read)
		return -EIO;
	if (vfs_io_put(io, reply + call.read, got) < got)
		return -EFAULT;
	return (long)got;
}

static long file_read(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	struct ninep_volume *volume = ninep_volume_of(file->node);
	size_t room = piece_bytes(volume, io->left_bytes) + MESSAGE_SLACK, done = 0;
	void *reply;
	long got = 0;

	if (!io->left_bytes)
		return 0;
	if (rumpuser_malloc(room, 0, &reply))
		return -ENOMEM;
	while (io->left_bytes) {
		got = read_piece(file, io, *position, reply, room);
		if (got <= 0)
			break;
		done += (size_t)got;
		*position += (uint64_t)got;
	}
	rumpuser_free(reply, room);
	return done ? (long)done : got;
}

static long write_piece(struct vfs_file *file, struct vfs_io *io, uint64_t offset,
    uint8_t *request, size_t request_bytes)
{
	struct ninep_volume *volume = ninep_volume_of(file->node);
	size_t wanted = piece_bytes(volume, io->left_bytes), taken, put;
	struct ninep_call call;
	int error;

	taken = vfs_io_take(io, request + NINEP_WRITE_HEAD, wanted);
	if (!taken)
		return -EFAULT;
	ninep_begin_in(&call, volume, NINEP_WRITE, request, request_bytes, call.few_reply,
	    sizeof call.few_reply);
	ninep_put(&call, fid_of(file), 4);
	ninep_put(&call, offset, 8);
	ninep_put(&call, taken, 4);
	call.used += taken;
	error = ninep_send(&call);
	if (error)
		return error;
	put = (size_t)ninep_take(&call, 4);
	if (call.broken || put > taken)
		return -EIO;
	return (long)put;
}

static int start_of_write(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	int error = vfs_node_writable(file->node);

	if (!error && (file->flags & O_APPEND)) {
		error = vfs_node_refresh(file->node);
		*position = file->node->size_bytes;
	}
	if (!error && *position >= INT64_MAX)
		error = -EFBIG;
	if (!error && io->left_bytes > INT64_MAX - *position)
		io->left_bytes = (size_t)(INT64_MAX - *position);
	return error;
}

static long file_write(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	struct ninep_volume *volume = ninep_volume_of(file->node);
	size_t room = piece_bytes(volume, io->left_bytes) + MESSAGE_SLACK, done = 0, left;
	void *request;
	long put = io->left_bytes ? start_of_write(file, io, position) : 0;

	if (put || !io->left_bytes)
		return put;
	if (rumpuser_malloc(room, 0, &request))
		return -ENOMEM;
	do {
		left = io->left_bytes;
		put = write_piece(file, io, *position, request, room);
		if (put <= 0)
			break;
		done += (size_t)put;
		*position += (uint64_t)put;
	} while (io->left_bytes && (size_t)put == left - io->left_bytes);
	rumpuser_free(request, room);
	if (*position > file->node->size_bytes)
		file->node->size_bytes = *position;
	return done ? (long)done : put ? put : -EIO;
}

static int64_t file_seek(struct vfs_file *file, int64_t offset, int whence)
{
	return vfs_regular_ops.seek(file, offset, whence);
}

static long file_ioctl(struct vfs_file *file, unsigned command, long argument)
{
	return vfs_regular_ops.ioctl(file, command, argument);
}

static int file_sync(struct vfs_file *file, bool data)
{
	return ninep_simple(ninep_volume_of(file->node), NINEP_FSYNC, fid_of(file), data);
}

static void file_release(struct vfs_file *file)
{
	ninep_fid_drop(ninep_volume_of(file->node), fid_of(file));
	kern_free(file->data);
}

static const struct vfs_file_ops file_ops = {
	.read = file_read,
	.write = file_write,
	.seek = file_seek,
	.ioctl = file_ioctl,
	.sync = file_sync,
	.release = file_release,
};

/* ---- opening ------------------------------------------------------------------------------ */

static int open_fid(struct vfs_node *node, uint32_t flags, uint32_t *fid)
{
	struct ninep_volume *volume = ninep_volume_of(node);
	struct ninep_node *ninep = ninep_node_of(node);
	int error;

	if (ninep->created_fid != NINEP_NO_FID) {
		*fid = ninep->created_fid;
		ninep->created_fid = NINEP_NO_FID;
		return 0;
	}
	error = ninep_walk(volume, ninep->fid, (struct vfs_name){ NULL, 0 }, fid, NULL);
	if (error)
		return error;
	error = ninep_open_fid(volume, *fid, flags & O_ACCMODE);
	if (error)
		ninep_fid_drop(volume, *fid);
	return error;
}

static int file_open(struct vfs_node *node, struct vfs_file *file)
{
	struct open_file *open = kern_alloc(sizeof *open);
	int error;

	if (!open)
		return -ENOMEM;
	vfs_mutex_enter(&node->volume->lock);
	error = open_fid(node, file->flags, &open->fid);
	vfs_mutex_exit(&node->volume->lock);
	if (error) {
		kern_free(open);
		return error;
	}
	file->data = open;
	file->ops = &file_ops;
	return 0;
}

static int fifo_open(struct vfs_node *node, struct vfs_file *file)
{
	return vfs_fifo_open(&ninep_node_of(node)->pipe, file);
}

static uint64_t sectors(struct vfs_node *node)
{
	return ninep_node_of(node)->sectors;
}

#define EVERY_NODE \
	.refresh = ninep_refresh, .set = ninep_set, .blocks = sectors, .destroy = ninep_destroy

static const struct vfs_node_ops regular_ops = {
	.open = file_open, .resize = ninep_resize, EVERY_NODE,
};
static const struct vfs_node_ops link_ops = { .target = ninep_target, EVERY_NODE };
static const struct vfs_node_ops fifo_ops = { .open = fifo_open, EVERY_NODE };
static const struct vfs_node_ops socket_ops = { .open = vfs_socket_name_open, EVERY_NODE };
static const struct vfs_node_ops device_ops = { .open = vfs_device_open, EVERY_NODE };

static const struct vfs_node_ops *const ops[VFS_TYPES] = {
	[VFS_TYPE(S_IFREG)] = &regular_ops,
	[VFS_TYPE(S_IFDIR)] = &ninep_directory_ops,
	[VFS_TYPE(S_IFLNK)] = &link_ops,
	[VFS_TYPE(S_IFIFO)] = &fifo_ops,
	[VFS_TYPE(S_IFSOCK)] = &socket_ops,
	[VFS_TYPE(S_IFCHR)] = &device_ops,
	[VFS_TYPE(S_IFBLK)] = &device_ops,
};

const struct vfs_node_ops *ninep_ops_of(uint32_t mode)
{
	return ops[VFS_TYPE(mode)];
}
