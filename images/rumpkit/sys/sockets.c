/*
 * sockets.c - system calls that make, name and connect sockets, and set them.
 */
#include "call.h"
#include "kern.h"
#include "rumplib.h"
#include "sockets.h"
#include "sockets_address.h"

#define OPTION_BYTES 512 /* no option is longer */

int sys_address_get(struct net_address *address, long user, uint32_t bytes)
{
	if (bytes > LINUX_SOCKADDR_BYTES)
		return -EINVAL;
	memset(address, 0, sizeof *address);
	address->bytes = bytes;
	return kern_copyin((void *)user, address->data, bytes);
}

int sys_address_put(const struct net_address *address, long user, long user_bytes)
{
	uint32_t room, bytes = address->bytes;

	if (!user)
		return 0;
	if (kern_copyin((void *)user_bytes, &room, sizeof room))
		return -EFAULT;
	if ((int32_t)room < 0)
		return -EINVAL;
	if (kern_copyout(&bytes, (void *)user_bytes, sizeof bytes))
		return -EFAULT;
	return kern_copyout(address->data, (void *)user, room < bytes ? room : bytes);
}

static long install(struct vfs_file *file, uint32_t flags)
{
	int descriptor = vfs_descriptor_add(file, 0, flags & SOCK_CLOEXEC);

	vfs_file_put(file);
	return descriptor;
}

SYSCALL(socket)
{
	uint32_t flags = (uint32_t)b & ~(uint32_t)SOCK_TYPE_MASK;
	struct vfs_file *file;
	int error;

	if (flags & ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	error = net_socket((int)a, (int)b & SOCK_TYPE_MASK, (int)c, flags & SOCK_NONBLOCK, &file);
	return error ? error : install(file, flags);
}

SYSCALL(socketpair)
{
	uint32_t flags = (uint32_t)b & ~(uint32_t)SOCK_TYPE_MASK;
	struct vfs_file *files[2];
	int32_t pair[2];
	int error;

	if (flags & ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	error = net_pair((int)a, (int)b & SOCK_TYPE_MASK, (int)c, flags & SOCK_NONBLOCK, files);
	if (error)
		return error;
	pair[0] = (int32_t)install(files[0], flags);
	pair[1] = (int32_t)install(files[1], flags);
	if (pair[0] >= 0 && pair[1] >= 0 && !kern_copyout(pair, (void *)d, sizeof pair))
		return 0;
	error = pair[0] < 0 ? pair[0] : pair[1] < 0 ? pair[1] : -EFAULT;
	vfs_descriptor_close(pair[0]);
	vfs_descriptor_close(pair[1]);
	return error;
}

typedef int (*address_fn)(struct vfs_file *, const struct net_address *);

static long with_address(int descriptor, long user, uint32_t bytes, address_fn function)
{
	struct vfs_file *file = vfs_descriptor_get(descriptor);
	struct net_address address;
	int error;

	if (!file)
		return -EBADF;
	error = sys_address_get(&address, user, bytes);
	if (!error)
		error = function(file, &address);
	vfs_file_put(file);
	return error;
}

SYSCALL(bind)
{
	return with_address((int)a, b, (uint32_t)c, net_bind);
}

SYSCALL(connect)
{
	return with_address((int)a, b, (uint32_t)c, net_connect);
}

SYSCALL(listen)
{
	struct vfs_file *file = vfs_descriptor_get((int)a);
	int error;

	if (!file)
		return -EBADF;
	error = net_listen(file, (int)b);
	vfs_file_put(file);
	return error;
}

SYSCALL(accept4)
{
	uint32_t flags = (uint32_t)d;
	struct vfs_file *file, *accepted;
	struct net_address peer;
	long result;

	if (flags & ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	file = vfs_descriptor_get((int)a);
	if (!file)
		return -EBADF;
	result = net_accept(file, flags & SOCK_NONBLOCK, &accepted, &peer);
	vfs_file_put(file);
	if (result)
		return result;
	result = sys_address_put(&peer, b, c);
	if (result) {
		vfs_file_put(accepted);
		return result;
	}
	return install(accepted, flags);
}

SYSCALL(accept)
{
	return sys_accept4(a, b, c, 0, 0, 0);
}

SYSCALL(shutdown)
{
	struct vfs_file *file = vfs_descriptor_get((int)a);
	int error;

	if (!file)
		return -EBADF;
	error = net_shutdown(file, (int)b);
	vfs_file_put(file);
	return error;
}

static long name_of(int descriptor, bool peer, long user, long user_bytes)
{
	struct vfs_file *file = vfs_descriptor_get(descriptor);
	struct net_address address;
	int error;

	if (!file)
		return -EBADF;
	error = net_name(file, peer, &address);
	vfs_file_put(file);
	if (error)
		return error;
	return user ? sys_address_put(&address, user, user_bytes) : -EFAULT;
}

SYSCALL(getsockname)
{
	return name_of((int)a, false, b, c);
}

SYSCALL(getpeername)
{
	return name_of((int)a, true, b, c);
}

SYSCALL(setsockopt)
{
	struct vfs_file *file = vfs_descriptor_get((int)a);
	uint32_t bytes = (uint32_t)e;
	uint8_t value[OPTION_BYTES];
	int error = 0;

	if (!file)
		return -EBADF;
	if (!net_is_socket(file))
		error = -ENOTSOCK;
	else if ((int32_t)bytes < 0)
		error = -EINVAL;
	if (bytes > OPTION_BYTES)
		bytes = OPTION_BYTES;
	if (!error)
		error = kern_copyin((void *)d, value, bytes);
	if (!error)
		error = net_set_option(file, (int)b, (int)c, value, bytes);
	vfs_file_put(file);
	return error;
}

SYSCALL(getsockopt)
{
	struct vfs_file *file = vfs_descriptor_get((int)a);
	uint8_t value[OPTION_BYTES];
	uint32_t bytes;
	int error;

	if (!file)
		return -EBADF;
	error = net_is_socket(file) ? kern_copyin((void *)e, &bytes, sizeof bytes) : -ENOTSOCK;
	if (!error && (int32_t)bytes < 0)
		error = -EINVAL;
	if (!error) {
		bytes = bytes < OPTION_BYTES ? bytes : OPTION_BYTES;
		error = net_get_option(file, (int)b, (int)c, value, &bytes);
	}
	vfs_file_put(file);
	if (!error)
		error = kern_copyout(&bytes, (void *)e, sizeof bytes);
	return error ? error : kern_copyout(value, (void *)d, bytes);
}
