/*
 * vfs_wait.h - waiting for something to become readable, writable or open.
 *
 * Whatever can be waited for owns a queue.  A link on a queue is told of each wake-up;
 * a thread that sleeps puts links on one queue (vfs_wait) or on many (poll), and epoll
 * leaves links behind without sleeping.  The kernel is not preempted, so a condition
 * checked before vfs_wait still holds when the thread is on the queue.
 */
#ifndef VFS_WAIT_H
#define VFS_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "kern.h"

struct vfs_link {
	struct vfs_link *next;
	struct vfs_link **slot;                 /* what points at this link; NULL: on no queue */
	void (*notify)(struct vfs_link *link);  /* must not block, nor change the queue */
};

struct vfs_queue {
	struct vfs_link *first;
};

void vfs_link_add(struct vfs_queue *queue, struct vfs_link *link);
/* Does nothing if the link is on no queue. */
void vfs_link_remove(struct vfs_link *link);

/* Tell every link.  Callable wherever no thread is inside the factions, too. */
void vfs_wake(struct vfs_queue *queue);

/* A sleeping thread and its links, for those that wait on several queues. */
struct vfs_sleeper {
	struct kern_wait where;
	bool woken;
};
struct vfs_sleeper_link {
	struct vfs_link link;
	struct vfs_sleeper *sleeper;
};
void vfs_sleeper_add(struct vfs_sleeper *sleeper, struct vfs_queue *queue,
    struct vfs_sleeper_link *link);
/*
 * Sleep until a queue of the sleeper's links wakes; blocks.  deadline_ns is monotonic
 * time or KERN_FOREVER.  0, -ETIMEDOUT, or -EINTR for a signal.
 */
int vfs_sleep(struct vfs_sleeper *sleeper, int64_t deadline_ns);

/* The same for one queue. */
int vfs_wait(struct vfs_queue *queue, int64_t deadline_ns);

#endif
