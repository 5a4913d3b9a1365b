/*
 * main.c - run a scenario in one of the two worlds and note what happens.
 *
 *   vfs_host list
 *   vfs_host guest SCENARIO [ARGUMENT...]
 *   vfs_host linux DIRECTORY SCENARIO [ARGUMENT...]
 *   vfs_host disk IMAGE SCENARIO [ARGUMENT...]  the guest, its root on a disk with ext2
 *
 * In the environment: LOSE_FROM=n, the n-th write to the disk and all after it are lost;
 * FAIL_READS=n, FAIL_WRITES=n, every n-th fails; POWER_CUT=n, at the n-th the power goes, and
 * the file STABLE, which held what IMAGE does, has what is left.  SERVER=seed: there is a 9p
 * server that says anything.  ARCHIVE, PROGRAM: files that are the image's archive, and a
 * program.  RAM_PAGES: so many the guest has, of 4 KiB.
 *
 * "fuzz SEED STEPS" is a scenario as well, and "fuzz SEED STEPS small".  Exit status 3: this
 * host cannot give the Linux world a root of its own.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "seam.h"

#define NOTES_DESCRIPTOR 901
#define MOST_THREADS 16
#define NO_NAMESPACES 3

const struct world *world;
static FILE *notes;

void note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(notes, format, arguments);
	va_end(arguments);
}

void notes_end(void)
{
	fflush(notes);
}

static pthread_t threads[MOST_THREADS];
static int thread_count;

struct work {
	void (*function)(void *);
	void *argument;
};

static void *run_work(void *argument)
{
	struct work work = *(struct work *)argument;

	free(argument);
	work.function(work.argument);
	return NULL;
}

void beside(void (*function)(void *), void *argument)
{
	struct work *work = malloc(sizeof *work);

	*work = (struct work){ function, argument };
	pthread_create(&threads[thread_count++], NULL, run_work, work);
}

void join_all(void)
{
	while (thread_count)
		pthread_join(threads[--thread_count], NULL);
}

void pause_ms(int milliseconds)
{
	struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000l };

	nanosleep(&time, NULL);
}

static const struct scenario *const groups[] = {
	name_scenarios, data_scenarios, wait_scenarios, terminal_scenarios, guest_scenarios,
	hostile_scenarios, ledger_scenarios,
};

static void list(void)
{
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		for (const struct scenario *at = groups[i]; at->name; at++)
			printf("%s %s\n", groups[i] == guest_scenarios || groups[i] == hostile_scenarios ||
			    groups[i] == ledger_scenarios ? "guest" : "both", at->name);
}

static int run(char **arguments)
{
	if (!strcmp(arguments[0], "fuzz")) {
		fuzz((unsigned)atoi(arguments[1]), atoi(arguments[2]), arguments[3] != NULL);
		return 0;
	}
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		for (const struct scenario *at = groups[i]; at->name; at++)
			if (!strcmp(at->name, arguments[0])) {
				at->run();
				return 0;
			}
	fprintf(stderr, "no scenario %s\n", arguments[0]);
	return 2;
}

static long setting(const char *name)
{
	const char *text = getenv(name);

	return text ? atol(text) : 0;
}

static bool prepare_disk(const char *image)
{
	disk_lose_from(setting("LOSE_FROM"));
	disk_fail_every(setting("FAIL_READS"), setting("FAIL_WRITES"));
	if (setting("POWER_CUT") && !power_cut_at(setting("POWER_CUT"), (unsigned)setting("SEED"),
	    getenv("STABLE")))
		return false;
	return disk_attach(image);
}

int main(int count, char **arguments)
{
	bool linux_wanted = count > 3 && !strcmp(arguments[1], "linux");
	bool disk_wanted = count > 3 && !strcmp(arguments[1], "disk");
	int status;

	if (count == 2 && !strcmp(arguments[1], "list")) {
		list();
		return 0;
	}
	if (count < 3)
		return 2;
	notes = fdopen(fcntl(STDOUT_FILENO, F_DUPFD, NOTES_DESCRIPTOR), "w");
	if (setting("RAM_PAGES"))
		seam_ram(setting("RAM_PAGES"));
	if (setting("SERVER"))
		server_start((unsigned)setting("SERVER"));
	if (disk_wanted && !prepare_disk(arguments[2]))
		return 2;
	world = linux_wanted ? linux_world(arguments[2]) : guest_world(disk_wanted ? "ext2" : NULL);
	if (!world)
		return NO_NAMESPACES;
	status = run(arguments + (linux_wanted || disk_wanted ? 3 : 2));
	if (disk_wanted)
		guest_stop();
	fclose(notes);
	_exit(status); /* what the guest's root holds is no leak */
}
