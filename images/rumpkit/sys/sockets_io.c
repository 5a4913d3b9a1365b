/*
 * sockets_io.c - system calls that send and receive messages.
 */
#include "call.h"
#include "files.h"
#include "kern.h"
#include "rumplib.h"
#include "sockets.h"
#include "sockets_address.h"

#define FEW_SEGMENTS 8
#define CONTROL_MAX_BYTES 20480 /* Linux's optmem_max */
#define MESSAGES_MAX 1024
#define NS_PER_S 1000000000ll

SYSCALL(sendto)
{
	struct vfs_file *file = vfs_descriptor_get((int)a);
	struct net_address address;
	struct net_message message = { .flags = (uint32_t)d };
	struct vfs_io io;
	long result = 0;

	if (!file)
		return -EBADF;
	if (e) {
		result = sys_address_get(&address, e, (uint32_t)f);
		message.address = &address;
	}
	vfs_io_user(&io, (void *)b, (size_t)c);
	message.io = &io;
	if (!result)
		result = net_send(file, &message);
	vfs_file_put(file);
	return result;
}

SYSCALL(recvfrom)
{
	struct vfs_file *file = vfs_descriptor_get((int)a);
	struct net_address address = { .bytes = 0 };
	struct net_message message = { .flags = (uint32_t)d, .address = e ? &address : NULL };
	struct vfs_io io;
	long result;
	int error;

	if (!file)
		return -EBADF;
	vfs_io_user(&io, (void *)b, (size_t)c);
	message.io = &io;
	result = net_receive(file, &message);
	vfs_file_put(file);
	if (result < 0 || !e)
		return result;
	error = sys_address_put(&address, e, f);
	return error ? error : result;
}

/* ---- sendmsg, recvmsg --------------------------------------------------------------------- */

/* A message header of the application, and what it points at, in the kernel. */
struct gathered {
	struct linux_msghdr header;
	struct linux_iovec few[FEW_SEGMENTS], *vector;
	struct vfs_io io;
	struct net_address address;
	struct net_message message;
};

static void gathered_drop(struct gathered *gathered)
{
	if (gathered->vector != gathered->few)
		kern_free(gathered->vector);
	kern_free(gathered->message.control);
}

static int get_vector(struct gathered *gathered)
{
	size_t count = gathered->header.vector_count, bytes = 0, i;

	if (count > IOV_MAX)
		return -EMSGSIZE;
	if (count > FEW_SEGMENTS) {
		gathered->vector = kern_alloc(count * sizeof *gathered->vector);
		if (!gathered->vector) {
			gathered->vector = gathered->few;
			return -ENOMEM;
		}
	}
	if (kern_copyin(gathered->header.vector, gathered->vector,
	    count * sizeof *gathered->vector))
		return -EFAULT;
	for (i = 0; i < count; i++) {
		if (gathered->vector[i].iov_len > INT64_MAX - bytes)
			return -EINVAL;
		bytes += gathered->vector[i].iov_len;
	}
	vfs_io_vector(&gathered->io, gathered->vector, bytes);
	return 0;
}

/* Room for control data; sent: filled from the application. */
static int get_control(struct gathered *gathered, bool sent)
{
	struct net_message *message = &gathered->message;
	size_t bytes = gathered->header.control_bytes;

	if (!gathered->header.control || !bytes)
		return 0;
	if (bytes > CONTROL_MAX_BYTES) {
		if (sent)
			return -ENOBUFS;
		bytes = CONTROL_MAX_BYTES;
	}
	message->control = kern_alloc(bytes);
	if (!message->control)
		return -ENOMEM;
	message->control_bytes = bytes;
	return sent ? kern_copyin(gathered->header.control, message->control, bytes) : 0;
}

static int gather(struct gathered *gathered, long user, uint32_t flags, bool sent)
{
	uint32_t name_bytes;
	int error;

	memset(&gathered->message, 0, sizeof gathered->message);
	gathered->vector = gathered->few;
	if (kern_copyin((void *)user, &gathered->header, sizeof gathered->header))
		return -EFAULT;
	name_bytes = gathered->header.name ? gathered->header.name_bytes : 0;
	if ((int32_t)name_bytes < 0)
		return -EINVAL;
	if (name_bytes > LINUX_SOCKADDR_BYTES)
		name_bytes = LINUX_SOCKADDR_BYTES;
	gathered->address.bytes = 0;
	error = sent ? sys_address_get(&gathered->address, (long)gathered->header.name,
	    name_bytes) : 0;
	if (!error)
		error = get_vector(gathered);
	if (!error)
		error = get_control(gathered, sent);
	gathered->message.io = &gathered->io;
	gathered->message.address = gathered->header.name ? &gathered->address : NULL;
	gathered->message.flags = flags;
	return error;
}

static long send_one(struct vfs_file *file, long user, uint32_t flags)
{
	struct gathered gathered;
	void *control;
	long result = gather(&gathered, user, flags, true);

	control = gathered.message.control;
	if (!result)
		result = net_send(file, &gathered.message);
	gathered.message.control = control; /* sending may have dropped it */
	gathered_drop(&gathered);
	return result;
}

/* What recvmsg(2) gives back in the header. */
static int give_back(struct gathered *gathered, long user)
{
	struct linux_msghdr *header = &gathered->header, *to = (struct linux_msghdr *)user;
	struct net_message *message = &gathered->message;
	uint32_t name_bytes = message->address ? message->address->bytes : 0, room;
	int error = 0;

	room = header->name_bytes < name_bytes ? header->name_bytes : name_bytes;
	if (header->name)
		error = kern_copyout(gathered->address.data, header->name, room);
	if (!error && header->name)
		error = kern_copyout(&name_bytes, &to->name_bytes, sizeof name_bytes);
	if (!error && message->control)
		error = kern_copyout(message->control, header->control, message->control_used);
	if (!error)
		error = kern_copyout(&message->control_used, &to->control_bytes,
		    sizeof to->control_bytes);
	if (!error)
		error = kern_copyout(&message->result_flags, &to->flags, sizeof to->flags);
	return error;
}

static long receive_one(struct vfs_file *file, long user, uint32_t flags)
{
	struct gathered gathered;
	long result = gather(&gathered, user, flags, false);
	int error;

	if (!result) {
		result = net_receive(file, &gathered.message);
		if (flags & MSG_CMSG_CLOEXEC)
			gathered.message.result_flags |= MSG_CMSG_CLOEXEC;
	}
	if (result >= 0) {
		error = give_back(&gathered, user);
		if (error)
			result = error;
	}
	gathered_drop(&gathered);
	return result;
}

typedef long (*one_fn)(struct vfs_file *, long, uint32_t);

static long with_file(int descriptor, long user, uint32_t flags, one_fn function)
{
	struct vfs_file *file = vfs_descriptor_get(descriptor);
	long result;

	if (!file)
		return -EBADF;
	result = net_is_socket(file) ? function(file, user, flags) : -ENOTSOCK;
	vfs_file_put(file);
	return result;
}

SYSCALL(sendmsg)
{
	return with_file((int)a, b, (uint32_t)c, send_one);
}

SYSCALL(recvmsg)
{
	return with_file((int)a, b, (uint32_t)c, receive_one);
}

/* ---- several at once -------------------------------------------------------------------------- */

/* Move one message of a vector and note its length there. */
static long move_entry(int descriptor, long vector, unsigned index, uint32_t flags, one_fn one)
{
	struct linux_mmsghdr *entry = (struct linux_mmsghdr *)vector + index;
	long moved = with_file(descriptor, (long)&entry->header, flags, one);
	uint32_t bytes = (uint32_t)moved;

	if (moved >= 0 && kern_copyout(&bytes, &entry->bytes, sizeof bytes))
		return -EFAULT;
	return moved;
}

SYSCALL(sendmmsg)
{
	unsigned count = (unsigned)c < MESSAGES_MAX ? (unsigned)c : MESSAGES_MAX, done = 0;
	long moved = 0;

	while (done < count && moved >= 0) {
		moved = move_entry((int)a, b, done, (uint32_t)d, send_one);
		if (moved >= 0)
			done++;
	}
	return done ? (long)done : moved;
}

/* As on Linux the deadline is looked at only when a message has come. */
SYSCALL(recvmmsg)
{
	unsigned count = (unsigned)c < MESSAGES_MAX ? (unsigned)c : MESSAGES_MAX, done = 0;
	uint32_t flags = (uint32_t)d & ~MSG_WAITFORONE;
	int64_t deadline_ns;
	long moved = sys_deadline_of(e, &deadline_ns);

	while (done < count && moved >= 0) {
		moved = move_entry((int)a, b, done, flags, receive_one);
		if (moved < 0)
			break;
		done++;
		if (d & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (kern_monotonic_ns() >= deadline_ns)
			break;
	}
	return done ? (long)done : moved;
}
