/*
 * files.c - reads and writes of files in the root, which came in the archive.
 */
#include "operations.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOB "/data/blob"
#define BLOB_BYTES 0x100000

static char buffer[0x10000];

static int64_t read_pieces(long count, size_t bytes)
{
	int file = open(BLOB, O_RDONLY);
	int64_t taken_ns = now_ns();

	if (file < 0)
		return -1;
	for (long i = 0; i < count; i++)
		if (pread(file, buffer, bytes, (off_t)(i * bytes % BLOB_BYTES)) != (ssize_t)bytes)
			return -1;
	taken_ns = now_ns() - taken_ns;
	close(file);
	return taken_ns;
}

static int64_t read_1(long count)
{
	return read_pieces(count, 1);
}

static int64_t read_4096(long count)
{
	return read_pieces(count, 4096);
}

static int64_t read_65536(long count)
{
	return read_pieces(count, 65536);
}

/* A fresh file each time, so that its pages are made, too. */
static int64_t write_4096(long count)
{
	int file = open("/data/new", O_RDWR | O_CREAT | O_TRUNC, 0600);
	int64_t taken_ns = now_ns();

	if (file < 0)
		return -1;
	for (long i = 0; i < count; i++)
		if (write(file, buffer, 4096) != 4096)
			return -1;
	taken_ns = now_ns() - taken_ns;
	close(file);
	unlink("/data/new");
	return taken_ns;
}

static int64_t open_close(long count)
{
	int64_t begun_ns = now_ns();

	for (long i = 0; i < count; i++) {
		int file = open(BLOB, O_RDONLY);

		if (file < 0 || close(file))
			return -1;
	}
	return now_ns() - begun_ns;
}

static int64_t stat_call(long count)
{
	struct stat status;
	int64_t begun_ns = now_ns();

	for (long i = 0; i < count; i++)
		if (stat(BLOB, &status))
			return -1;
	return now_ns() - begun_ns;
}

const struct operation operations_files[] = {
	{ "read_1", read_1 },
	{ "read_4096", read_4096 },
	{ "read_65536", read_65536 },
	{ "write_4096", write_4096 },
	{ "open_close", open_close },
	{ "stat", stat_call },
	{ 0 },
};
