/*
 * disk.c - the seam's block device on a file: requests end in a thread of their own, can
 * fail, and can be lost as when a machine is switched off.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rumpuser.h"
#include "seam.h"
#include "seam_inside.h"

struct request {
	struct request *next;
	int operation;
	void *data;
	size_t bytes;
	int64_t offset;
	rump_biodone_fn done;
	void *argument;
};

static int file = -1;
static uint64_t file_bytes;
static struct request *first, **end = &first;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static long writes, reads, lose_from, fail_reads, fail_writes;

void disk_lose_from(long n)
{
	lose_from = n;
}

long disk_writes(void)
{
	return writes;
}

void disk_fail_every(long every_read, long every_write)
{
	fail_reads = every_read;
	fail_writes = every_write;
}

static ssize_t transfer(const struct request *request)
{
	if (request->operation & RUMPUSER_BIO_READ) {
		if (fail_reads && ++reads % fail_reads == 0)
			return -1;
		return pread(file, request->data, request->bytes, request->offset);
	}
	writes++;
	if (fail_writes && writes % fail_writes == 0)
		return -1;
	if (lose_from && writes >= lose_from)
		return (ssize_t)request->bytes;
	power_written(request->data, request->bytes, request->offset);
	if (request->operation & RUMPUSER_BIO_SYNC)
		power_settled();
	return pwrite(file, request->data, request->bytes, request->offset);
}

static struct request *next_request(void)
{
	struct request *request;

	pthread_mutex_lock(&lock);
	while (!first)
		pthread_cond_wait(&arrived, &lock);
	request = first;
	first = request->next;
	if (!first)
		end = &first;
	pthread_mutex_unlock(&lock);
	return request;
}

static void *serve(void *unused)
{
	for (;;) {
		struct request *request = next_request();
		ssize_t moved = transfer(request);

		pthread_mutex_lock(&processor); /* interrupts come when no thread is inside */
		request->done(request->argument, moved < 0 ? 0 : (size_t)moved,
		    moved == (ssize_t)request->bytes ? 0 : RUMPUSER_EIO);
		pthread_mutex_unlock(&processor);
		free(request);
	}
	return unused;
}

bool disk_attach(const char *path)
{
	struct stat status;
	pthread_t thread;

	file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0 || fstat(file, &status)) {
		perror(path);
		return false;
	}
	file = fcntl(file, F_DUPFD_CLOEXEC, 950); /* out of the way of what scenarios close */
	file_bytes = (uint64_t)status.st_size;
	return !pthread_create(&thread, NULL, serve, NULL);
}

int rumpuser_getfileinfo(const char *path, uint64_t *bytes, int *file_type)
{
	if (strcmp(path, "blk0") || file < 0)
		return RUMPUSER_ENOENT;
	*bytes = file_bytes / 512 * 512;
	*file_type = RUMPUSER_FT_BLK;
	return 0;
}

int rumpuser_open(const char *path, int mode, int *descriptor)
{
	(void)mode;
	*descriptor = 0;
	return strcmp(path, "blk0") || file < 0 ? RUMPUSER_ENOENT : 0;
}

int rumpuser_close(int descriptor)
{
	(void)descriptor;
	return 0;
}

void rumpuser_bio(int descriptor, int operation, void *data, size_t bytes, int64_t offset,
    rump_biodone_fn done, void *done_argument)
{
	struct request *request = malloc(sizeof *request);

	(void)descriptor;
	*request = (struct request){ NULL, operation, data, bytes, offset, done, done_argument };
	pthread_mutex_lock(&lock);
	*end = request;
	end = &request->next;
	pthread_cond_signal(&arrived);
	pthread_mutex_unlock(&lock);
}

int rumpuser_syncfd(int descriptor, int flags, uint64_t start, uint64_t bytes)
{
	(void)descriptor;
	(void)flags;
	(void)start;
	(void)bytes;
	power_settled();
	return 0;
}

int rumpuser_getparam(const char *name, void *buffer, size_t bytes)
{
	static const char hostname[] = "guest";

	if (strcmp(name, RUMPUSER_PARAM_HOSTNAME) || bytes < sizeof(hostname))
		return RUMPUSER_ENOENT;
	memcpy(buffer, hostname, sizeof(hostname));
	return 0;
}

const char *rumpcomp_config(void)
{
	return "{}";
}

void rumpuser_exit(int status)
{
	exit(status);
}
