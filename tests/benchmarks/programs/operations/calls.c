/*
 * calls.c - system calls that do as little as there is.
 */
#include "operations.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t work;

/* No kernel at all: both guests must be equally fast here. */
static int64_t compute(long count)
{
	int64_t begun_ns = now_ns();

	for (long i = 0; i < count; i++)
		work = work * 6364136223846793005u + 1442695040888963407u;
	return now_ns() - begun_ns;
}

/* Not getpid: a C library may remember it. */
static int64_t null_call(long count)
{
	int64_t begun_ns = now_ns();

	for (long i = 0; i < count; i++)
		syscall(SYS_getppid);
	return now_ns() - begun_ns;
}

/* As programs read the clock: through the C library, and the vDSO if there is one. */
static int64_t clock_library(long count)
{
	struct timespec now;
	int64_t begun_ns = now_ns();

	for (long i = 0; i < count; i++)
		clock_gettime(CLOCK_MONOTONIC, &now);
	return now_ns() - begun_ns;
}

/* In rumpkit: a system call that makes one hypercall. */
static int64_t clock_call(long count)
{
	struct timespec now;
	int64_t begun_ns = now_ns();

	for (long i = 0; i < count; i++)
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now_ns() - begun_ns;
}

static void on_signal(int number)
{
	(void)number;
}

static int64_t signal_call(long count)
{
	int64_t begun_ns;
	pid_t self = getpid();

	signal(SIGUSR1, on_signal);
	begun_ns = now_ns();
	for (long i = 0; i < count; i++)
		kill(self, SIGUSR1);
	return now_ns() - begun_ns;
}

const struct operation operations_calls[] = {
	{ "compute", compute },
	{ "null_call", null_call },
	{ "clock_library", clock_library },
	{ "clock_call", clock_call },
	{ "signal", signal_call },
	{ 0 },
};
