/*
 * flush.c - writing a volume out, and what the superblock says about it.
 */
#include "ext2.h"
#include "kern.h"
#include "rumplib.h"
#include "rumpuser.h"

int ext2_broken(struct ext2_volume *volume, const char *what, uint64_t number)
{
	if (!volume->broken && !volume->volume.read_only)
		rumpuser_dprintf("rumpkit: %s: %s (%lu); nothing more is written: run e2fsck\n",
		    volume->name, what, (unsigned long)number);
	else if (!volume->broken)
		rumpuser_dprintf("rumpkit: %s: %s (%lu): run e2fsck\n", volume->name, what,
		    (unsigned long)number);
	volume->broken = true;
	volume->volume.read_only = true;
	return -EIO;
}

int ext2_block_view(struct ext2_volume *volume, uint32_t block, bool new,
    struct disk_view *view)
{
	uint64_t offset = (uint64_t)block << volume->block_shift;
	uint64_t line = offset & ~(DISK_LINE_BYTES - 1), end = line + DISK_LINE_BYTES;

	/* Tables and directories: the neighbours will be wanted too. */
	if (!new && !disk_has(&volume->disk, offset, volume->block_bytes))
		disk_prefetch(&volume->disk, line, (end < volume->disk.bytes ? end : volume->disk.bytes) - line);
	return disk_view(&volume->disk, offset, volume->block_bytes, new, view);
}

bool ext2_block_valid(const struct ext2_volume *volume, uint64_t block)
{
	return block > volume->first_block && block < volume->blocks;
}

static void store_super(struct ext2_volume *volume)
{
	volume->super->free_blocks = (uint32_t)(volume->free_blocks);
	volume->super->free_inodes = (uint32_t)volume->free_inodes;
	disk_view_dirty(&volume->disk, &volume->super_view, DISK_DATA);
}

/* What was written is where it stays without power. */
static int settle(struct ext2_volume *volume)
{
	if (!volume->unsettled)
		return 0;
	volume->unsettled = false;
	return disk_barrier(&volume->disk) ?
	    ext2_broken(volume, "the device cannot make writes last", 0) : 0;
}

/*
 * One round: what was freed before it can be used after it.  It is settled first: else the
 * disk could get the new content of a block and keep the old inode that refers to it.
 */
static int flush_once(struct ext2_volume *volume)
{
	int error;

	if (volume->disk.dirty_lines) {
		store_super(volume);
		volume->unsettled = true;
	}
	error = disk_flush(&volume->disk);
	if (error) {
		disk_discard(&volume->disk);
		return ext2_broken(volume, "writing failed; what was written last is lost", 0);
	}
	if (volume->pending_count)
		error = settle(volume);
	if (!error)
		ext2_pending_apply(volume);
	return error;
}

int ext2_flush(struct ext2_volume *volume, bool barrier)
{
	int error = 0;

	if (volume->volume.read_only && !volume->broken)
		return 0;
	if (volume->broken)
		return -EIO;
	if (volume->flushing) /* from within: the outer one goes on */
		return 0;
	volume->flushing = true;
	error = flush_once(volume);
	if (!error && barrier)
		error = settle(volume);
	volume->flushing = false;
	return error;
}

int ext2_make_room(void *volume)
{
	return ext2_flush(volume, false);
}

int ext2_throttle(struct ext2_volume *volume)
{
	if (volume->disk.dirty_lines <= volume->disk.most_lines / 2)
		return 0;
	return ext2_flush(volume, false);
}

static int mark(struct ext2_volume *volume, uint16_t state)
{
	volume->super->state = state;
	volume->super->write_time = (uint32_t)(kern_wall_ns() / 1000000000);
	disk_view_dirty(&volume->disk, &volume->super_view, DISK_DATA);
	return ext2_flush(volume, true);
}

int ext2_mark_dirty(struct ext2_volume *volume)
{
	volume->super->mount_time = (uint32_t)(kern_wall_ns() / 1000000000);
	volume->super->mount_count++;
	return mark(volume, volume->state_at_mount & (uint16_t)~EXT2_STATE_VALID);
}

int ext2_mark_clean(struct ext2_volume *volume)
{
	int error = ext2_flush(volume, false);

	/* Freed blocks became free on disk with the last flush's end: once more. */
	if (!error)
		error = ext2_flush(volume, true);
	return error ? error : mark(volume, volume->state_at_mount);
}
