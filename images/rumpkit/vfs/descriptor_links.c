/*
 * descriptor_links.c - /proc/self/fd: a link for each open descriptor.
 *
 * Following such a link goes straight to the file's node, so that it works for files
 * without a name; reading it gives the path the file was opened by.
 */
#include "device.h"
#include "kern.h"
#include "rumplib.h"

#define NUMBER_BYTES 12 /* a descriptor in decimal, with its NUL */
#define FIRST_POSITION 2

struct descriptor_link {
	struct vfs_node node;
	int descriptor;
};

static int link_jump(struct vfs_node *node, struct vfs_node **to, struct vfs_node **dir)
{
	struct vfs_slot *slot = vfs_descriptor_slot(((struct descriptor_link *)node)->descriptor);

	if (!slot)
		return -ENOENT;
	*to = vfs_node_get(slot->file->node);
	*dir = slot->file->dir ? vfs_node_get(slot->file->dir) : NULL;
	return 0;
}

static const char *kind_of(const struct vfs_node *node)
{
	return S_ISFIFO(node->mode) ? "pipe" : S_ISREG(node->mode) ? "file" : "anon_inode";
}

static long link_describe(struct vfs_node *node, char *text, size_t bytes)
{
	struct vfs_slot *slot = vfs_descriptor_slot(((struct descriptor_link *)node)->descriptor);
	char name[40];
	long length;

	if (!slot)
		return -ENOENT;
	node = slot->file->node;
	if (S_ISDIR(node->mode))
		length = vfs_path_of(node, node, text, bytes);
	else if (slot->file->dir)
		length = vfs_path_of(slot->file->dir, node, text, bytes);
	else
		length = -ENOENT;
	if (length > 0)
		return length - 1;
	if (length == -ERANGE)
		return -ENAMETOOLONG;
	lib_snprintf(name, sizeof name, "%s:[%lu]", kind_of(node), (unsigned long)node->number);
	length = (long)strlen(name);
	if ((size_t)length > bytes)
		length = (long)bytes;
	memcpy(text, name, (size_t)length);
	return length;
}

static void link_destroy(struct vfs_node *node)
{
	kern_free(node);
}

static const struct vfs_node_ops link_ops = {
	.jump = link_jump,
	.describe = link_describe,
	.destroy = link_destroy,
};

/* The descriptor a name stands for, or -1. */
static int number_of(struct vfs_name name)
{
	int number = 0;
	size_t i;

	if (name.bytes >= NUMBER_BYTES - 2 || (name.text[0] == '0' && name.bytes > 1))
		return -1;
	for (i = 0; i < name.bytes; i++) {
		if (name.text[i] < '0' || name.text[i] > '9')
			return -1;
		number = number * 10 + (name.text[i] - '0');
	}
	return number;
}

static int links_lookup(struct vfs_node *dir, struct vfs_name name, struct vfs_node **found)
{
	int descriptor = number_of(name);
	struct descriptor_link *link;

	if (!vfs_descriptor_slot(descriptor))
		return -ENOENT;
	link = kern_alloc(sizeof *link);
	if (!link)
		return -ENOMEM;
	vfs_node_init(&link->node, &link_ops, S_IFLNK | 0700);
	link->node.file_system = dir->file_system;
	link->node.size_bytes = 64;
	link->descriptor = descriptor;
	*found = &link->node;
	return 0;
}

static int links_list(struct vfs_node *dir, uint64_t *position, vfs_emit_fn emit,
    void *argument)
{
	static const char dots[] = "..";
	char text[NUMBER_BYTES];
	struct vfs_name name = { text, 0 };

	for (; *position < FIRST_POSITION + vfs_current->capacity; ++*position) {
		int descriptor = (int)*position - FIRST_POSITION;

		if (descriptor < 0) {
			name = (struct vfs_name){ dots, *position + 1 };
		} else if (vfs_descriptor_slot(descriptor)) {
			lib_snprintf(text, sizeof text, "%d", descriptor);
			name = (struct vfs_name){ text, strlen(text) };
		} else {
			continue;
		}
		if (!emit(argument, name, dir->number, descriptor < 0 ? S_IFDIR : S_IFLNK,
		    *position + 1))
			break;
	}
	return 0;
}

static const struct vfs_node_ops links_ops = {
	.lookup = links_lookup,
	.list = links_list,
};

int vfs_descriptor_links_make(void)
{
	static struct vfs_node links;
	int error = vfs_make_directory("/proc/self");

	vfs_node_init(&links, &links_ops, S_IFDIR | 0500);
	links.file_system = 0x18;
	if (!error)
		error = vfs_attach("/proc/self/fd", &links);
	if (!error)
		error = vfs_make_link("/dev/fd", "/proc/self/fd");
	if (!error)
		error = vfs_make_link("/dev/stdin", "/proc/self/fd/0");
	if (!error)
		error = vfs_make_link("/dev/stdout", "/proc/self/fd/1");
	return error ? error : vfs_make_link("/dev/stderr", "/proc/self/fd/2");
}
