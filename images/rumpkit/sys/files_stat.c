/*
 * files_stat.c - system calls that read and change what is known about a file.
 */
#include "call.h"
#include "files.h"
#include "files_path.h"
#include "kern.h"
#include "rumpcomp.h"
#include "rumplib.h"

#define NS_PER_S 1000000000ll
#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)

/* ---- stat ------------------------------------------------------------------------------- */

static long put_stat(struct vfs_node *node, long user)
{
	struct linux_stat stat;

	vfs_node_stat(node, &stat);
	vfs_node_put(node);
	return kern_copyout(&stat, (void *)user, sizeof stat);
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

static void fill_statx(struct vfs_node *node, struct linux_statx *statx)
{
	struct linux_stat stat;

	vfs_node_stat(node, &stat);
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
	statx->stx_dev_minor = (uint32_t)stat.st_dev;
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
	fill_statx(node, &statx);
	vfs_node_put(node);
	return kern_copyout(&statx, (void *)e, sizeof statx);
}

static long put_statfs(struct vfs_node *node, long user)
{
	uint64_t total = rumpcomp_vm_total_pages(), left = rumpcomp_vm_free_pages();
	struct linux_statfs statfs;

	vfs_node_put(node);
	memset(&statfs, 0, sizeof statfs);
	statfs.f_type = TMPFS_MAGIC;
	statfs.f_bsize = statfs.f_frsize = VFS_PAGE_BYTES;
	statfs.f_blocks = total / 2; /* tmpfs may have half, see tmpfs.c */
	statfs.f_bfree = statfs.f_bavail = left < total / 2 ? left : total / 2;
	statfs.f_files = total;
	statfs.f_ffree = left;
	statfs.f_namelen = NAME_MAX;
	return kern_copyout(&statfs, (void *)user, sizeof statfs);
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
	node->mode = (node->mode & S_IFMT) | ((uint32_t)mode & 07777);
	vfs_node_touch(node, VFS_CHANGED);
	vfs_node_put(node);
	return 0;
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
	if ((uint32_t)uid != UINT32_MAX)
		node->uid = (uint32_t)uid;
	if ((uint32_t)gid != UINT32_MAX)
		node->gid = (uint32_t)gid;
	if (!S_ISDIR(node->mode)) {
		node->mode &= ~S_ISUID;
		if (node->mode & 0010)
			node->mode &= ~S_ISGID;
	}
	vfs_node_touch(node, VFS_CHANGED);
	vfs_node_put(node);
	return 0;
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

static void set_time(int64_t *ns, const struct linux_timespec *time)
{
	const int64_t most_s = INT64_MAX / NS_PER_S - 1;
	int64_t seconds = time->tv_sec;

	if (time->tv_nsec == UTIME_OMIT)
		return;
	if (time->tv_nsec == UTIME_NOW) {
		*ns = kern_wall_ns();
		return;
	}
	/* Nanoseconds in 64 bits reach from 1677 to 2262. */
	if (seconds > most_s)
		seconds = most_s;
	if (seconds < -most_s)
		seconds = -most_s;
	*ns = seconds * NS_PER_S + time->tv_nsec;
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
	set_time(&node->accessed_ns, &times[0]);
	set_time(&node->modified_ns, &times[1]);
	vfs_node_touch(node, VFS_CHANGED);
	vfs_node_put(node);
	return 0;
}
