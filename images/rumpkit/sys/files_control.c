/*
 * files_control.c - fcntl and flock: flags, seals, locks of open files.
 */
#include "call.h"
#include "files.h"
#include "files_path.h"
#include "kern.h"
#include "rumplib.h"

#define CHANGEABLE (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | O_ASYNC)
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static long add_seals(struct vfs_file *file, uint32_t seals)
{
	if ((file->flags & O_ACCMODE) == O_RDONLY)
		return -EPERM;
	if (seals & ~(uint32_t)ALL_SEALS)
		return -EINVAL;
	if (file->node->seals & F_SEAL_SEAL)
		return -EPERM;
	file->node->seals |= seals;
	return 0;
}

/* Where a lock begins: l_whence is as in lseek(2). */
static int lock_base(struct vfs_file *file, int whence, int64_t *base)
{
	int error = whence == SEEK_END ? vfs_node_refresh(file->node) : 0;

	if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END)
		return -EINVAL;
	*base = whence == SEEK_SET ? 0 : (int64_t)(whence == SEEK_CUR ? file->position :
	    file->node->size_bytes);
	return error;
}

/* The part of the file that a struct flock means; l_len 0 is to the end, however far. */
static int range_of(struct vfs_file *file, const struct linux_flock *lock, struct vfs_range *range)
{
	int64_t first, last;
	int error = lock_base(file, lock->l_whence, &first);

	if (error)
		return error;
	if (__builtin_add_overflow(first, lock->l_start, &first))
		return -EOVERFLOW;
	last = INT64_MAX;
	if (lock->l_len > 0 && __builtin_add_overflow(first, lock->l_len - 1, &last))
		return -EOVERFLOW;
	if (lock->l_len < 0) {
		last = first - 1;
		first += lock->l_len;
	}
	if (first < 0)
		return -EINVAL;
	*range = (struct vfs_range){ .first = (uint64_t)first, .last = (uint64_t)last,
		.exclusive = lock->l_type == F_WRLCK, .pid = kern_own_pid() };
	return 0;
}

static int copyin_lock(struct vfs_file *file, long user, bool of_file, struct linux_flock *lock,
    struct vfs_range *range)
{
	int error = kern_copyin((void *)user, lock, sizeof *lock);

	if (error)
		return error;
	error = range_of(file, lock, range);
	range->of_file = of_file;
	return error;
}

static long get_record_lock(struct vfs_file *file, long user, bool of_file)
{
	struct linux_flock lock;
	struct vfs_range range;
	int error = copyin_lock(file, user, of_file, &lock, &range);

	if (error)
		return error;
	if ((lock.l_type != F_RDLCK && lock.l_type != F_WRLCK) || (of_file && lock.l_pid))
		return -EINVAL;
	if (!vfs_record_test(file, &range)) {
		lock.l_type = F_UNLCK;
	} else {
		lock.l_type = range.exclusive ? F_WRLCK : F_RDLCK;
		lock.l_whence = SEEK_SET;
		lock.l_start = (int64_t)range.first;
		lock.l_len = range.last == INT64_MAX ? 0 : (int64_t)(range.last - range.first + 1);
		lock.l_pid = range.pid;
	}
	return kern_copyout(&lock, (void *)user, sizeof lock);
}

static long set_record_lock(struct vfs_file *file, long user, bool of_file, bool wait)
{
	uint32_t access = file->flags & O_ACCMODE;
	struct linux_flock lock;
	struct vfs_range range;
	int error = copyin_lock(file, user, of_file, &lock, &range);

	if (error)
		return error;
	if (lock.l_type < F_RDLCK || lock.l_type > F_UNLCK)
		return -EINVAL;
	if ((lock.l_type == F_RDLCK && access == O_WRONLY) ||
	    (lock.l_type == F_WRLCK && access == O_RDONLY))
		return -EBADF;
	if (of_file && lock.l_pid)
		return -EINVAL;
	return lock.l_type == F_UNLCK ? vfs_record_unlock(file, &range) :
	    vfs_record_lock(file, &range, wait);
}

static long control_file(struct vfs_file *file, int command, long argument)
{
	switch (command) {
	case F_SETFL:
		file->flags = (file->flags & ~(uint32_t)CHANGEABLE) |
		    ((uint32_t)argument & CHANGEABLE);
		return 0;
	case F_GETLK:
	case F_OFD_GETLK:
		return get_record_lock(file, argument, command == F_OFD_GETLK);
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return set_record_lock(file, argument, command == F_OFD_SETLK || command == F_OFD_SETLKW,
		    command == F_SETLKW || command == F_OFD_SETLKW);
	case F_SETOWN:
	case F_GETOWN:
		return 0;
	case F_GETPIPE_SZ:
		return vfs_pipe_bytes(file);
	case F_SETPIPE_SZ:
		return vfs_pipe_resize(file, (uint64_t)argument);
	case F_ADD_SEALS:
		return S_ISREG(file->node->mode) ? add_seals(file, (uint32_t)argument) : -EINVAL;
	case F_GET_SEALS:
		return S_ISREG(file->node->mode) ? (long)file->node->seals : -EINVAL;
	default:
		return -EINVAL;
	}
}

static long control_descriptor(struct vfs_slot *slot, int descriptor, int command,
    long argument)
{
	switch (command) {
	case F_GETFD:
		return slot->close_on_exec ? FD_CLOEXEC : 0;
	case F_SETFD:
		slot->close_on_exec = argument & FD_CLOEXEC;
		return 0;
	case F_GETFL:
		return (long)slot->file->flags;
	default: /* F_DUPFD, F_DUPFD_CLOEXEC */
		if (argument < 0 || argument >= (long)vfs_current->limit)
			return -EINVAL;
		return sys_duplicate(descriptor, (int)argument, command == F_DUPFD_CLOEXEC);
	}
}

SYSCALL(fcntl)
{
	struct vfs_slot *slot = vfs_descriptor_slot((int)a);
	struct vfs_file *file;
	long result;

	if (!slot)
		return -EBADF;
	if (b == F_GETFD || b == F_SETFD || b == F_GETFL || b == F_DUPFD || b == F_DUPFD_CLOEXEC)
		return control_descriptor(slot, (int)a, (int)b, c);
	if (slot->file->flags & O_PATH)
		return -EBADF;
	file = vfs_file_get(slot->file);
	result = control_file(file, (int)b, c);
	vfs_file_put(file);
	return result;
}

SYSCALL(flock)
{
	int operation = (int)b & ~LOCK_NB;
	struct vfs_file *file;
	long result;

	if (operation != LOCK_SH && operation != LOCK_EX && operation != LOCK_UN)
		return -EINVAL;
	file = vfs_descriptor_get((int)a);
	if (!file)
		return -EBADF;
	result = file->flags & O_PATH ? -EBADF : vfs_lock(file, (int)b);
	vfs_file_put(file);
	return result;
}
