/*
 * tmpfs_file.c - regular files in memory: reading, writing, holes.
 */
#include "kern.h"
#include "rumplib.h"
#include "tmpfs.h"

static struct tmpfs_pages *pages_of(struct vfs_node *node)
{
	return &((struct tmpfs_node *)node)->pages;
}

/* Bytes from offset to the end of its page, at most bytes. */
static size_t step_of(uint64_t offset, uint64_t bytes)
{
	size_t room = VFS_PAGE_BYTES - offset % VFS_PAGE_BYTES;

	return bytes < room ? (size_t)bytes : room;
}

/* From a hole: the base where there is one, zeroes behind it. */
static size_t put_hole(struct tmpfs_pages *pages, struct vfs_io *io, uint64_t offset, size_t step)
{
	size_t based = offset < pages->base_bytes ? pages->base_bytes - offset : 0, moved;

	if (!based)
		return vfs_io_put_zeros(io, step);
	if (based >= step)
		return vfs_io_put(io, pages->base + offset, step);
	moved = vfs_io_put(io, pages->base + offset, based);
	return moved < based ? moved : moved + vfs_io_put_zeros(io, step - based);
}

void tmpfs_set_base(struct vfs_node *node, const void *data, uint64_t bytes)
{
	pages_of(node)->base = data;
	pages_of(node)->base_bytes = bytes;
	node->size_bytes = bytes;
}

/* The base ends here: what lies behind is zero from now on. */
static void base_cut(struct tmpfs_pages *pages, uint64_t bytes)
{
	if (pages->base_bytes > bytes)
		pages->base_bytes = bytes;
}

static const void *file_page(struct vfs_node *node, uint64_t offset, bool writable)
{
	struct tmpfs_pages *pages = pages_of(node);
	const uint8_t *base = pages->base + offset, *page;

	if (offset >= node->size_bytes)
		return NULL;
	page = tmpfs_page(pages, offset / VFS_PAGE_BYTES);
	if (page)
		return page;
	if (writable)
		return tmpfs_page_make(pages, offset / VFS_PAGE_BYTES);
	/* A page that is the base's in part would show what lies behind the base. */
	return offset + VFS_PAGE_BYTES <= pages->base_bytes &&
	    !((uintptr_t)base % VFS_PAGE_BYTES) ? base : NULL;
}

static long file_read_at(struct vfs_node *node, struct vfs_io *io, uint64_t offset)
{
	size_t done = 0, step, moved;
	const uint8_t *page;

	while (io->left_bytes && offset < node->size_bytes) {
		step = step_of(offset, node->size_bytes - offset);
		if (step > io->left_bytes)
			step = io->left_bytes;
		page = tmpfs_page(pages_of(node), offset / VFS_PAGE_BYTES);
		tmpfs_copy_begin(pages_of(node));
		if (page)
			moved = vfs_io_put(io, page + offset % VFS_PAGE_BYTES, step);
		else
			moved = put_hole(pages_of(node), io, offset, step);
		tmpfs_copy_end(pages_of(node));
		done += moved;
		offset += moved;
		if (moved < step)
			return done ? (long)done : -EFAULT;
	}
	return (long)done;
}

static long file_write_at(struct vfs_node *node, struct vfs_io *io, uint64_t offset)
{
	size_t done = 0, step, moved;
	uint8_t *page;

	while (io->left_bytes) {
		step = step_of(offset, io->left_bytes);
		page = tmpfs_page_make(pages_of(node), offset / VFS_PAGE_BYTES);
		if (!page)
			return done ? (long)done : -ENOSPC;
		tmpfs_copy_begin(pages_of(node));
		moved = vfs_io_take(io, page + offset % VFS_PAGE_BYTES, step);
		tmpfs_copy_end(pages_of(node));
		done += moved;
		offset += moved;
		if (offset > node->size_bytes && moved)
			node->size_bytes = offset;
		if (moved < step) {
			/* What was copied of the rest must not show when the file grows. */
			if (offset >= node->size_bytes)
				memset(page + offset % VFS_PAGE_BYTES, 0,
				    VFS_PAGE_BYTES - offset % VFS_PAGE_BYTES);
			return done ? (long)done : -EFAULT;
		}
	}
	return (long)done;
}

/* Bytes behind the end of a file are zero, so that growing it shows no old data. */
static void zero_part(struct vfs_node *node, uint64_t offset, uint64_t bytes)
{
	uint8_t *page = tmpfs_page(pages_of(node), offset / VFS_PAGE_BYTES);

	if (page)
		memset(page + offset % VFS_PAGE_BYTES, 0, step_of(offset, bytes));
}

static int file_resize(struct vfs_node *node, uint64_t size_bytes)
{
	uint64_t pages = size_bytes / VFS_PAGE_BYTES + (size_bytes % VFS_PAGE_BYTES != 0);

	tmpfs_copies_wait(pages_of(node));
	/* Also to the same size: fallocate may have put pages behind the end. */
	if (size_bytes <= node->size_bytes) {
		base_cut(pages_of(node), size_bytes);
		tmpfs_pages_drop(pages_of(node), pages, UINT64_MAX);
		if (size_bytes % VFS_PAGE_BYTES)
			zero_part(node, size_bytes, VFS_PAGE_BYTES);
	}
	node->size_bytes = size_bytes;
	return 0;
}

static int file_allocate(struct vfs_node *node, uint64_t offset, uint64_t bytes)
{
	struct tmpfs_pages *pages = pages_of(node);
	uint64_t index = offset / VFS_PAGE_BYTES;
	uint64_t end = (offset + bytes - 1) / VFS_PAGE_BYTES + 1;

	/* Far too much is known at once; the rest is found on the way. */
	if (end - index > tmpfs_limit_pages - tmpfs_used_pages + pages->count)
		return -ENOSPC;
	for (; index < end; index++)
		if (!tmpfs_page_make(pages, index))
			return -ENOSPC;
	return 0;
}

/* Holes are about to be made: nothing may shine through them. */
static bool take_base(struct vfs_node *node)
{
	struct tmpfs_pages *pages = pages_of(node);

	for (uint64_t at = 0; at < pages->base_bytes; at += VFS_PAGE_BYTES)
		if (!tmpfs_page_make(pages, at / VFS_PAGE_BYTES))
			return false;
	pages->base_bytes = 0;
	return true;
}

static int file_punch(struct vfs_node *node, uint64_t offset, uint64_t bytes)
{
	uint64_t end = offset + bytes;
	uint64_t first = (offset + VFS_PAGE_BYTES - 1) / VFS_PAGE_BYTES;
	uint64_t last = end / VFS_PAGE_BYTES;

	tmpfs_copies_wait(pages_of(node));
	if (!take_base(node))
		return -ENOSPC;
	if (first > last) { /* within one page */
		zero_part(node, offset, bytes);
		return 0;
	}
	if (offset % VFS_PAGE_BYTES)
		zero_part(node, offset, VFS_PAGE_BYTES);
	if (end % VFS_PAGE_BYTES)
		zero_part(node, end - end % VFS_PAGE_BYTES, end % VFS_PAGE_BYTES);
	tmpfs_pages_drop(pages_of(node), first, last);
	return 0;
}

static uint64_t file_seek(struct vfs_node *node, uint64_t offset, bool data)
{
	struct tmpfs_pages *pages = pages_of(node);
	uint64_t index = offset / VFS_PAGE_BYTES, next = index;
	uint64_t end = (node->size_bytes + VFS_PAGE_BYTES - 1) / VFS_PAGE_BYTES;

	if (pages->base_bytes) /* an archive's file has no holes */
		return data ? offset : node->size_bytes;
	if (data)
		next = tmpfs_pages_next(pages, index);
	else
		while (next < end && tmpfs_page(pages, next))
			next++;
	if (next >= end)
		return node->size_bytes;
	return next == index ? offset : next * VFS_PAGE_BYTES;
}

static uint64_t file_blocks(struct vfs_node *node)
{
	const struct tmpfs_pages *pages = pages_of(node);

	return pages->count * (VFS_PAGE_BYTES / 512) + (pages->base_bytes + 511) / 512;
}

static void file_destroy(struct vfs_node *node)
{
	tmpfs_pages_drop(pages_of(node), 0, UINT64_MAX);
	kern_free(node);
}

const struct vfs_node_ops tmpfs_file_ops = {
	.page = file_page,
	.read_at = file_read_at,
	.write_at = file_write_at,
	.resize = file_resize,
	.allocate = file_allocate,
	.punch = file_punch,
	.seek = file_seek,
	.blocks = file_blocks,
	.destroy = file_destroy,
};
