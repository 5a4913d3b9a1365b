/*
 * signalfd.c - signals that are read from a file instead of handled: signalfd(2).
 *
 * A file holds a set; who reads or polls it sees its own pending signals of that set.
 */
#include "apart.h"
#include "rumplib.h"
#include "sys.h"
#include "vfs.h"

#define SFD_CLOEXEC O_CLOEXEC
#define SFD_NONBLOCK O_NONBLOCK
#define SI_TIMER (-2)
#define SI_QUEUE (-1)

/* struct signalfd_siginfo. */
struct told {
	uint32_t signal;
	int32_t error, code;
	uint32_t pid, uid;
	int32_t descriptor;
	uint32_t thread, band, overrun, trap;
	int32_t status, number;
	uint64_t pointer, user_time, system_time, address;
	uint8_t rest[48];
};
_Static_assert(sizeof(struct told) == 128, "struct signalfd_siginfo");

static uint64_t *set_of(struct vfs_file *file)
{
	return file->data;
}

static uint64_t pending(struct vfs_file *file)
{
	return (kern_current()->signals_pending | kern_process->signals_pending) & *set_of(file);
}

static struct told tell(int signal, const struct kern_siginfo *info)
{
	struct told told = {
		.signal = (uint32_t)signal, .code = info->code, .pid = (uint32_t)info->pid,
		.status = info->status, .address = info->address,
	};

	if (info->code == SI_QUEUE || info->code == SI_TIMER) {
		told.pointer = info->value;
		told.number = (int32_t)info->value;
	}
	return told;
}

/* As many signals as there are and fit; waits for the first. */
static long signal_read(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	struct kern_siginfo info;
	long done = 0;
	int error;

	(void)position;
	if (io->left_bytes < sizeof(struct told))
		return -EINVAL;
	while (!pending(file)) {
		error = file->flags & O_NONBLOCK ? -EAGAIN : vfs_wait(&kern_signal_arrived, KERN_FOREVER);
		if (error)
			return error;
	}
	while (io->left_bytes >= sizeof(struct told) && pending(file)) {
		int signal = kern_signal_take(kern_current(), *set_of(file), &info);
		const struct told told = tell(signal, &info);

		if (vfs_io_put(io, &told, sizeof(told)) != sizeof(told))
			return done ? done : -EFAULT;
		done += (long)sizeof(told);
	}
	return done;
}

static int signal_poll(struct vfs_file *file)
{
	return pending(file) ? POLLIN | POLLRDNORM : 0;
}

static struct vfs_queue *signal_queue(struct vfs_file *file)
{
	(void)file;
	return &kern_signal_arrived;
}

static void signal_release(struct vfs_file *file)
{
	kern_free(file->data);
}

static const struct vfs_file_ops signal_ops = {
	.read = signal_read, .seek = vfs_no_seek, .poll = signal_poll, .queue = signal_queue,
	.release = signal_release,
};

static long create(uint64_t set, uint32_t flags)
{
	uint64_t *kept = kern_alloc(sizeof(*kept));
	struct vfs_file *file;
	long result;

	if (!kept)
		return -ENOMEM;
	*kept = set;
	result = vfs_file_make_anonymous(&signal_ops, 0600, O_RDWR | (flags & O_NONBLOCK), &file);
	if (result) {
		kern_free(kept);
		return result;
	}
	file->data = kept;
	result = vfs_descriptor_add(file, 0, flags & SFD_CLOEXEC);
	vfs_file_put(file);
	return result;
}

/* Another set for a file that is there. */
static long change(long descriptor, uint64_t set)
{
	struct vfs_file *file = vfs_descriptor_get((int)descriptor);
	long result = !file ? -EBADF : file->ops != &signal_ops ? -EINVAL : descriptor;

	if (result >= 0) {
		*set_of(file) = set;
		vfs_wake(&kern_signal_arrived);
	}
	vfs_file_put(file);
	return result;
}

long sys_signalfd4(SYS4(descriptor, user, mask_bytes, flags))
{
	uint64_t set;

	if (mask_bytes != sizeof(set) || flags & ~(SFD_CLOEXEC | SFD_NONBLOCK))
		return -EINVAL;
	if (kern_copyin((const void *)user, &set, sizeof(set)))
		return -EFAULT;
	set &= ~KERN_SIGNALS_UNBLOCKABLE;
	return (int)descriptor == -1 ? create(set, (uint32_t)flags) : change((int)descriptor, set);
}

long sys_signalfd(SYS3(descriptor, user, mask_bytes))
{
	return sys_signalfd4(descriptor, user, mask_bytes, 0, 0, 0);
}
