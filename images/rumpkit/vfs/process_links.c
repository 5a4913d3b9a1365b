/*
 * process_links.c - /proc/self/exe, cwd and root: links that go straight to a node.
 */
#include "device.h"
#include "kern.h"
#include "rumplib.h"
#include "vfs_volume.h"

#define PATH_BYTES 256

static struct vfs_node *root_get(void)
{
	return vfs_mount_enter(vfs_node_get(vfs_root));
}

static int cwd_jump(struct vfs_node *node, struct vfs_node **to, struct vfs_node **dir)
{
	(void)node;
	(void)dir;
	*to = vfs_node_get(vfs_current->cwd);
	return 0;
}

static int root_jump(struct vfs_node *node, struct vfs_node **to, struct vfs_node **dir)
{
	(void)node;
	(void)dir;
	*to = root_get();
	return 0;
}

static int exe_jump(struct vfs_node *node, struct vfs_node **to, struct vfs_node **dir)
{
	char path[PATH_BYTES];
	struct vfs_place place;
	struct vfs_node *found;
	int error;

	(void)node;
	kern_program_path(path, sizeof path);
	error = vfs_walk(vfs_current->cwd, path, VFS_WALK_FOLLOW, &place);
	if (error)
		return error;
	error = vfs_place_node(&place, &found);
	if (!error) {
		*to = vfs_node_get(found);
		*dir = vfs_node_get(place.dir);
	}
	vfs_place_put(&place);
	return error;
}

static long copy(const char *path, char *text, size_t bytes)
{
	size_t length = strlen(path);

	if (length > bytes)
		length = bytes;
	memcpy(text, path, length);
	return (long)length;
}

static long exe_describe(struct vfs_node *node, char *text, size_t bytes)
{
	char path[PATH_BYTES];

	(void)node;
	kern_program_path(path, sizeof path);
	return copy(path, text, bytes);
}

static long cwd_describe(struct vfs_node *node, char *text, size_t bytes)
{
	long length = vfs_path_of(vfs_current->cwd, vfs_current->cwd, text, bytes);

	(void)node;
	return length > 0 ? length - 1 : length;
}

static long root_describe(struct vfs_node *node, char *text, size_t bytes)
{
	(void)node;
	return copy("/", text, bytes);
}

static const struct vfs_node_ops cwd_ops = { .jump = cwd_jump, .describe = cwd_describe };
static const struct vfs_node_ops root_ops = { .jump = root_jump, .describe = root_describe };
static const struct vfs_node_ops exe_ops = { .jump = exe_jump, .describe = exe_describe };

static struct {
	const char *path;
	const struct vfs_node_ops *ops;
	struct vfs_node node;
} links[] = {
	{ .path = "/proc/self/cwd", .ops = &cwd_ops }, { .path = "/proc/self/root", .ops = &root_ops },
	{ .path = "/proc/self/exe", .ops = &exe_ops },
};

int vfs_process_links_make(void)
{
	int error = 0;

	for (size_t i = 0; i < sizeof links / sizeof *links && !error; i++) {
		vfs_node_init(&links[i].node, links[i].ops, S_IFLNK | 0777);
		links[i].node.file_system = 0x18;
		error = vfs_attach(links[i].path, &links[i].node);
	}
	if (!error)
		error = vfs_attach_text("/proc/self/mounts", vfs_mounts_describe, NULL, NULL);
	if (!error) /* an argument: with numbers */
		error = vfs_attach_text("/proc/self/mountinfo", vfs_mounts_describe, NULL, links);
	return error ? error : vfs_make_link("/proc/mounts", "self/mounts");
}
