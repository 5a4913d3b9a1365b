/*
 * device.c - character devices: the registry, and those that need no hardware.
 */
#include "device.h"
#include "kern.h"
#include "rumplib.h"
#include "rumpuser.h"

static struct vfs_device *devices;

void vfs_register_device(struct vfs_device *device)
{
	device->next = devices;
	devices = device;
}

int vfs_device_open(struct vfs_node *node, struct vfs_file *file)
{
	struct vfs_device *device;

	for (device = devices; device; device = device->next) {
		if (device->number != node->device || !S_ISCHR(node->mode))
			continue;
		file->ops = device->ops;
		return 0;
	}
	return -ENXIO;
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
	uint64_t number;
	const struct vfs_file_ops *ops;
} memory_devices[] = {
	{ "/dev/null", vfs_device_number(1, 3), &null_ops },
	{ "/dev/zero", vfs_device_number(1, 5), &zero_ops },
	{ "/dev/full", vfs_device_number(1, 7), &full_ops },
	{ "/dev/random", vfs_device_number(1, 8), &random_ops },
	{ "/dev/urandom", vfs_device_number(1, 9), &random_ops },
};
#define MEMORY_DEVICES (sizeof memory_devices / sizeof *memory_devices)

int vfs_make_device(const char *path, uint64_t number)
{
	struct vfs_place place;
	int error = vfs_walk(vfs_root, path, VFS_WALK_PARENT, &place);

	if (error)
		return error;
	error = vfs_make(&place, S_IFCHR | 0666, number);
	vfs_place_put(&place);
	return error;
}

int vfs_memory_devices_init(void)
{
	static struct vfs_device drivers[MEMORY_DEVICES];
	int error = 0;
	size_t i;

	for (i = 0; i < MEMORY_DEVICES && !error; i++) {
		drivers[i].number = memory_devices[i].number;
		drivers[i].ops = memory_devices[i].ops;
		vfs_register_device(&drivers[i]);
		error = vfs_make_device(memory_devices[i].path, memory_devices[i].number);
	}
	return error;
}
