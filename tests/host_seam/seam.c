/*
 * seam.c - the seam below vfs and sys, on a host: pthreads, malloc, a pipe as console.
 *
 * One lock stands for the guest's only processor: a thread holds it while it is in the
 * kernel and lets it go where a guest thread would sleep.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "files.h"
#include "kern.h"
#include "rumpcomp.h"
#include "rumpuser.h"
#include "seam.h"
#include "seam_inside.h"

#define TOTAL_PAGES 65536 /* 256 MiB */
#define NS_PER_S 1000000000ll

pthread_mutex_t processor = PTHREAD_MUTEX_INITIALIZER;
static int console_input[2], console_output[2];
static void (*input_arrived)(void);
static long total_pages = TOTAL_PAGES, free_pages = TOTAL_PAGES, held_pages, held_objects, fail_every, allocations;

/* ---- memory --------------------------------------------------------------------------- */

static bool fails(void)
{
	return fail_every && ++allocations % fail_every == 0;
}

void *kern_alloc(size_t bytes)
{
	void *memory = fails() || bytes > (size_t)total_pages * 4096ul ? NULL : calloc(1, bytes);

	held_objects += memory != NULL;
	return memory;
}

void kern_free(void *memory)
{
	held_objects -= memory != NULL;
	free(memory);
}

int rumpuser_malloc(size_t bytes, int alignment, void **memory)
{
	long pages = (long)(bytes + 4095) / 4096;

	if (!alignment)
		alignment = 16;
	if (fails() || pages > free_pages || posix_memalign(memory, (size_t)alignment, bytes))
		return RUMPUSER_ENOMEM;
	memset(*memory, 0xa5, bytes); /* what a caller must not rely on */
	free_pages -= pages;
	held_pages += pages;
	return 0;
}

int rumpuser_anonmmap(void *preferred, size_t bytes, int alignment_bits, int executable,
    void **memory)
{
	(void)preferred;
	(void)alignment_bits;
	(void)executable;
	if (rumpuser_malloc(bytes, 4096, memory))
		return RUMPUSER_ENOMEM;
	memset(*memory, 0, bytes);
	return 0;
}

void rumpuser_unmap(void *memory, size_t bytes)
{
	rumpuser_free(memory, bytes);
}

void rumpuser_free(void *memory, size_t bytes)
{
	long pages = (long)(bytes + 4095) / 4096;

	free_pages += pages;
	held_pages -= pages;
	free(memory);
}

void seam_ram(long pages)
{
	total_pages = free_pages = pages;
}

void seam_limit_pages(long pages)
{
	free_pages = pages;
}

long seam_held_pages(void)
{
	return held_pages;
}

long seam_held_objects(void)
{
	return held_objects;
}

void seam_fail_every(long n)
{
	fail_every = n;
	allocations = 0;
}

size_t rumpcomp_vm_free_pages(void)
{
	return (size_t)free_pages;
}

size_t rumpcomp_vm_total_pages(void)
{
	return (size_t)total_pages;
}

int kern_own_pid(void)
{
	return getpid();
}

/* The application's memory is this process's: let Linux say whether it can be reached. */
int kern_copyin(const void *user, void *kernel, size_t bytes)
{
	struct iovec local = { kernel, bytes }, remote = { (void *)(uintptr_t)user, bytes };

	if (!bytes)
		return 0;
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)bytes ? 0 : -EFAULT;
}

int kern_copyout(const void *kernel, void *user, size_t bytes)
{
	struct iovec local = { (void *)(uintptr_t)kernel, bytes }, remote = { user, bytes };

	if (!bytes)
		return 0;
	return process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)bytes ? 0 : -EFAULT;
}

/* As far as a page goes at a time: what follows may not be there. */
long kern_copyinstr(const void *user, char *kernel, size_t max)
{
	size_t done = 0, step, length;

	for (; done < max; done += step) {
		const char *from = (const char *)user + done;

		step = 4096 - (uintptr_t)from % 4096;
		if (step > max - done)
			step = max - done;
		if (kern_copyin(from, kernel + done, step))
			return -EFAULT;
		length = strnlen(kernel + done, step);
		if (length < step)
			return (long)(done + length + 1);
	}
	return -ENAMETOOLONG;
}

/* ---- time, sleep, chance ---------------------------------------------------------------- */

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t kern_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t kern_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

struct kern_waiter {
	struct kern_waiter *next;
	pthread_cond_t condition;
	bool woken;
};

static void waiter_init(struct kern_waiter *waiter)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&waiter->condition, &attributes);
	waiter->woken = false;
}

int kern_wait(struct kern_wait *where, int64_t deadline_ns)
{
	struct timespec until = { deadline_ns / NS_PER_S, deadline_ns % NS_PER_S };
	struct kern_waiter waiter, **at;
	int error = 0;

	waiter_init(&waiter);
	waiter.next = where->first;
	where->first = &waiter;
	while (!waiter.woken && !error) {
		if (deadline_ns == KERN_FOREVER)
			pthread_cond_wait(&waiter.condition, &processor);
		else
			error = pthread_cond_timedwait(&waiter.condition, &processor, &until);
	}
	for (at = &where->first; *at && *at != &waiter;)
		at = &(*at)->next;
	if (*at)
		*at = waiter.next;
	pthread_cond_destroy(&waiter.condition);
	return waiter.woken ? 0 : -ETIMEDOUT;
}

void kern_wake(struct kern_wait *where, int count)
{
	while (where->first && count-- > 0) {
		struct kern_waiter *waiter = where->first;

		where->first = waiter->next;
		waiter->woken = true;
		pthread_cond_signal(&waiter->condition);
	}
}

/* A world of calls only: nothing is mapped. */
int kern_write_mapped(const struct vfs_node *node)
{
	(void)node;
	return 0;
}

static int broken_pipes;

void kern_signal_self(int signal)
{
	broken_pipes += signal == SIGPIPE;
}

/* No other signals are sent here. */
void kern_signal_mask_for_call(uint64_t mask)
{
	(void)mask;
}

static int guest_broken_pipes(void)
{
	return broken_pipes;
}

int rumpuser_getrandom(void *buffer, size_t bytes, int flags, size_t *got)
{
	(void)flags;
	*got = (size_t)getrandom(buffer, bytes, 0);
	return 0;
}

void rumpuser_dprintf(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
}

size_t lib_strlcpy(char *to, const char *from, size_t bytes)
{
	snprintf(to, bytes, "%s", from);
	return strlen(from);
}

int lib_snprintf(char *to, size_t bytes, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(to, bytes, format, arguments);
	va_end(arguments);
	return length;
}

/* ---- console ------------------------------------------------------------------------------ */

int rumpcomp_console_write(const void *data, size_t bytes)
{
	return bytes ? (int)write(console_output[1], data, bytes) : 0;
}

int rumpcomp_console_read(void *data, size_t bytes, int flags)
{
	int got = (int)read(console_input[0], data, bytes);

	(void)flags; /* the pipe never blocks: only the line discipline reads it */
	return got < 0 ? -errno : got;
}

size_t rumpcomp_console_look(void *data, size_t bytes)
{
	(void)data;
	(void)bytes;
	return 0;
}

bool rumpcomp_console_window(struct rumpcomp_window *window)
{
	(void)window;
	return false;
}

void rumpcomp_console_on_window(void (*changed)(void))
{
	(void)changed;
}

bool rumpcomp_console_is_terminal(void)
{
	return false;
}

void rumpcomp_console_notify(void (*notify)(void))
{
	input_arrived = notify;
}

static void guest_type(const char *text, size_t bytes)
{
	pthread_mutex_lock(&processor);
	if (write(console_input[1], text, bytes) == (ssize_t)bytes)
		input_arrived();
	pthread_mutex_unlock(&processor);
}

static size_t guest_screen(char *text, size_t bytes)
{
	ssize_t got = read(console_output[0], text, bytes);

	return got < 0 ? 0 : (size_t)got;
}

/* ---- the guest as a world --------------------------------------------------------------------- */

static long guest_call(long number, long a, long b, long c, long d, long e, long f)
{
	long result = -ENOSYS;

	pthread_mutex_lock(&processor);
	switch (number) {
#define CASE(number, name) case number: result = sys_##name(a, b, c, d, e, f); break;
	SYS_FILES(CASE)
#undef CASE
	}
	pthread_mutex_unlock(&processor);
	return result;
}

void vfs_init(void);
int vfs_populate(void);
int vfs_mount(const char *source, const char *type, const char *path, uint32_t flags,
    const char *options);
void vfs_stop(void);

static bool mount_root(const char *type)
{
	int error;

	pthread_mutex_lock(&processor);
	error = vfs_mount("blk0", type, "/", 0, NULL);
	pthread_mutex_unlock(&processor);
	if (error)
		fprintf(stderr, "cannot mount: %d\n", error);
	return !error;
}

void guest_stop(void)
{
	pthread_mutex_lock(&processor);
	vfs_stop();
	pthread_mutex_unlock(&processor);
}

const struct world *guest_world(const char *root_type)
{
	static const struct world guest = {
		guest_call, guest_type, guest_screen, guest_broken_pipes,
	};

	if (pipe2(console_input, O_NONBLOCK) || pipe2(console_output, O_NONBLOCK))
		return NULL;
	vfs_init();
	if (vfs_populate() || (root_type && !mount_root(root_type)))
		return NULL;
	return &guest;
}
