/*
 * init.c - the root file system as an application finds it.
 */
#include "device.h"
#include "rumplib.h"

static const char *const directories[] = {
	"/dev", "/etc", "/proc", "/root", "/tmp", "/dev/shm",
};

static int make_root(void)
{
	int error = vfs_tmpfs_make(S_IFDIR | 0755, &vfs_root);
	size_t i;

	if (!error)
		vfs_current->cwd = vfs_node_get(vfs_root);
	for (i = 0; i < sizeof directories / sizeof *directories && !error; i++)
		error = vfs_make_directory(directories[i]);
	return error;
}

static int set_mode(const char *path, uint32_t mode)
{
	struct vfs_place place;
	int error = vfs_walk(vfs_root, path, 0, &place);

	if (error)
		return error;
	place.node->mode = (place.node->mode & S_IFMT) | mode;
	vfs_place_put(&place);
	return 0;
}

static int make_names(const char *hostname)
{
	char text[NAME_MAX + 64];
	int error;

	lib_snprintf(text, sizeof text, "%s\n", hostname);
	error = vfs_make_text("/etc/hostname", text);
	lib_snprintf(text, sizeof text, "127.0.0.1\tlocalhost %s\n::1\tlocalhost\n", hostname);
	if (!error)
		error = vfs_make_text("/etc/hosts", text);
	if (!error)
		error = vfs_make_text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
	if (!error)
		error = vfs_make_text("/etc/group", "root:x:0:\n");
	return error;
}

static int open_console(void)
{
	struct vfs_file *console;
	int descriptor, error;

	error = vfs_open(vfs_root, "/dev/console", O_RDWR | O_LARGEFILE, 0, &console);
	if (error)
		return error;
	for (descriptor = 0; descriptor <= 2 && error >= 0; descriptor++)
		error = vfs_descriptor_set(descriptor, console, false);
	vfs_file_put(console);
	return error < 0 ? error : 0;
}

int vfs_init(const char *hostname)
{
	int error = make_root();

	if (!error)
		error = set_mode("/tmp", S_ISVTX | 0777);
	if (!error)
		error = set_mode("/dev/shm", S_ISVTX | 0777);
	if (!error)
		error = vfs_memory_devices_init();
	if (!error)
		error = vfs_tty_init();
	if (!error)
		error = vfs_descriptor_links_init();
	if (!error)
		error = make_names(hostname);
	return error ? error : open_console();
}
