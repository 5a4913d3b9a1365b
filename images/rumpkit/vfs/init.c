/*
 * init.c - the root file system as an application finds it.
 *
 * What every program needs, the console on descriptors 0 to 2, is data that is there from
 * the start.  Directories and files are made when the first path is followed: many
 * programs follow none, and a guest is to reach main soon.
 */
#include "device.h"
#include "rumplib.h"
#include "rumpuser.h"
#include "tmpfs.h"
#include "tty.h"
#include "vfs_volume.h"

#define HOSTNAME_BYTES 65
#define FILLERS 4

static int (*fillers[FILLERS])(void);

static struct tmpfs_node root = {
	.node = {
		.ops = &tmpfs_directory_ops, .references = 2, .mode = S_IFDIR | 0755, .nlink = 2,
		.file_system = TMPFS_NUMBER, .number = VFS_ROOT_NUMBER,
	},
};
struct vfs_node *vfs_root = &root.node;

/* ---- the console --------------------------------------------------------------------- */

static struct tmpfs_node console_node = {
	.node = {
		.ops = &tmpfs_device_ops, .references = 2, .mode = S_IFCHR | 0600, .nlink = 1,
		.file_system = TMPFS_NUMBER, .number = VFS_CONSOLE_NUMBER,
		.device = VFS_CONSOLE_DEVICE,
	},
};

/* One reference more than there are descriptors: it is not to be freed. */
static struct vfs_file console = {
	.ops = &vfs_tty_ops, .node = &console_node.node, .references = 4,
	.flags = O_RDWR | O_LARGEFILE,
};

static struct vfs_slot first_slots[VFS_FIRST_SLOTS] = {
	{ &console, false }, { &console, false }, { &console, false },
};

static struct vfs_context first_context = {
	.slots = first_slots, .capacity = VFS_FIRST_SLOTS, .limit = VFS_DESCRIPTOR_LIMIT,
	.umask = 022, .cwd = &root.node, .permanent = true,
};
struct vfs_context *vfs_current = &first_context;

/* ---- what paths find ------------------------------------------------------------------ */

static const char *const directories[] = {
	"/dev", "/etc", "/proc", "/root", "/sys", "/tmp", "/dev/shm",
};

static int make_directories(void)
{
	int error = 0;
	size_t i;

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

static int make_public(void)
{
	int error = set_mode("/tmp", S_ISVTX | 0777);

	return error ? error : set_mode("/dev/shm", S_ISVTX | 0777);
}

/* The console gets its name, so that ttyname(3) finds it. */
static int name_console(void)
{
	struct vfs_place place;
	int error = vfs_attach("/dev/console", &console_node.node);

	if (!error)
		error = vfs_walk(vfs_root, "/dev", 0, &place);
	if (error)
		return error;
	console.dir = vfs_node_get(place.node);
	vfs_place_put(&place);
	return 0;
}

static int make_texts(void)
{
	char own_name[HOSTNAME_BYTES] = "rumpkit", text[2 * HOSTNAME_BYTES];
	int error;

	rumpuser_getparam(RUMPUSER_PARAM_HOSTNAME, own_name, sizeof own_name);
	lib_snprintf(text, sizeof text, "%s\n", own_name);
	error = vfs_make_text("/etc/hostname", text);
	lib_snprintf(text, sizeof text, "127.0.0.1\tlocalhost %s\n::1\tlocalhost\n", own_name);
	if (!error)
		error = vfs_make_text("/etc/hosts", text);
	if (!error)
		error = vfs_make_text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
	return error ? error : vfs_make_text("/etc/group", "root:x:0:\n");
}

static int (*const first_steps[])(void) = {
	make_directories, make_public, vfs_devices_make, name_console,
	vfs_descriptor_links_make, vfs_process_links_make, make_texts, vfs_cpio_unpack,
};

static int run_steps(void)
{
	int error = 0;
	size_t i;

	for (i = 0; i < sizeof first_steps / sizeof *first_steps && !error; i++)
		error = first_steps[i]();
	if (!error)
		vfs_mount_configured();
	for (i = 0; i < FILLERS && fillers[i] && !error; i++)
		error = fillers[i]();
	return error;
}

int vfs_populate(void)
{
	static bool done;
	uint32_t umask = vfs_current->umask;
	int error;

	if (done)
		return 0;
	done = true; /* the steps follow paths themselves */
	vfs_current->umask = 022;
	error = run_steps();
	vfs_current->umask = umask;
	return error;
}

void vfs_at_first_path(int (*fill)(void))
{
	size_t i = 0;

	while (fillers[i])
		i++;
	fillers[i] = fill;
}

void vfs_init(void)
{
	tmpfs_init();
	vfs_tty_init();
}
