/*
 * rumprun_caller.c - the rump kernel's side: calls that the linker leads to the wrappers.
 */
#include <stddef.h>
#include <stdint.h>

int rumpuser_malloc(size_t bytes, int alignment, void **memory);
int rumpuser_getparam(const char *name, void *buffer, size_t bytes);
void rumpuser_bio(int descriptor, int operation, void *data, size_t bytes, int64_t offset,
    void (*done)(void *, size_t, int), void *argument);
void rumpuser_dprintf(const char *format, ...);
void rumpuser_thread_exit(void);
int rump_syscall(int number, void *words, size_t bytes, long *result);
void bmk_mainthread(void *command_line);
void other_runs(void);
void run(void);
void wrapped(void *command_line);

static void done(void *argument, size_t bytes, int error)
{
	void *memory;

	(void)argument;
	rumpuser_malloc(bytes + 100, error, &memory);
}

static void system_calls(void)
{
	static const char there[] = "/some/where", missing[] = "/nope";
	uint64_t opened[] = { (uintptr_t)there, 0, 0 }, not_opened[] = { (uintptr_t)missing, 0, 0 };
	uint64_t seeks[] = { 7, 99, 12, 2 }, maps[] = { 1, 2, 3, 4, 5, 99, 6 };
	long result;

	rump_syscall(5, opened, sizeof(opened), &result);
	rump_syscall(199, seeks, sizeof(seeks), &result);
	rump_syscall(344, NULL, 0, &result);
	rump_syscall(4321, seeks, sizeof(seeks), &result);
	rump_syscall(5, not_opened, sizeof(not_opened), &result);
	rump_syscall(197, maps, sizeof(maps), &result);
}

void run(void)
{
	void *memory;
	char buffer[8];

	system_calls();
	rumpuser_malloc(64, 8, &memory);
	rumpuser_malloc(8192, 8, &memory);
	rumpuser_getparam("?NAME that is longer than one part of a text", buffer, sizeof(buffer));
	rumpuser_bio(1, 2, buffer, 4, 5, done, buffer);
	rumpuser_dprintf("%d %s\n", 1, "two");
	other_runs();
	rumpuser_getparam("NCPU", buffer, sizeof(buffer));
	rumpuser_thread_exit();
}

void wrapped(void *command_line)
{
	bmk_mainthread(command_line);
}
