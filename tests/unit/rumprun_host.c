/*
 * rumprun_host.c - upstream's side of what images/rumprun traces, as a program of this machine.
 *
 * Two threads of its own making take turns on one stack: what counts is what is told of them.
 * At the end the header, the threads and the ring are written to standard output, with
 * offsets in the place of addresses.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lab_abi.h"
#include "upstream.h"

#define THREADS_BYTES (256 * sizeof(struct lab_thread))

extern struct lab_header lab_header;
void run(void); /* rumprun_caller.c */

unsigned long bmk_memsize = 16ul << 20;
__thread struct bmk_thread *bmk_current;
static struct upstream_thread threads[2] = { { .name = "main", .flags = 8 },
    { .name = "other", .flags = 8 } };
static void (*hook)(void *, void *);

void *bmk_pgalloc(int order) { return aligned_alloc(4096, 4096ul << order); }
int64_t bmk_platform_cpu_clock_epochoffset(void) { return 5; }
const char *bmk_sched_threadname(struct bmk_thread *thread) { return (const char *)thread; }
void bmk_sched_set_hook(void (*other)(void *, void *)) { hook = other; }
void bmk_sched_exit(void) { }
void bmk_sched_exit_withtls(void) { }
void bmk_vprintf(const char *format, va_list arguments) { (void)format; (void)arguments; }

int64_t bmk_platform_cpu_clock_monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

int rumpuser_malloc(size_t bytes, int alignment, void **memory)
{
	*memory = &threads[0];
	return bytes > 4096 ? 12 : alignment < 0;
}

/* One file is not there, and a mapping has an error that Linux has not. */
int rump_syscall(int number, void *words, size_t bytes, long *result)
{
	const char *const *path = words;

	(void)bytes;
	*result = 7;
	return number == 5 && strcmp(*path, "/nope") == 0 ? 2 : number == 197 ? 79 : 0;
}

int rumpuser_getparam(const char *name, void *buffer, size_t bytes)
{
	(void)buffer;
	(void)bytes;
	return name[0] == '?' ? 2 : 0;
}

void rumpuser_bio(int descriptor, int operation, void *data, size_t bytes, int64_t offset,
    void (*done)(void *, size_t, int), void *argument)
{
	/* Six words come in registers, and one does not. */
	if (descriptor == 1 && operation == 2 && data && bytes == 4 && offset == 5)
		done(argument, bytes, 0);
}

void rumpuser_thread_exit(void) { }
void rumpuser_sp_fini(void *argument) { (void)argument; }
void rumpuser_dprintf(const char *format, ...) { (void)format; }

static char *thread_pointer(void)
{
	char *pointer;

	__asm__("movq %%fs:0, %0" : "=r"(pointer));
	return pointer;
}

/* The other thread comes to run; its thread-local variables are these, and begin as zero. */
void other_runs(void)
{
	extern __thread uint32_t lab_own_number;

	threads[0].flags = 4;
	hook(NULL, NULL);
	lab_own_number = 0;
	bmk_current = (struct bmk_thread *)&threads[1];
}

void bmk_mainthread(void *command_line)
{
	(void)command_line;
	run();
}

int main(int argc, char **argv)
{
	void wrapped(void *command_line);
	struct lab_header told;

	bmk_current = (struct bmk_thread *)&threads[0];
	threads[0].thread_pointer = threads[1].thread_pointer = thread_pointer();
	wrapped(argc > 1 ? argv[1] : NULL);
	told = lab_header;
	told.counters_address = sizeof(told);
	told.threads_address = told.counters_address + 8 * LAB_EVENTS;
	told.ring_address = told.threads_address + THREADS_BYTES;
	fwrite(&told, sizeof(told), 1, stdout);
	fwrite((void *)lab_header.counters_address, 8, LAB_EVENTS, stdout);
	fwrite((void *)lab_header.threads_address, 1, THREADS_BYTES, stdout);
	fwrite((void *)lab_header.ring_address, sizeof(struct lab_record), told.ring_capacity, stdout);
	return 0;
}
