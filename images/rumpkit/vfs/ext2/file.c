/*
 * file.c - contents of regular files: reading with readahead, writing.
 *
 * The application's memory is only touched without the volume's lock: reads copy from a
 * line of the cache that a view keeps in place, writes come through a buffer.
 */
#include "ext2.h"
#include "kern.h"
#include "rumplib.h"
#include "rumpuser.h"

#define LEAST_AHEAD 65536u
#define MOST_AHEAD 524288u
#define BUFFER_BYTES 32768u
#define SMALL_BYTES 1024u

/* ---- reading ------------------------------------------------------------------------------ */

/* Ask for what a range of a file needs, up to its end. */
static void prefetch(struct ext2_node *node, uint64_t from, uint64_t to)
{
	struct ext2_volume *volume = ext2_volume_of(&node->node);
	uint64_t index = from >> volume->block_shift, end;
	uint32_t block, run;

	if (to > node->node.size_bytes)
		to = node->node.size_bytes;
	end = (to + volume->block_bytes - 1) >> volume->block_shift;
	for (; index < end; index += run) {
		run = end - index < EXT2_LONGEST_RUN ? (uint32_t)(end - index) : EXT2_LONGEST_RUN;
		if (ext2_map(node, index, &block, &run))
			return;
		if (block)
			disk_prefetch(&volume->disk, (uint64_t)block << volume->block_shift,
			    (uint64_t)run << volume->block_shift);
	}
}

static uint32_t most_ahead(const struct ext2_volume *volume)
{
	size_t share = volume->disk.most_lines / 4 * DISK_LINE_BYTES;

	return share < MOST_AHEAD ? (uint32_t)share : MOST_AHEAD;
}

/* A read begins: what follows it is wanted soon if it goes on where the last one ended. */
static void read_ahead(struct ext2_node *node, uint64_t offset, uint64_t bytes)
{
	uint32_t most = most_ahead(ext2_volume_of(&node->node));
	uint64_t wanted;

	if (bytes > most)
		bytes = most;
	if (offset != node->next_read || !offset) {
		node->ahead_bytes = 0;
		node->read_ahead = offset;
	} else {
		node->ahead_bytes = node->ahead_bytes ? node->ahead_bytes * 2 : LEAST_AHEAD;
	}
	if (node->ahead_bytes > most)
		node->ahead_bytes = most;
	wanted = offset + bytes + node->ahead_bytes;
	if (node->read_ahead < offset)
		node->read_ahead = offset;
	/* In large pieces, or what this read itself needs if that is more than a line. */
	if (wanted < node->read_ahead + node->ahead_bytes / 2 ||
	    bytes + node->ahead_bytes <= DISK_LINE_BYTES / 8)
		return;
	prefetch(node, node->read_ahead, wanted);
	node->read_ahead = wanted;
}

/* Find the next piece: a view of it, or a hole (view->line NULL).  Its bytes, or -errno. */
static long find_piece(struct ext2_node *node, uint64_t offset, size_t most,
    struct disk_view *view)
{
	struct ext2_volume *volume = ext2_volume_of(&node->node);
	uint32_t into = (uint32_t)(offset & (volume->block_bytes - 1)), block;
	uint32_t run = (uint32_t)((into + most + volume->block_bytes - 1) >> volume->block_shift);
	uint64_t at, left, room;
	int error;

	if (offset >= node->node.size_bytes)
		return 0;
	if (most > node->node.size_bytes - offset)
		most = (size_t)(node->node.size_bytes - offset);
	error = ext2_map(node, offset >> volume->block_shift, &block, &run);
	if (error)
		return error;
	left = ((uint64_t)run << volume->block_shift) - into;
	if (most > left)
		most = (size_t)left;
	view->line = NULL;
	if (!block)
		return (long)most;
	at = ((uint64_t)block << volume->block_shift) + into;
	room = DISK_LINE_BYTES - at % DISK_LINE_BYTES;
	if (most > room)
		most = (size_t)room;
	/* Whole blocks: parts of them would be read once more later. */
	left = (into + most + volume->block_bytes - 1) & ~(uint64_t)(volume->block_bytes - 1);
	error = disk_view(&volume->disk, at - into, (size_t)left, false, view);
	view->data += into;
	return error ? error : (long)most;
}

long ext2_file_read(struct vfs_node *node, struct vfs_io *io, uint64_t offset)
{
	struct ext2_node *ext2 = ext2_node_of(node);
	size_t done = 0, moved;
	struct disk_view view;
	long step;

	ext2_enter(node);
	if (offset < node->size_bytes)
		read_ahead(ext2, offset, io->left_bytes);
	for (;;) {
		step = io->left_bytes ? find_piece(ext2, offset, io->left_bytes, &view) : 0;
		if (step <= 0)
			break;
		ext2_exit(node);
		moved = view.line ? vfs_io_put(io, view.data, (size_t)step) :
		    vfs_io_put_zeros(io, (size_t)step);
		disk_view_put(&view);
		done += moved;
		offset += moved;
		ext2_enter(node);
		ext2->next_read = offset;
		if (moved < (size_t)step) {
			step = -EFAULT;
			break;
		}
	}
	ext2_exit(node);
	return done ? (long)done : step;
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Bytes into one block. */
static int write_block(struct ext2_node *node, uint64_t offset, const uint8_t *from, size_t bytes)
{
	struct ext2_volume *volume = ext2_volume_of(&node->node);
	uint32_t into = (uint32_t)(offset & (volume->block_bytes - 1)), block;
	struct disk_view view;
	bool made;
	int error = ext2_map_make(node, offset >> volume->block_shift, &block, &made);

	if (error)
		return error;
	error = ext2_block_view(volume, block, made || bytes == volume->block_bytes, &view);
	if (error) {
		if (made) /* it would show what was on the disk */
			ext2_unmap(node, offset >> volume->block_shift, (offset >> volume->block_shift) + 1);
		return error;
	}
	if (made && bytes < volume->block_bytes)
		memset(view.data, 0, volume->block_bytes);
	memcpy(view.data + into, from, bytes);
	disk_view_dirty(&volume->disk, &view, DISK_DATA);
	disk_view_put(&view);
	return 0;
}

/* A buffer's bytes; how many were written, or -errno for none. */
static long write_buffer(struct ext2_node *node, uint64_t offset, const uint8_t *from, size_t bytes)
{
	struct ext2_volume *volume = ext2_volume_of(&node->node);
	size_t done = 0, step;
	int error = volume->volume.read_only ? volume->broken ? -EIO : -EROFS : 0;

	if (!error)
		error = ext2_throttle(volume);
	while (done < bytes && !error) {
		step = volume->block_bytes - ((offset + done) & (volume->block_bytes - 1));
		if (step > bytes - done)
			step = bytes - done;
		error = write_block(node, offset + done, from + done, step);
		if (!error)
			done += step;
	}
	if (done && offset + done > node->node.size_bytes)
		node->node.size_bytes = offset + done;
	if (done)
		ext2_touch_now(node, VFS_MODIFIED | VFS_CHANGED);
	/* Also after a failure: tables that were made are part of the file. */
	if (!volume->volume.read_only && ext2_node_store(node) && !error)
		error = -EIO;
	return done ? (long)done : error;
}

static int limit(struct vfs_node *node, struct vfs_io *io, uint64_t offset)
{
	uint64_t most = ext2_most_bytes(ext2_volume_of(node));

	if (offset >= most)
		return -EFBIG;
	if (io->left_bytes > most - offset)
		io->left_bytes = (size_t)(most - offset);
	return 0;
}

/* Everything left through a buffer.  *offset moves on; bytes done or -errno. */
static long write_through(struct vfs_node *node, struct vfs_io *io, uint64_t offset,
    uint8_t *buffer, size_t buffer_bytes)
{
	size_t done = 0, taken, step;
	long moved = 0;

	while (io->left_bytes) {
		/* Whole blocks, but for the first piece. */
		step = buffer_bytes - (io->append ? 0 : offset % buffer_bytes);
		if (step > io->left_bytes)
			step = io->left_bytes;
		taken = vfs_io_take(io, buffer, step);
		if (!taken) {
			moved = -EFAULT;
			break;
		}
		ext2_enter(node);
		if (io->append)
			offset = node->size_bytes;
		moved = write_buffer(ext2_node_of(node), offset, buffer, taken);
		ext2_exit(node);
		if (moved <= 0)
			break;
		done += (size_t)moved;
		offset += (uint64_t)moved;
		if ((size_t)moved < taken || taken < step)
			break;
	}
	io->appended_at = offset - done;
	return done ? (long)done : moved;
}

long ext2_file_write(struct vfs_node *node, struct vfs_io *io, uint64_t offset)
{
	uint8_t small[SMALL_BYTES];
	void *buffer;
	long result = limit(node, io, io->append ? node->size_bytes : offset);

	if (result)
		return result;
	if (io->left_bytes <= sizeof small)
		return write_through(node, io, offset, small, sizeof small);
	if (rumpuser_malloc(BUFFER_BYTES, 4096, &buffer))
		return -ENOMEM;
	result = write_through(node, io, offset, buffer, BUFFER_BYTES);
	rumpuser_free(buffer, BUFFER_BYTES);
	return result;
}
