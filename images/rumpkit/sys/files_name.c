/*
 * files_name.c - system calls that make, remove, rename and read names.
 */
#include "call.h"
#include "files.h"
#include "files_path.h"
#include "kern.h"
#include "rumplib.h"

static long make(int descriptor, long user_path, uint32_t mode, uint64_t device)
{
	struct vfs_place place;
	int error = sys_walk(descriptor, user_path, VFS_WALK_PARENT, &place);

	if (error)
		return error;
	error = vfs_make(&place, mode & ~vfs_current->umask, device);
	vfs_place_put(&place);
	return error;
}

SYSCALL(mkdirat)
{
	return make((int)a, b, S_IFDIR | ((uint32_t)c & (S_ISVTX | 0777)), 0);
}

SYSCALL(mkdir)
{
	return sys_mkdirat(AT_FDCWD, a, b, 0, 0, 0);
}

SYSCALL(mknodat)
{
	uint32_t mode = (uint32_t)c;

	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
	case S_IFCHR:
	case S_IFBLK:
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	return make((int)a, b, mode & (S_IFMT | 07777),
	    S_ISCHR(mode) || (mode & S_IFMT) == S_IFBLK ? (uint64_t)d : 0);
}

SYSCALL(mknod)
{
	return sys_mknodat(AT_FDCWD, a, b, c, 0, 0);
}

SYSCALL(symlinkat)
{
	struct vfs_place place;
	struct sys_path target;
	int error = sys_path_get(&target, a);

	if (error)
		return error;
	error = *target.text ? sys_walk((int)b, c, VFS_WALK_PARENT, &place) : -ENOENT;
	if (!error) {
		error = vfs_symlink(&place, target.text);
		vfs_place_put(&place);
	}
	sys_path_put(&target);
	return error;
}

SYSCALL(symlink)
{
	return sys_symlinkat(a, AT_FDCWD, b, 0, 0, 0);
}

SYSCALL(linkat)
{
	int flags = (int)e & AT_EMPTY_PATH;
	struct vfs_place place;
	struct vfs_node *node;
	int error;

	if (e & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!(e & AT_SYMLINK_FOLLOW))
		flags |= AT_SYMLINK_NOFOLLOW;
	error = sys_node((int)a, b, flags, &node);
	if (error)
		return error;
	error = sys_walk((int)c, d, VFS_WALK_PARENT, &place);
	if (!error) {
		error = vfs_hardlink(node, &place);
		vfs_place_put(&place);
	}
	vfs_node_put(node);
	return error;
}

SYSCALL(link)
{
	return sys_linkat(AT_FDCWD, a, AT_FDCWD, b, 0, 0);
}

/* ---- removing and renaming ----------------------------------------------------------------- */

SYSCALL(unlinkat)
{
	struct vfs_place place;
	int error;

	if (c & ~AT_REMOVEDIR)
		return -EINVAL;
	error = sys_walk((int)a, b, VFS_WALK_PARENT, &place);
	if (error)
		return error;
	error = c & AT_REMOVEDIR ? vfs_rmdir(&place) : vfs_unlink(&place);
	vfs_place_put(&place);
	return error;
}

SYSCALL(unlink)
{
	return sys_unlinkat(AT_FDCWD, a, 0, 0, 0, 0);
}

SYSCALL(rmdir)
{
	return sys_unlinkat(AT_FDCWD, a, AT_REMOVEDIR, 0, 0, 0);
}

SYSCALL(renameat2)
{
	unsigned flags = (unsigned)e;
	struct vfs_place from, to;
	int error;

	if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	error = sys_walk((int)a, b, VFS_WALK_PARENT, &from);
	if (error)
		return error;
	error = sys_walk((int)c, d, VFS_WALK_PARENT, &to);
	if (!error) {
		error = vfs_rename(&from, &to, flags);
		vfs_place_put(&to);
	}
	vfs_place_put(&from);
	return error;
}

SYSCALL(renameat)
{
	return sys_renameat2(a, b, c, d, 0, 0);
}

SYSCALL(rename)
{
	return sys_renameat2(AT_FDCWD, a, AT_FDCWD, b, 0, 0);
}

/* ---- reading names ------------------------------------------------------------------------- */

SYSCALL(readlinkat)
{
	struct vfs_node *node;
	char *text;
	long length;
	int error;

	if ((int)d <= 0)
		return -EINVAL;
	error = sys_node((int)a, b, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &node);
	if (error)
		return error;
	text = kern_alloc(PATH_MAX);
	length = text ? vfs_readlink(node, text, PATH_MAX) : -ENOMEM;
	if (length > (int)d)
		length = (int)d;
	if (length > 0 && kern_copyout(text, (void *)c, (size_t)length))
		length = -EFAULT;
	kern_free(text);
	vfs_node_put(node);
	return length;
}

SYSCALL(readlink)
{
	return sys_readlinkat(AT_FDCWD, a, b, c, 0, 0);
}

SYSCALL(getcwd)
{
	struct vfs_node *cwd = vfs_current->cwd;
	char *text = kern_alloc(PATH_MAX);
	long length;

	if (!text)
		return -ENOMEM;
	length = cwd->nlink ? vfs_path_of(cwd, cwd, text, PATH_MAX) : -ENOENT;
	if (length > 0 && (size_t)length > (size_t)b)
		length = -ERANGE;
	if (length > 0 && kern_copyout(text, (void *)a, (size_t)length))
		length = -EFAULT;
	kern_free(text);
	return length;
}

static long change_directory(struct vfs_node *node)
{
	if (!S_ISDIR(node->mode)) {
		vfs_node_put(node);
		return -ENOTDIR;
	}
	vfs_node_put(vfs_current->cwd);
	vfs_current->cwd = node;
	return 0;
}

SYSCALL(chdir)
{
	struct vfs_node *node;
	int error = sys_node(AT_FDCWD, a, 0, &node);

	return error ? error : change_directory(node);
}

SYSCALL(fchdir)
{
	struct vfs_node *node;
	int error = sys_descriptor_node((int)a, true, &node);

	return error ? error : change_directory(node);
}
