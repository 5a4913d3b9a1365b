/*
 * files.c - system calls that open, close and duplicate descriptors.
 */
#include "call.h"
#include "files.h"
#include "files_path.h"
#include "kern.h"
#include "rumplib.h"

/* A file into a new descriptor; the file's reference moves there. */
static long install(struct vfs_file *file, uint32_t flags)
{
	int descriptor = vfs_descriptor_add(file, 0, flags & O_CLOEXEC);

	vfs_file_put(file);
	return descriptor;
}

SYSCALL(openat)
{
	uint32_t flags = (uint32_t)c;
	struct vfs_node *start;
	struct vfs_file *file;
	struct sys_path path;
	int error = sys_path_get(&path, b);

	if (error)
		return error;
	error = *path.text ? sys_start((int)a, path.text, &start) : -ENOENT;
	if (!error) {
		error = vfs_open(start, path.text, flags | O_LARGEFILE, (uint32_t)d, &file);
		vfs_node_put(start);
	}
	sys_path_put(&path);
	return error ? error : install(file, flags);
}

SYSCALL(open)
{
	return sys_openat(AT_FDCWD, a, b, c, 0, 0);
}

SYSCALL(creat)
{
	return sys_openat(AT_FDCWD, a, O_CREAT | O_WRONLY | O_TRUNC, b, 0, 0);
}

SYSCALL(close)
{
	return vfs_descriptor_close((int)a);
}

#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u

SYSCALL(close_range)
{
	unsigned first = (unsigned)a, last = (unsigned)b, flags = (unsigned)c;

	if (first > last || (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)))
		return -EINVAL;
	for (; first <= last && first < vfs_current->capacity; first++) {
		struct vfs_slot *slot = vfs_descriptor_slot((int)first);

		if (slot && (flags & CLOSE_RANGE_CLOEXEC))
			slot->close_on_exec = true;
		else if (slot)
			vfs_descriptor_close((int)first);
	}
	return 0;
}

static long duplicate(int descriptor, int minimum, bool close_on_exec)
{
	struct vfs_file *file = vfs_descriptor_get(descriptor);
	long added;

	if (!file)
		return -EBADF;
	added = vfs_descriptor_add(file, minimum, close_on_exec);
	vfs_file_put(file);
	return added;
}

SYSCALL(dup)
{
	return duplicate((int)a, 0, false);
}

static long duplicate_to(int from, int to, bool close_on_exec)
{
	struct vfs_file *file = vfs_descriptor_get(from);
	long result;

	if (!file)
		return -EBADF;
	result = vfs_descriptor_set(to, file, close_on_exec);
	vfs_file_put(file);
	return result;
}

SYSCALL(dup2)
{
	if (a == b)
		return vfs_descriptor_slot((int)a) ? b : -EBADF;
	return duplicate_to((int)a, (int)b, false);
}

SYSCALL(dup3)
{
	if ((c & ~O_CLOEXEC) || a == b)
		return -EINVAL;
	return duplicate_to((int)a, (int)b, c & O_CLOEXEC);
}

SYSCALL(pipe2)
{
	struct vfs_file *ends[2];
	int32_t pair[2];
	int error;

	if (b & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	error = vfs_pipe((uint32_t)b & O_NONBLOCK, &ends[0], &ends[1]);
	if (error)
		return error;
	pair[0] = (int32_t)install(ends[0], (uint32_t)b);
	pair[1] = (int32_t)install(ends[1], (uint32_t)b);
	if (pair[0] >= 0 && pair[1] >= 0 && !kern_copyout(pair, (void *)a, sizeof pair))
		return 0;
	error = pair[0] < 0 ? pair[0] : pair[1] < 0 ? pair[1] : -EFAULT;
	vfs_descriptor_close(pair[0]);
	vfs_descriptor_close(pair[1]);
	return error;
}

SYSCALL(pipe)
{
	return sys_pipe2(a, 0, 0, 0, 0, 0);
}

SYSCALL(memfd_create)
{
	struct vfs_node *node;
	struct vfs_file *file;
	struct sys_path name;
	int error;

	if (b & ~(long)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	error = sys_path_get(&name, a);
	if (error)
		return error;
	error = strlen(name.text) > NAME_MAX - strlen("memfd:") ? -EINVAL :
	    vfs_tmpfs_make(S_IFREG | 0777, &node);
	sys_path_put(&name);
	if (error)
		return error;
	node->nlink = 0;
	node->seals = b & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL;
	error = vfs_open_node(node, NULL, O_RDWR | O_LARGEFILE, &file);
	vfs_node_put(node);
	return error ? error : install(file, b & MFD_CLOEXEC ? O_CLOEXEC : 0);
}

SYSCALL(eventfd2)
{
	struct vfs_file *file;
	int error;

	if (b & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
		return -EINVAL;
	error = vfs_eventfd((uint32_t)a, (uint32_t)b, &file);
	return error ? error : install(file, (uint32_t)b);
}

SYSCALL(eventfd)
{
	return sys_eventfd2(a, 0, 0, 0, 0, 0);
}

/* ---- fcntl ------------------------------------------------------------------------------ */

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

/* One process: record locks never find another's. */
static long get_record_lock(long user)
{
	struct linux_flock lock;

	if (kern_copyin((void *)user, &lock, sizeof lock))
		return -EFAULT;
	if (lock.l_type != F_RDLCK && lock.l_type != F_WRLCK)
		return -EINVAL;
	lock.l_type = F_UNLCK;
	return kern_copyout(&lock, (void *)user, sizeof lock);
}

static long set_record_lock(struct vfs_file *file, long user)
{
	uint32_t access = file->flags & O_ACCMODE;
	struct linux_flock lock;

	if (kern_copyin((void *)user, &lock, sizeof lock))
		return -EFAULT;
	if (lock.l_type < F_RDLCK || lock.l_type > F_UNLCK)
		return -EINVAL;
	if ((lock.l_type == F_RDLCK && access == O_WRONLY) ||
	    (lock.l_type == F_WRLCK && access == O_RDONLY))
		return -EBADF;
	return 0;
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
		return get_record_lock(argument);
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return set_record_lock(file, argument);
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
		return duplicate(descriptor, (int)argument, command == F_DUPFD_CLOEXEC);
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
