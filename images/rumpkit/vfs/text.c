/*
 * text.c - files whose text is written when they are opened, as in /proc.
 */
#include "kern.h"
#include "regular.h"
#include "rumplib.h"
#include "vfs.h"

#define FIRST_BYTES 1024
#define TAKEN_BYTES 4096

struct text_node {
	struct vfs_node node;
	vfs_text_fn write;
	vfs_take_fn take;
	void *argument;
};

struct text {
	vfs_take_fn take;
	void *argument;
	size_t bytes;
	char content[];
};

static long text_read(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	struct text *text = file->data;
	size_t left, moved;

	if (*position >= text->bytes)
		return 0;
	left = text->bytes - *position;
	if (left > io->left_bytes)
		left = io->left_bytes;
	moved = vfs_io_put(io, text->content + *position, left);
	*position += moved;
	return moved || !left ? (long)moved : -EFAULT;
}

static long text_write(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	const struct text *text = file->data;
	size_t bytes = io->left_bytes < TAKEN_BYTES ? io->left_bytes : TAKEN_BYTES;
	char *taken = kern_alloc(bytes + 1);
	long result = !text->take ? -EINVAL : taken ? 0 : -ENOMEM;

	if (!result && vfs_io_take(io, taken, bytes) != bytes)
		result = -EFAULT;
	if (!result) {
		taken[bytes] = '\0';
		result = text->take(text->argument, taken, bytes);
	}
	if (result > 0)
		*position += (uint64_t)result;
	kern_free(taken);
	return result;
}

static void text_release(struct vfs_file *file)
{
	kern_free(file->data);
}

static const struct vfs_file_ops text_ops = {
	.read = text_read,
	.write = text_write,
	.seek = vfs_seek_without_end,
	.release = text_release,
};

int vfs_text_open(struct vfs_file *file, vfs_text_fn write, vfs_take_fn take, void *argument)
{
	size_t room = FIRST_BYTES, length;
	struct text *text;

	for (;;) {
		text = kern_alloc(sizeof *text + room);
		if (!text)
			return -ENOMEM;
		length = write(argument, text->content, room);
		if (length < room) /* printing ends with a NUL */
			break;
		kern_free(text);
		room = length + FIRST_BYTES;
	}
	*text = (struct text){ .take = take, .argument = argument, .bytes = length };
	file->data = text;
	file->ops = &text_ops;
	return 0;
}

static int text_open(struct vfs_node *node, struct vfs_file *file)
{
	const struct text_node *source = (const struct text_node *)node;

	return vfs_text_open(file, source->write, source->take, source->argument);
}

static int text_resize(struct vfs_node *node, uint64_t size_bytes)
{
	(void)node;
	(void)size_bytes;
	return 0; /* truncating on open is harmless, as in Linux's /proc */
}

static void text_destroy(struct vfs_node *node)
{
	kern_free(node);
}

static const struct vfs_node_ops text_node_ops = {
	.open = text_open,
	.resize = text_resize,
	.destroy = text_destroy,
};

int vfs_attach_text(const char *path, vfs_text_fn write, vfs_take_fn take, void *argument)
{
	struct text_node *text = kern_alloc(sizeof *text);
	int error;

	if (!text)
		return -ENOMEM;
	vfs_node_init(&text->node, &text_node_ops, S_IFREG | (take ? 0644 : 0444));
	text->write = write;
	text->take = take;
	text->argument = argument;
	error = vfs_attach(path, &text->node);
	vfs_node_put(&text->node);
	return error;
}
