/*
 * files_mount.c - system calls that mount file systems and that write them out.
 */
#include "call.h"
#include "files.h"
#include "files_path.h"
#include "kern.h"
#include "rumplib.h"
#include "vfs_volume.h"

#define UMOUNT_FLAGS (MNT_DETACH | 1 | 4 | 8) /* also FORCE, EXPIRE, NOFOLLOW: no difference */
#define MOUNT_FLAGS_WITHOUT_MEANING (MS_BIND | MS_REMOUNT | 0x2000u | 0x20000u | 0x40000u)

static int mount_with(const char *source, const char *path, const char *type, uint32_t flags,
    long user_options)
{
	struct sys_path options;
	int error;

	if (!user_options)
		return vfs_mount(source, type, path, flags, NULL);
	error = sys_path_get(&options, user_options);
	if (error)
		return error;
	error = vfs_mount(source, type, path, flags, options.text);
	sys_path_put(&options);
	return error;
}

SYSCALL(mount)
{
	struct sys_path source, path, type;
	uint32_t flags = (uint32_t)d;
	int error;

	/* Binding, moving and changing mounts are not offered. */
	if (flags & MOUNT_FLAGS_WITHOUT_MEANING)
		return -EINVAL;
	error = sys_path_get(&source, a);
	if (error)
		return error;
	error = sys_path_get(&path, b);
	if (error)
		goto put_source;
	error = sys_path_get(&type, c);
	if (error)
		goto put_path;
	error = mount_with(source.text, path.text, type.text, flags, e);
	sys_path_put(&type);
put_path:
	sys_path_put(&path);
put_source:
	sys_path_put(&source);
	return error;
}

SYSCALL(umount2)
{
	struct sys_path path;
	int error = b & ~UMOUNT_FLAGS ? -EINVAL : sys_path_get(&path, a);

	if (error)
		return error;
	error = vfs_unmount(path.text, (int)b);
	sys_path_put(&path);
	return error;
}

/* ---- writing out ------------------------------------------------------------------------ */

static long sync_file(int descriptor, bool data)
{
	struct vfs_file *file = vfs_descriptor_get(descriptor);
	long result = 0;

	if (!file)
		return -EBADF;
	if (file->flags & O_PATH)
		result = -EBADF;
	else if (!S_ISREG(file->node->mode) && !S_ISDIR(file->node->mode))
		result = -EINVAL;
	else
		result = kern_write_mapped(file->node);
	if (!result)
		result = vfs_file_sync(file, data);
	vfs_file_put(file);
	return result;
}

SYSCALL(fsync)
{
	return sync_file((int)a, false);
}

SYSCALL(fdatasync)
{
	return sync_file((int)a, true);
}

SYSCALL(syncfs)
{
	struct vfs_file *file = vfs_descriptor_get((int)a);
	struct vfs_volume *volume;
	long result = 0;

	if (!file)
		return -EBADF;
	volume = file->node->volume;
	if (file->flags & O_PATH)
		result = -EBADF;
	else
		result = kern_write_mapped(NULL);
	if (!result && volume)
		result = volume->ops->sync(volume);
	vfs_file_put(file);
	return result;
}

SYSCALL(sync)
{
	kern_write_mapped(NULL);
	vfs_sync(); /* it has no way to tell */
	return 0;
}
