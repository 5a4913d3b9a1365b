/*
 * files_poll.c - system calls that wait for several descriptors.
 */
#include "call.h"
#include "files.h"
#include "kern.h"
#include "rumplib.h"
#include "vfs_poll.h"

#define NS_PER_MS 1000000ll
#define NS_PER_S 1000000000ll

/* A deadline this far from now; 0 means: do not wait at all. */
static int64_t deadline_in(int64_t ns)
{
	int64_t now = kern_monotonic_ns();

	if (ns <= 0)
		return 0;
	return ns > KERN_FOREVER - now ? KERN_FOREVER : now + ns;
}

static int64_t deadline_ms(long milliseconds)
{
	if ((int)milliseconds < 0)
		return KERN_FOREVER;
	return deadline_in((int)milliseconds * NS_PER_MS);
}

int sys_deadline_of(long user, int64_t *deadline_ns)
{
	struct linux_timespec time;

	*deadline_ns = KERN_FOREVER;
	if (!user)
		return 0;
	if (kern_copyin((void *)user, &time, sizeof time))
		return -EFAULT;
	if (time.tv_sec < 0 || time.tv_nsec < 0 || time.tv_nsec >= NS_PER_S)
		return -EINVAL;
	if (time.tv_sec < KERN_FOREVER / NS_PER_S - 1)
		*deadline_ns = deadline_in(time.tv_sec * NS_PER_S + time.tv_nsec);
	return 0;
}

/* Wait with another signal mask, if the application gives one: the p-variants. */
static int apply_mask(long user_mask, size_t bytes)
{
	uint64_t mask;

	if (!user_mask)
		return 0;
	if (bytes != sizeof mask)
		return -EINVAL;
	if (kern_copyin((void *)user_mask, &mask, sizeof mask))
		return -EFAULT;
	kern_signal_mask_for_call(mask);
	return 0;
}

/* ---- poll ------------------------------------------------------------------------------------ */

static long poll_user(long user, size_t count, int64_t deadline_ns)
{
	struct linux_pollfd *entries;
	long result;

	if (count > vfs_current->limit)
		return -EINVAL;
	entries = kern_alloc((count ? count : 1) * sizeof *entries);
	if (!entries)
		return -ENOMEM;
	result = kern_copyin((void *)user, entries, count * sizeof *entries);
	if (!result)
		result = vfs_poll(entries, count, deadline_ns);
	if (result >= 0 && kern_copyout(entries, (void *)user, count * sizeof *entries))
		result = -EFAULT;
	kern_free(entries);
	return result;
}

SYSCALL(poll)
{
	return poll_user(a, (unsigned)b, deadline_ms(c));
}

SYSCALL(ppoll)
{
	int64_t deadline_ns;
	int error = sys_deadline_of(c, &deadline_ns);

	if (!error)
		error = apply_mask(d, (size_t)e);
	return error ? error : poll_user(a, (unsigned)b, deadline_ns);
}

/* ---- select ------------------------------------------------------------------------------------ */

#define SETS 3
#define SET_BYTES (FD_SETSIZE / 8)

struct selection {
	uint8_t sets[SETS][SET_BYTES]; /* read, write, exceptional */
	struct linux_pollfd entries[];
};

static const int16_t asked[SETS] = { POLLIN | POLLRDNORM, POLLOUT | POLLWRNORM, POLLPRI };
static const int16_t means[SETS] = {
	POLLIN | POLLRDNORM | POLLHUP | POLLERR, POLLOUT | POLLWRNORM | POLLERR, POLLPRI,
};

/* Bytes of a set that hold count bits: Linux moves whole words. */
static size_t set_bytes(int count)
{
	return ((size_t)count + 63) / 64 * 8;
}

static size_t entries_of(struct selection *selection, int count)
{
	size_t used = 0;
	int i, set;

	for (i = 0; i < count; i++) {
		int16_t events = 0;

		for (set = 0; set < SETS; set++)
			if (selection->sets[set][i / 8] >> (i % 8) & 1)
				events |= asked[set];
		if (events)
			selection->entries[used++] = (struct linux_pollfd){ i, events, 0 };
	}
	return used;
}

/* The sets of what is ready; how many bits, or -EBADF. */
static long sets_of(struct selection *selection, size_t used)
{
	uint8_t wanted[SETS][SET_BYTES];
	long bits = 0;
	size_t i;
	int set;

	memcpy(wanted, selection->sets, sizeof wanted);
	memset(selection->sets, 0, sizeof selection->sets);
	for (i = 0; i < used; i++) {
		struct linux_pollfd *entry = &selection->entries[i];
		uint8_t bit = (uint8_t)(1u << (entry->fd % 8));

		if (entry->revents & POLLNVAL)
			return -EBADF;
		for (set = 0; set < SETS; set++) {
			if (!(wanted[set][entry->fd / 8] & bit) || !(entry->revents & means[set]))
				continue;
			selection->sets[set][entry->fd / 8] |= bit;
			bits++;
		}
	}
	return bits;
}

static long select_in(struct selection *selection, int count, const long *users,
    int64_t deadline_ns)
{
	size_t used;
	long result;
	int set;

	for (set = 0; set < SETS; set++)
		if (users[set] && kern_copyin((void *)users[set], selection->sets[set], set_bytes(count)))
			return -EFAULT;
	used = entries_of(selection, count);
	result = vfs_poll(selection->entries, used, deadline_ns);
	if (result >= 0)
		result = sets_of(selection, used);
	for (set = 0; set < SETS && result >= 0; set++)
		if (users[set] && kern_copyout(selection->sets[set], (void *)users[set], set_bytes(count)))
			result = -EFAULT;
	return result;
}

static long select_user(long count, const long *users, int64_t deadline_ns)
{
	struct selection *selection;
	long result;

	if ((int)count < 0)
		return -EINVAL;
	if (count > FD_SETSIZE)
		count = FD_SETSIZE;
	selection = kern_alloc(sizeof *selection + (size_t)count * sizeof *selection->entries);
	if (!selection)
		return -ENOMEM;
	result = select_in(selection, (int)count, users, deadline_ns);
	kern_free(selection);
	return result;
}

SYSCALL(select)
{
	const long users[SETS] = { b, c, d };
	int64_t deadline_ns = KERN_FOREVER;
	struct linux_timeval time;

	if (!e)
		return select_user(a, users, deadline_ns);
	if (kern_copyin((void *)e, &time, sizeof time))
		return -EFAULT;
	if (time.tv_sec < 0 || time.tv_usec < 0)
		return -EINVAL;
	if (time.tv_sec < KERN_FOREVER / NS_PER_S / 2 && time.tv_usec < KERN_FOREVER / 4000)
		deadline_ns = deadline_in(time.tv_sec * NS_PER_S + time.tv_usec * 1000);
	return select_user(a, users, deadline_ns);
}

SYSCALL(pselect6)
{
	const long users[SETS] = { b, c, d };
	struct { /* a sixth register holds the address of a seventh and eighth argument */
		uint64_t mask, bytes;
	} more = { 0, 0 };
	int64_t deadline_ns;
	int error = sys_deadline_of(e, &deadline_ns);

	if (!error && f && kern_copyin((void *)f, &more, sizeof more))
		return -EFAULT;
	if (!error)
		error = apply_mask((long)more.mask, more.bytes);
	return error ? error : select_user(a, users, deadline_ns);
}

/* ---- epoll ------------------------------------------------------------------------------------- */

#define MAX_EVENTS 64 /* given in one call; more are allowed to wait for the next */

SYSCALL(epoll_create1)
{
	struct vfs_file *file;
	long result;

	if (a & ~EPOLL_CLOEXEC)
		return -EINVAL;
	result = vfs_epoll_make(&file);
	if (result)
		return result;
	result = vfs_descriptor_add(file, 0, a & EPOLL_CLOEXEC);
	vfs_file_put(file);
	return result;
}

SYSCALL(epoll_create)
{
	return (int)a <= 0 ? -EINVAL : sys_epoll_create1(0, 0, 0, 0, 0, 0);
}

SYSCALL(epoll_ctl)
{
	struct linux_epoll_event event = { 0, 0 };
	struct vfs_file *epoll;
	long result;

	if (b != EPOLL_CTL_DEL && kern_copyin((void *)d, &event, sizeof event))
		return -EFAULT;
	epoll = vfs_descriptor_get((int)a);
	if (!epoll)
		return -EBADF;
	result = vfs_epoll_control(epoll, (int)b, (int)c, &event);
	vfs_file_put(epoll);
	return result;
}

static long epoll_wait_until(int descriptor, long user, int max, int64_t deadline_ns)
{
	struct linux_epoll_event events[MAX_EVENTS];
	struct vfs_file *epoll;
	long count;

	if (max <= 0)
		return -EINVAL;
	if (max > MAX_EVENTS)
		max = MAX_EVENTS;
	epoll = vfs_descriptor_get(descriptor);
	if (!epoll)
		return -EBADF;
	count = vfs_epoll_wait(epoll, events, max, deadline_ns);
	vfs_file_put(epoll);
	if (count > 0 && kern_copyout(events, (void *)user, (size_t)count * sizeof *events))
		return -EFAULT;
	return count;
}

SYSCALL(epoll_wait)
{
	return epoll_wait_until((int)a, b, (int)c, deadline_ms(d));
}

SYSCALL(epoll_pwait)
{
	int error = apply_mask(e, (size_t)f);

	return error ? error : epoll_wait_until((int)a, b, (int)c, deadline_ms(d));
}
