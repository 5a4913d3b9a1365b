/*
 * power.c - the power goes: what a disk had in its cache is there in part, by chance.
 *
 * Writes go to the disk's file at once, and are noted; a flush copies what was noted to
 * the stable file.  At the end any of the sectors noted since then may be there as well,
 * also a later one without an earlier one, also half of a request.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "seam.h"
#include "seam_inside.h"

#define SECTOR_BYTES 512

struct written {
	struct written *next;
	off_t offset;
	size_t bytes;
	char data[];
};

static struct written *first, **end = &first;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int stable = -1;
static long cut_at, writes;

bool power_cut_at(long write, unsigned seed, const char *path)
{
	cut_at = write;
	srand(seed);
	stable = open(path, O_WRONLY | O_CLOEXEC);
	if (stable < 0)
		perror(path);
	else
		stable = fcntl(stable, F_DUPFD_CLOEXEC, 951);
	return stable >= 0;
}

static void keep(const struct written *written, size_t at, size_t bytes)
{
	if (pwrite(stable, written->data + at, bytes, written->offset + (off_t)at) != (ssize_t)bytes)
		abort();
}

/* Does not return, and lets nobody else in. */
static void cut(void)
{
	for (struct written *one = first; one; one = one->next)
		for (size_t at = 0; at < one->bytes; at += SECTOR_BYTES)
			if (rand() & 1)
				keep(one, at, SECTOR_BYTES);
	notes_end();
	_exit(0);
}

void power_written(const void *data, size_t bytes, off_t offset)
{
	struct written *written;

	if (stable < 0)
		return;
	pthread_mutex_lock(&lock);
	written = malloc(sizeof *written + bytes);
	written->next = NULL;
	written->offset = offset;
	written->bytes = bytes;
	memcpy(written->data, data, bytes);
	*end = written;
	end = &written->next;
	if (++writes == cut_at)
		cut();
	pthread_mutex_unlock(&lock);
}

void power_settled(void)
{
	struct written *one;

	if (stable < 0)
		return;
	pthread_mutex_lock(&lock);
	while ((one = first)) {
		keep(one, 0, one->bytes);
		first = one->next;
		free(one);
	}
	end = &first;
	pthread_mutex_unlock(&lock);
}
