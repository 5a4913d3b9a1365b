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

long sys_duplicate(int descriptor, int minimum, bool close_on_exec)
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
	return sys_duplicate((int)a, 0, false);
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
