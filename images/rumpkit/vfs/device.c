/*
 * device.c - character devices: the registry, and those that need no hardware.
 */
#include "device.h"
#include "kern.h"
#include "rumplib.h"
#include "rumpuser.h"
#include "tty.h"

static struct vfs_device *devices;

void vfs_register_device(struct vfs_device *device)
{
	device->next = devices;
	devices = device;
}

static long null_read(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	(void)file;
	(void)io;
	(void)position;
	return 0;
}

static long null_write(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	(void)file;
	(void)position;
	return (long)io->left_bytes;
}

static const struct vfs_file_ops null_ops = {
	.read = null_read,
	.write = null_write,
	.seek = vfs_no_seek,
};

static long zero_read(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	size_t wanted = io->left_bytes, moved = vfs_io_put_zeros(io, wanted);

	(void)file;
	(void)position;
	return moved || !wanted ? (long)moved : -EFAULT;
}

static const struct vfs_file_ops zero_ops = {
	.read = zero_read,
	.write = null_write,
	.seek = vfs_no_seek,
};

static long full_write(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	(void)file;
	(void)io;
	(void)position;
	return -ENOSPC;
}

static const struct vfs_file_ops full_ops = {
	.read = zero_read,
	.write = full_write,
	.seek = vfs_no_seek,
};

static long random_read(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	uint8_t bytes[128];
	size_t done = 0, got, moved;

	(void)file;
	(void)position;
	while (io->left_bytes) {
		got = io->left_bytes < sizeof bytes ? io->left_bytes : sizeof bytes;
		if (rumpuser_getrandom(bytes, got, 0, &got) || !got)
			return done ? (long)done : -EIO;
		moved = vfs_io_put(io, bytes, got);
		done += moved;
		if (moved < got)
			return done ? (long)done : -EFAULT;
	}
	return (long)done;
}

static const struct vfs_file_ops random_ops = {
	.read = random_read,
	.write = null_write,
	.seek = vfs_no_seek,
};

static const struct {
	const char *path;
	struct vfs_device driver;
} first_devices[] = {
	{ "/dev/null", { vfs_device_number(1, 3), &null_ops, NULL } },
	{ "/dev/zero", { vfs_device_number(1, 5), &zero_ops, NULL } },
	{ "/dev/full", { vfs_device_number(1, 7), &full_ops, NULL } },
	{ "/dev/random", { vfs_device_number(1, 8), &random_ops, NULL } },
	{ "/dev/urandom", { vfs_device_number(1, 9), &random_ops, NULL } },
	{ "/dev/tty", { vfs_device_number(5, 0), &vfs_tty_ops, NULL } },
	{ NULL, { VFS_CONSOLE_DEVICE, &vfs_tty_ops, NULL } }, /* its node is made elsewhere */
};
#define FIRST_DEVICES (sizeof first_devices / sizeof *first_devices)

static const struct vfs_file_ops *find_driver(uint64_t number)
{
	const struct vfs_device *device;
	size_t i;

	for (i = 0; i < FIRST_DEVICES; i++)
		if (first_devices[i].driver.number == number)
			return first_devices[i].driver.ops;
	for (device = devices; device; device = device->next)
		if (device->number == number)
			return device->ops;
	return NULL;
}

int vfs_device_open(struct vfs_node *node, struct vfs_file *file)
{
	const struct vfs_file_ops *ops = S_ISCHR(node->mode) ? find_driver(node->device) : NULL;

	if (!ops)
		return -ENXIO;
	file->ops = ops;
	return 0;
}

static int make_device(const char *path, uint64_t number)
{
	struct vfs_place place;
	int error = vfs_walk(vfs_root, path, VFS_WALK_PARENT, &place);

	if (error)
		return error;
	error = vfs_make(&place, S_IFCHR | 0666, number);
	vfs_place_put(&place);
	return error;
}

int vfs_devices_make(void)
{
	int error = 0;
	size_t i;

	for (i = 0; first_devices[i].path && !error; i++)
		error = make_device(first_devices[i].path, first_devices[i].driver.number);
	return error;
}
