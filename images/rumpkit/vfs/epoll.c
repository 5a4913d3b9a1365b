/*
 * epoll.c - interest in files that outlasts one wait: epoll(7).
 *
 * A watch is a link on its file's queue.  When the queue wakes, the watch goes to its
 * epoll's list of those worth a look; a wait asks only these, and keeps the level
 * triggered ones that are still ready.
 */
#include "kern.h"
#include "rumplib.h"
#include "vfs_poll.h"

#define MAX_NESTING 5 /* epolls watching epolls, as on Linux */

struct vfs_watch {
	struct vfs_link link; /* first: on the file's queue */
	struct epoll *epoll;
	struct vfs_file *file;       /* no reference: forgotten when the file goes */
	struct vfs_watch *of_file;   /* next watch of the same file */
	struct vfs_watch *of_epoll;  /* next watch of the same epoll */
	struct vfs_watch *next_hot;
	bool hot;                    /* on the epoll's list */
	bool spent;                  /* EPOLLONESHOT has fired */
	int descriptor;
	struct linux_epoll_event event;
};

struct epoll {
	struct vfs_watch *watches;
	struct vfs_watch *first_hot, **last_hot;
	struct vfs_queue queue; /* waiters, and epolls that watch this one */
};

static const struct vfs_file_ops epoll_ops;

static void make_hot(struct vfs_watch *watch)
{
	struct epoll *epoll = watch->epoll;

	if (watch->hot || watch->spent)
		return;
	watch->hot = true;
	watch->next_hot = NULL;
	*epoll->last_hot = watch;
	epoll->last_hot = &watch->next_hot;
}

static void make_cold(struct vfs_watch *watch)
{
	struct epoll *epoll = watch->epoll;
	struct vfs_watch **at = &epoll->first_hot;

	if (!watch->hot)
		return;
	while (*at != watch)
		at = &(*at)->next_hot;
	*at = watch->next_hot;
	if (!*at)
		epoll->last_hot = at;
	watch->hot = false;
}

static void watch_notify(struct vfs_link *link)
{
	struct vfs_watch *watch = (struct vfs_watch *)link;

	make_hot(watch);
	vfs_wake(&watch->epoll->queue);
}

static uint32_t ready_events(struct vfs_watch *watch)
{
	uint32_t asked = watch->event.events | POLLERR | POLLHUP;

	return watch->spent ? 0 : (uint32_t)vfs_file_poll(watch->file) & asked;
}

/* ---- changing what is watched ---------------------------------------------------------- */

static struct vfs_watch *find(struct epoll *epoll, struct vfs_file *file, int descriptor)
{
	struct vfs_watch *watch;

	for (watch = file->watches; watch; watch = watch->of_file)
		if (watch->epoll == epoll && watch->descriptor == descriptor)
			break;
	return watch;
}

static void destroy(struct vfs_watch *watch)
{
	struct vfs_watch **at = &watch->file->watches;

	while (*at != watch)
		at = &(*at)->of_file;
	*at = watch->of_file;
	for (at = &watch->epoll->watches; *at != watch;)
		at = &(*at)->of_epoll;
	*at = watch->of_epoll;
	make_cold(watch);
	vfs_link_remove(&watch->link);
	kern_free(watch);
}

/* Whether watching file from epoll closes a circle, or nests too deep. */
static bool leads_to(struct vfs_file *file, struct vfs_file *epoll, int depth)
{
	struct vfs_watch *watch;

	if (file->ops != &epoll_ops)
		return false;
	if (file == epoll || depth >= MAX_NESTING)
		return true;
	for (watch = ((struct epoll *)file->data)->watches; watch; watch = watch->of_epoll)
		if (leads_to(watch->file, epoll, depth + 1))
			return true;
	return false;
}

static void arm(struct vfs_watch *watch, const struct linux_epoll_event *event)
{
	watch->event = *event;
	watch->spent = false;
	if (ready_events(watch)) {
		make_hot(watch);
		vfs_wake(&watch->epoll->queue);
	}
}

static int add(struct vfs_file *owner, struct vfs_file *file, int descriptor,
    const struct linux_epoll_event *event)
{
	struct vfs_watch *watch;

	if (!file->ops->queue)
		return -EPERM;
	if (leads_to(file, owner, 0))
		return -ELOOP;
	watch = kern_alloc(sizeof *watch);
	if (!watch)
		return -ENOMEM;
	watch->epoll = owner->data;
	watch->file = file;
	watch->descriptor = descriptor;
	watch->link.notify = watch_notify;
	watch->of_file = file->watches;
	file->watches = watch;
	watch->of_epoll = watch->epoll->watches;
	watch->epoll->watches = watch;
	vfs_link_add(file->ops->queue(file), &watch->link);
	arm(watch, event);
	return 0;
}

static int control(struct vfs_file *owner, struct vfs_file *file, int operation,
    int descriptor, const struct linux_epoll_event *event)
{
	struct vfs_watch *watch = find(owner->data, file, descriptor);

	if (operation == EPOLL_CTL_ADD)
		return watch ? -EEXIST : add(owner, file, descriptor, event);
	if (operation != EPOLL_CTL_DEL && operation != EPOLL_CTL_MOD)
		return -EINVAL;
	if (!watch)
		return -ENOENT;
	if (operation == EPOLL_CTL_DEL)
		destroy(watch);
	else
		arm(watch, event);
	return 0;
}

int vfs_epoll_control(struct vfs_file *epoll, int operation, int descriptor,
    const struct linux_epoll_event *event)
{
	struct vfs_file *file = vfs_descriptor_get(descriptor);
	int error;

	if (!file)
		return -EBADF;
	if (!file->ops->queue)
		error = -EPERM;
	else if (epoll->ops != &epoll_ops || file == epoll)
		error = -EINVAL;
	else
		error = control(epoll, file, operation, descriptor, event);
	vfs_file_put(file);
	return error;
}

void vfs_epoll_forget(struct vfs_file *file)
{
	while (file->watches)
		destroy(file->watches);
}

/* ---- waiting ----------------------------------------------------------------------------- */

/* Ask every hot watch once; those that are ready give an event. */
static int collect(struct epoll *epoll, struct linux_epoll_event *events, int max)
{
	struct vfs_watch *watch, *last = NULL, *again = epoll->first_hot;
	struct vfs_watch **end = epoll->last_hot;
	int count = 0;

	if (!again)
		return 0;
	last = (struct vfs_watch *)((char *)end - offsetof(struct vfs_watch, next_hot));
	do {
		watch = epoll->first_hot;
		uint32_t ready = ready_events(watch);

		make_cold(watch);
		if (!ready)
			continue;
		events[count].events = ready;
		events[count++].data = watch->event.data;
		if (watch->event.events & EPOLLONESHOT)
			watch->spent = true;
		else if (!(watch->event.events & EPOLLET))
			make_hot(watch);
	} while (watch != last && count < max);
	return count;
}

int vfs_epoll_wait(struct vfs_file *file, struct linux_epoll_event *events, int max,
    int64_t deadline_ns)
{
	struct epoll *epoll = file->data;
	int count, error = 0;

	if (file->ops != &epoll_ops)
		return -EINVAL;
	count = collect(epoll, events, max);
	while (!count && !error && deadline_ns) {
		error = vfs_wait(&epoll->queue, deadline_ns);
		if (error != -EINTR)
			count = collect(epoll, events, max);
	}
	return count || error != -EINTR ? count : error;
}

static int epoll_poll(struct vfs_file *file)
{
	struct epoll *epoll = file->data;
	struct vfs_watch *watch;

	for (watch = epoll->first_hot; watch; watch = watch->next_hot)
		if (ready_events(watch))
			return POLLIN | POLLRDNORM;
	return 0;
}

static struct vfs_queue *epoll_queue(struct vfs_file *file)
{
	return &((struct epoll *)file->data)->queue;
}

static void epoll_release(struct vfs_file *file)
{
	struct epoll *epoll = file->data;

	while (epoll->watches)
		destroy(epoll->watches);
	kern_free(epoll);
}

static const struct vfs_file_ops epoll_ops = {
	.seek = vfs_no_seek,
	.poll = epoll_poll,
	.queue = epoll_queue,
	.release = epoll_release,
};

int vfs_epoll_make(struct vfs_file **file)
{
	struct epoll *epoll = kern_alloc(sizeof *epoll);
	int error;

	if (!epoll)
		return -ENOMEM;
	epoll->last_hot = &epoll->first_hot;
	error = vfs_file_make_anonymous(&epoll_ops, 0600, O_RDWR, file);
	if (error)
		kern_free(epoll);
	else
		(*file)->data = epoll;
	return error;
}
