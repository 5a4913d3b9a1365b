/*
 * files_stat.c - system calls that read and change what is known about a file.
 */
#include "call.h"
#include "files.h"
#include "files_path.h"
#include "kern.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "vfs_volume.h"

#define NS_PER_S 1000000000ll
#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)

/* ---- stat ------------------------------------------------------------------------------- */

static long put_stat(struct vfs_node *node, long user)
{
	struct linux_stat stat;
	int error = vfs_node_stat(node, &stat);

	vfs_node_put(node);
	return error ? error : kern_copyout(&stat, (void *)user, sizeof stat);
}

SYSCALL(newfstatat)
{
	struct vfs_node *node;
	int error = d & ~STAT_FLAGS ? -EINVAL : sys_node((int)a, b, (int)d, &node);

	return error ? error : put_stat(node, c);
}

SYSCALL(stat)
{
	return sys_newfstatat(AT_FDCWD, a, b, 0, 0, 0);
}

SYSCALL(lstat)
{
	return sys_newfstatat(AT_FDCWD, a, b, AT_SYMLINK_NOFOLLOW, 0, 0);
}

SYSCALL(fstat)
{
	struct vfs_node *node;
	int error = sys_descriptor_node((int)a, true, &node);

	return error ? error : put_stat(node, b);
}

static struct linux_statx_timestamp statx_time(const struct linux_timespec *time)
{
	return (struct linux_statx_timestamp){ time->tv_sec, (uint32_t)time->tv_nsec, 0 };
}

static int fill_statx(struct vfs_node *node, struct linux_statx *statx)
{
	struct linux_stat stat;
	int error = vfs_node_stat(node, &stat);

	if (error)
		return error;
	memset(statx, 0, sizeof *statx);
	statx->stx_mask = STATX_BASIC_STATS | STATX_BTIME;
	statx->stx_blksize = (uint32_t)stat.st_blksize;
	statx->stx_nlink = (uint32_t)stat.st_nlink;
	statx->stx_uid = stat.st_uid;
	statx->stx_gid = stat.st_gid;
	statx->stx_mode = (uint16_t)stat.st_mode;
	statx->stx_ino = stat.st_ino;
	statx->stx_size = (uint64_t)stat.st_size;
	statx->stx_blocks = (uint64_t)stat.st_blocks;
	statx->stx_atime = statx_time(&stat.st_atim);
	statx->stx_ctime = statx_time(&stat.st_ctim);
	statx->stx_mtime = statx_time(&stat.st_mtim);
	statx->stx_btime.tv_sec = node->born_ns / NS_PER_S;
	statx->stx_btime.tv_nsec = (uint32_t)(node->born_ns % NS_PER_S);
	statx->stx_rdev_major = (uint32_t)(stat.st_rdev >> 8 & 0xfff);
	statx->stx_rdev_minor = (uint32_t)(stat.st_rdev & 0xff);
	statx->stx_dev_major = (uint32_t)(stat.st_dev >> 8 & 0xfff);
	statx->stx_dev_minor = (uint32_t)(stat.st_dev & 0xff);
	return 0;
}

SYSCALL(statx)
{
	struct linux_statx statx;
	struct vfs_node *node;
	int error = 0;

	if (c & ~(STAT_FLAGS | AT_STATX_SYNC_TYPE) || (c & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	error = sys_node((int)a, b, (int)c, &node);
	if (error)
		return error;
	error = fill_statx(node, &statx);
	vfs_node_put(node);
	return error ? error : kern_copyout(&statx, (void *)e, sizeof statx);
}

static long put_statfs(struct vfs_node *node, long user)
{
	struct linux_statfs statfs;
	int error = vfs_statfs(node, &statfs);

	vfs_node_put(node);
	return error ? error : kern_copyout(&statfs, (void *)user, sizeof statfs);
}

SYSCALL(statfs)
{
	struct vfs_node *node;
	int error = sys_node(AT_FDCWD, a, 0, &node);

	return error ? error : put_statfs(node, b);
}

SYSCALL(fstatfs)
{
	struct vfs_node *node;
	int error = sys_descriptor_node((int)a, true, &node);

	return error ? error : put_statfs(node, b);
}

/* ---- permissions and owners ----------------------------------------------------------------- */

SYSCALL(faccessat2)
{
	struct vfs_node *node;
	int error;

	if (c & ~(R_OK | W_OK | X_OK))
		return -EINVAL;
	if (d & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	error = sys_node((int)a, b, (int)d & ~AT_EACCESS, &node);
	if (error)
		return error;
	error = vfs_node_access(node, (int)c);
	vfs_node_put(node);
	return error;
}

SYSCALL(faccessat)
{
	return sys_faccessat2(a, b, c, 0, 0, 0);
}

SYSCALL(access)
{
	return sys_faccessat2(AT_FDCWD, a, b, 0, 0, 0);
}

static long change_mode(struct vfs_node *node, long mode)
{
	struct vfs_change change = { .which = VFS_SET_MODE, .mode = (uint32_t)mode & 07777 };
	int error = vfs_node_refresh(node);

	if (!error)
		error = vfs_node_owned(node);
	if (!error)
		error = vfs_node_set(node, &change);
	vfs_node_put(node);
	return error;
}

SYSCALL(fchmodat)
{
	struct vfs_node *node;
	int error = sys_node((int)a, b, 0, &node);

	return error ? error : change_mode(node, c);
}

SYSCALL(chmod)
{
	return sys_fchmodat(AT_FDCWD, a, b, 0, 0, 0);
}

SYSCALL(fchmod)
{
	struct vfs_node *node;
	int error = sys_descriptor_node((int)a, false, &node);

	return error ? error : change_mode(node, b);
}

/* -1 leaves an owner as it is; a program file loses the right to act as its owner. */
static long change_owner(struct vfs_node *node, long uid, long gid)
{
	struct vfs_change change = { .uid = (uint32_t)uid, .gid = (uint32_t)gid };
	int error = vfs_node_refresh(node);

	if (!error)
		error = vfs_node_owned(node);
	/* Only root gives files away. */
	if (!error && vfs_current->uid && (uint32_t)uid != UINT32_MAX && (uint32_t)uid != node->uid)
		error = -EPERM;
	if ((uint32_t)uid != UINT32_MAX)
		change.which |= VFS_SET_UID;
	if ((uint32_t)gid != UINT32_MAX)
		change.which |= VFS_SET_GID;
	if (!S_ISDIR(node->mode) && !S_ISLNK(node->mode)) {
		change.mode = node->mode & 07777 & ~(uint32_t)S_ISUID;
		if (node->mode & 0010)
			change.mode &= ~(uint32_t)S_ISGID;
		if (change.mode != (node->mode & 07777))
			change.which |= VFS_SET_MODE;
	}
	if (!error)
		error = vfs_node_set(node, &change);
	vfs_node_put(node);
	return error;
}

SYSCALL(fchownat)
{
	struct vfs_node *node;
	int error = e & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ? -EINVAL :
	    sys_node((int)a, b, (int)e, &node);

	return error ? error : change_owner(node, c, d);
}

SYSCALL(chown)
{
	return sys_fchownat(AT_FDCWD, a, b, c, 0, 0);
}

SYSCALL(lchown)
{
	return sys_fchownat(AT_FDCWD, a, b, c, AT_SYMLINK_NOFOLLOW, 0);
}

SYSCALL(fchown)
{
	struct vfs_node *node;
	int error = sys_descriptor_node((int)a, false, &node);

	return error ? error : change_owner(node, b, c);
}

SYSCALL(umask)
{
	uint32_t before = vfs_current->umask;

	vfs_current->umask = (uint32_t)a & 0777;
	return (long)before;
}

/* ---- times ------------------------------------------------------------------------------------ */

static int check_time(const struct linux_timespec *time)
{
	if (time->tv_nsec == UTIME_NOW || time->tv_nsec == UTIME_OMIT)
		return 0;
	return time->tv_nsec < 0 || time->tv_nsec >= NS_PER_S ? -EINVAL : 0;
}

static int64_t ns_of(const struct linux_timespec *time)
{
	const int64_t most_s = INT64_MAX / NS_PER_S - 1;
	int64_t seconds = time->tv_sec;

	/* Nanoseconds in 64 bits reach from 1677 to 2262. */
	if (seconds > most_s)
		seconds = most_s;
	if (seconds < -most_s)
		seconds = -most_s;
	return seconds * NS_PER_S + time->tv_nsec;
}

static int set_times(struct vfs_node *node, const struct linux_timespec *times)
{
	struct vfs_change change = {
		.accessed_now = times[0].tv_nsec == UTIME_NOW, .accessed_ns = ns_of(&times[0]),
		.modified_now = times[1].tv_nsec == UTIME_NOW, .modified_ns = ns_of(&times[1]),
	};

	if (times[0].tv_nsec != UTIME_OMIT)
		change.which |= VFS_SET_ACCESSED;
	if (times[1].tv_nsec != UTIME_OMIT)
		change.which |= VFS_SET_MODIFIED;
	return vfs_node_set(node, &change);
}

SYSCALL(utimensat)
{
	struct linux_timespec times[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	struct vfs_node *node;
	int error;

	if (c && kern_copyin((void *)c, times, sizeof times))
		return -EFAULT;
	if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
		return 0;
	if (check_time(&times[0]) || check_time(&times[1]))
		return -EINVAL;
	if (d & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	/* Without a path it is futimens: the descriptor itself. */
	if (!b && (int)a != AT_FDCWD)
		error = d ? -EINVAL : sys_descriptor_node((int)a, false, &node);
	else
		error = sys_node((int)a, b, (int)d, &node);
	if (error)
		return error;
	error = set_times(node, times);
	vfs_node_put(node);
	return error;
}
