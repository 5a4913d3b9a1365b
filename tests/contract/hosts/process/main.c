/*
 * main.c - the suite in a process:  contract DISK READ_ONLY_DISK
 *
 * And what of the seam is memory, time, parameters, the console, and the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "process.h"

#define MOST_BYTES (1ul << 40) /* a process gets addresses for more than there is memory */

int suite_run(void);

static const struct rumpuser_hyperup *upcalls;

int process_error(int error)
{
	switch (error) {
	case 0: return 0;
	case ENOENT: return RUMPUSER_ENOENT;
	case EBADF: return RUMPUSER_EBADF;
	case ENOMEM: return RUMPUSER_ENOMEM;
	case EFAULT: return RUMPUSER_EFAULT;
	case EBUSY: return RUMPUSER_EBUSY;
	case EINVAL: return RUMPUSER_EINVAL;
	case EROFS: return RUMPUSER_EROFS;
	case EAGAIN: return RUMPUSER_EAGAIN;
	default: return RUMPUSER_EIO;
	}
}

int process_block_begin(void *mutex)
{
	int locks = 0;

	if (upcalls && upcalls->hyp_backend_unschedule)
		upcalls->hyp_backend_unschedule(0, &locks, mutex);
	return locks;
}

void process_block_end(int locks, void *mutex)
{
	if (upcalls && upcalls->hyp_backend_schedule)
		upcalls->hyp_backend_schedule(locks, mutex);
}

int rumpuser_init(int version, const struct rumpuser_hyperup *hyperup)
{
	if (version != RUMPUSER_VERSION)
		return 1;
	upcalls = hyperup;
	return 0;
}

int rumpuser_malloc(size_t bytes, int alignment, void **memory)
{
	size_t wanted = alignment ? (size_t)alignment : 16;

	if (wanted & (wanted - 1))
		return RUMPUSER_EINVAL;
	if (bytes > MOST_BYTES)
		return RUMPUSER_ENOMEM;
	return process_error(posix_memalign(memory, wanted < sizeof(void *) ? sizeof(void *) : wanted,
	    bytes));
}

void rumpuser_free(void *memory, size_t bytes)
{
	(void)bytes;
	free(memory);
}

int rumpuser_anonmmap(void *preferred, size_t bytes, int alignment_bits, int executable,
    void **memory)
{
	(void)alignment_bits; /* a page's are enough for who asks here */
	if (bytes > MOST_BYTES)
		return RUMPUSER_ENOMEM;
	*memory = mmap(preferred, bytes, PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0),
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return *memory == MAP_FAILED ? process_error(errno) : 0;
}

void rumpuser_unmap(void *memory, size_t bytes)
{
	munmap(memory, bytes);
}

static bool clock_of(int clock, clockid_t *id)
{
	*id = clock == RUMPUSER_CLOCK_RELWALL ? CLOCK_REALTIME : CLOCK_MONOTONIC;
	return clock == RUMPUSER_CLOCK_RELWALL || clock == RUMPUSER_CLOCK_ABSMONO;
}

int rumpuser_clock_gettime(int clock, int64_t *seconds, long *nanoseconds)
{
	struct timespec now;
	clockid_t id;

	if (!clock_of(clock, &id))
		return RUMPUSER_EINVAL;
	clock_gettime(id, &now);
	*seconds = now.tv_sec;
	*nanoseconds = now.tv_nsec;
	return 0;
}

int rumpuser_clock_sleep(int clock, int64_t seconds, long nanoseconds)
{
	struct timespec time = { seconds, nanoseconds };
	bool absolute = clock == RUMPUSER_CLOCK_ABSMONO;
	clockid_t id;
	int locks;

	if (!clock_of(clock, &id))
		return RUMPUSER_EINVAL;
	locks = process_block_begin(NULL);
	while (clock_nanosleep(CLOCK_MONOTONIC, absolute ? TIMER_ABSTIME : 0, &time, &time) == EINTR)
		;
	process_block_end(locks, NULL);
	return 0;
}

int rumpuser_getparam(const char *name, void *buffer, size_t bytes)
{
	char value[256] = "";

	if (!strcmp(name, RUMPUSER_PARAM_NCPU))
		strcpy(value, "1");
	else if (!strcmp(name, RUMPUSER_PARAM_HOSTNAME))
		snprintf(value, sizeof value, "process-%d", (int)getpid());
	else
		return RUMPUSER_ENOENT;
	if (strlen(value) >= bytes)
		return RUMPUSER_E2BIG;
	strcpy(buffer, value);
	return 0;
}

int rumpuser_getrandom(void *buffer, size_t bytes, int flags, size_t *got)
{
	ssize_t filled = getrandom(buffer, bytes, 0);

	(void)flags;
	*got = filled < 0 ? 0 : (size_t)filled;
	return filled < 0 ? process_error(errno) : 0;
}

void rumpuser_seterrno(int error)
{
	errno = error;
}

int rumpuser_kill(int64_t pid, int signal)
{
	return pid == RUMPUSER_PID_SELF && !signal ? 0 : RUMPUSER_EINVAL;
}

void rumpuser_exit(int status)
{
	if (status == RUMPUSER_PANIC)
		abort();
	exit(status);
}

void rumpuser_putchar(int character)
{
	putchar(character);
}

void rumpuser_dprintf(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
}

void rumpuser_dl_bootstrap(rump_modinit_fn init, rump_symload_fn load, rump_compload_fn component,
    rump_evcntattach_fn attach)
{
	(void)init;
	(void)load;
	(void)component;
	(void)attach;
}

int rumpuser_daemonize_begin(void)
{
	return 0;
}

int rumpuser_daemonize_done(int error)
{
	return error;
}

int main(int count, char **arguments)
{
	for (int i = 1; i < count; i++)
		if (!process_disk_add(arguments[i], i > 1))
			return 2;
	rumpuser_exit(suite_run());
}
