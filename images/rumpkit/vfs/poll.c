/*
 * poll.c - waiting for many descriptors at once.
 */
#include "kern.h"
#include "rumplib.h"
#include "vfs_poll.h"

/* Reported whether asked for or not. */
#define ALWAYS (POLLERR | POLLHUP | POLLNVAL)

struct polled {
	struct vfs_file *file; /* a reference, held while the link may be on its queue */
	struct vfs_sleeper_link link;
};

static int ready_now(struct linux_pollfd *entry, struct vfs_file *file)
{
	int mask = vfs_file_poll(file);

	entry->revents = (int16_t)(mask & (entry->events | ALWAYS));
	return entry->revents != 0;
}

/* Look at every entry; the first time round also take references and join queues. */
static int first_look(struct linux_pollfd *entries, struct polled *polled, size_t count,
    struct vfs_sleeper *sleeper)
{
	struct vfs_queue *queue;
	int ready = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		entries[i].revents = 0;
		if (entries[i].fd < 0)
			continue;
		polled[i].file = vfs_descriptor_get(entries[i].fd);
		if (!polled[i].file) {
			entries[i].revents = POLLNVAL;
			ready++;
			continue;
		}
		ready += ready_now(&entries[i], polled[i].file);
		queue = polled[i].file->ops->queue ?
		    polled[i].file->ops->queue(polled[i].file) : NULL;
		if (queue && !ready)
			vfs_sleeper_add(sleeper, queue, &polled[i].link);
	}
	return ready;
}

static int look_again(struct linux_pollfd *entries, struct polled *polled, size_t count)
{
	int ready = 0;
	size_t i;

	for (i = 0; i < count; i++)
		if (polled[i].file)
			ready += ready_now(&entries[i], polled[i].file);
	return ready;
}

static void let_go(struct polled *polled, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		vfs_link_remove(&polled[i].link.link);
		vfs_file_put(polled[i].file);
	}
	kern_free(polled);
}

int vfs_poll(struct linux_pollfd *entries, size_t count, int64_t deadline_ns)
{
	struct polled *polled = kern_alloc((count ? count : 1) * sizeof *polled);
	struct vfs_sleeper sleeper;
	int ready, error = 0;

	if (!polled)
		return -ENOMEM;
	memset(&sleeper, 0, sizeof sleeper);
	ready = first_look(entries, polled, count, &sleeper);
	while (!ready && !error && deadline_ns) {
		error = vfs_sleep(&sleeper, deadline_ns);
		if (error != -EINTR)
			ready = look_again(entries, polled, count);
	}
	let_go(polled, count);
	return ready || error != -EINTR ? ready : error;
}
