/*
 * wait.c - queues, and the one place where the file systems put a thread to sleep.
 */
#include "rumplib.h"
#include "vfs_wait.h"
#include "linux_abi.h"

void vfs_link_add(struct vfs_queue *queue, struct vfs_link *link)
{
	link->next = queue->first;
	link->slot = &queue->first;
	if (link->next)
		link->next->slot = &link->next;
	queue->first = link;
}

void vfs_link_remove(struct vfs_link *link)
{
	if (!link->slot)
		return;
	*link->slot = link->next;
	if (link->next)
		link->next->slot = link->slot;
	link->slot = NULL;
}

void vfs_wake(struct vfs_queue *queue)
{
	struct vfs_link *link;

	for (link = queue->first; link; link = link->next)
		link->notify(link);
}

static void sleeper_notify(struct vfs_link *link)
{
	struct vfs_sleeper *sleeper = ((struct vfs_sleeper_link *)link)->sleeper;

	sleeper->woken = true;
	kern_wake(&sleeper->where, 1);
}

void vfs_sleeper_add(struct vfs_sleeper *sleeper, struct vfs_queue *queue,
    struct vfs_sleeper_link *link)
{
	link->sleeper = sleeper;
	link->link.notify = sleeper_notify;
	vfs_link_add(queue, &link->link);
}

int vfs_sleep(struct vfs_sleeper *sleeper, int64_t deadline_ns)
{
	int error = 0;

	while (!sleeper->woken && !error)
		error = kern_wait(&sleeper->where, deadline_ns);
	sleeper->woken = false;
	return error;
}

int vfs_wait(struct vfs_queue *queue, int64_t deadline_ns)
{
	struct vfs_sleeper sleeper;
	struct vfs_sleeper_link link;
	int error;

	memset(&sleeper, 0, sizeof sleeper);
	vfs_sleeper_add(&sleeper, queue, &link);
	error = vfs_sleep(&sleeper, deadline_ns);
	vfs_link_remove(&link.link);
	return error;
}
