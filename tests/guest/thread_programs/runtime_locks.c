/*
 * runtime_locks.c - threads of the runtime itself that wait for its locks, and for each
 * other.  Linked with the layers below the hypercalls, without factions.
 */
#include "rumpuser.h"

static struct rumpuser_mtx *red, *green;
static struct rumpuser_rw *list;
static struct rumpuser_cv *never;

void _start(void);
void bmk_start_factions(void);

static void pass(void)
{
	rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, 0, 1000000);
}

static void *red_then_green(void *argument)
{
	rumpuser_mutex_enter_nowrap(red);
	pass();
	rumpuser_mutex_enter_nowrap(green);
	return argument;
}

static void *green_then_red(void *argument)
{
	rumpuser_mutex_enter_nowrap(green);
	pass();
	rumpuser_mutex_enter(red);
	return argument;
}

static void *reader(void *argument)
{
	rumpuser_rw_enter(RUMPUSER_RW_READER, list);
	return argument;
}

void bmk_start_factions(void)
{
	static const char *const names[] = { "red_then_green", "green_then_red", "reader" };
	void *(*const functions[])(void *) = { red_then_green, green_then_red, reader };
	struct rumpuser_mtx *own;

	rumpuser_mutex_init(&red, 0);
	rumpuser_mutex_init(&green, 0);
	rumpuser_mutex_init(&own, 0);
	rumpuser_rw_init(&list);
	rumpuser_cv_init(&never);
	rumpuser_rw_enter(RUMPUSER_RW_WRITER, list);
	for (int i = 0; i < 3; i++)
		rumpuser_thread_create(functions[i], NULL, names[i], 0, 0, -1, NULL);
	/* Ten times: a machine that stands still may use up one of them at once. */
	for (int i = 0; i < 10; i++)
		rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, 0, 5000000);
	rumpuser_dprintf("ready\n");
	rumpuser_mutex_enter_nowrap(own);
	rumpuser_cv_wait_nowrap(never, own);
}

/* A host links a program's entry; this image has none. */
void _start(void)
{
}
