/*
 * kern.h - what the kern faction offers its fellow factions and the system calls.
 */
#ifndef RUMPKIT_KERN_H
#define RUMPKIT_KERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rumpcomp_frame;

/* Zeroed memory, 16-byte aligned; NULL if there is none.  kern_free(NULL) is fine. */
void *kern_alloc(size_t bytes);
void kern_free(void *memory);

/* Copy from or to the application.  0 or -EFAULT; a partial copy may have happened. */
int kern_copyin(const void *user, void *kernel, size_t bytes);
int kern_copyout(const void *kernel, void *user, size_t bytes);
/* Length including the NUL, -EFAULT, or -ENAMETOOLONG if it is not within max. */
long kern_copyinstr(const void *user, char *kernel, size_t max);

/* Monotonic time since boot, and Unix time. */
int64_t kern_monotonic_ns(void);
int64_t kern_wall_ns(void);

/* The calling process's number. */
int kern_own_pid(void);

/* True when the calling thread has a signal to handle: a wait should end with -EINTR. */
bool kern_interrupted(void);

/* The path of the program that runs, for /proc/self/exe; its full length. */
size_t kern_program_path(char *path, size_t bytes);
/* Fill /proc and /sys; once.  0 or -ENOMEM. */
int kern_describe(void);
/*
 * What the calling process has changed of a file (NULL: of any) through shared mappings goes
 * to the file.  May sleep; the first error of writing.
 */
struct vfs_node;
int kern_write_mapped(const struct vfs_node *node);

/* Send a signal to the calling thread; it takes effect when its system call returns. */
void kern_signal_self(int signal);
/* Block these signals instead of the thread's mask until its system call returns. */
void kern_signal_mask_for_call(uint64_t mask);

/*
 * Something to do at a time, once or again and again.  expired runs in a kernel thread,
 * must not sleep, and may not free the timer.
 */
struct kern_timer {
	struct kern_timer *next;
	int64_t deadline_ns, interval_ns; /* monotonic; interval 0: once */
	uint64_t expirations;             /* since it was set */
	bool set;
	void (*expired)(struct kern_timer *timer);
};
int kern_timer_set(struct kern_timer *timer, int64_t deadline_ns, int64_t interval_ns);
void kern_timer_cancel(struct kern_timer *timer);
int64_t kern_timer_left_ns(const struct kern_timer *timer); /* 0: not set */

/* A place to sleep: threads wait on it, anything may wake it, also an interrupt. */
struct kern_wait {
	struct kern_waiter *first;
};
#define KERN_FOREVER INT64_MAX
/* Sleep until woken, deadline_ns (monotonic) or a signal: 0, -ETIMEDOUT, -EINTR. */
int kern_wait(struct kern_wait *where, int64_t deadline_ns);
#define KERN_ALL INT32_MAX
/* Wake as many as count says, those first who wait longest. */
void kern_wake(struct kern_wait *where, int count);

#endif
