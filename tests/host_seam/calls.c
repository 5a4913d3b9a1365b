/*
 * calls.c - noting calls and what files look like.
 */
#include <stdint.h>

#include "calls.h"

int strcmp(const char *, const char *);
size_t strlen(const char *);
void *memcpy(void *, const void *, size_t);
void qsort(void *, size_t, size_t, int (*)(const void *, const void *));

long quiet_call(long number, const long *words)
{
	return world->call(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

long noted_call(const char *text, long number, const long *words)
{
	long result = quiet_call(number, words);

	note("%s = %ld\n", text, result);
	return result;
}

static void note_one(const char *what, const char *path, long result,
    const struct linux_stat *stat)
{
	if (result) {
		note("%s %s: %ld\n", what, path, result);
		return;
	}
	note("%s %s: mode %o nlink %lu uid %u gid %u size %ld blocks %ld\n", what, path,
	    stat->st_mode, S_ISDIR(stat->st_mode) ? 0 : (unsigned long)stat->st_nlink,
	    stat->st_uid, stat->st_gid, S_ISDIR(stat->st_mode) ? 0 : (long)stat->st_size,
	    S_ISREG(stat->st_mode) ? (long)stat->st_blocks : 0);
}

void note_stat(const char *path)
{
	struct linux_stat stat;

	note_one("stat", path, QUIET(stat, path, &stat), &stat);
	note_one("lstat", path, QUIET(lstat, path, &stat), &stat);
}

void note_fstat(int descriptor)
{
	struct linux_stat stat;

	note_one("fstat", "descriptor", QUIET(fstat, descriptor, &stat), &stat);
}

#define MOST_ENTRIES 4096

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void note_listing(const char *path)
{
	static char records[256 * 1024];
	static const char *names[MOST_ENTRIES];
	long descriptor = QUIET(open, path, O_RDONLY | O_DIRECTORY, 0), used = 0, got;
	size_t count = 0, i;

	if (descriptor < 0) {
		note("listing %s: %ld\n", path, descriptor);
		return;
	}
	while ((got = QUIET(getdents64, descriptor, records + used, sizeof records - used)) > 0)
		used += got;
	for (long at = 0; at < used && count < MOST_ENTRIES;) {
		struct linux_dirent64 *record = (struct linux_dirent64 *)(records + at);

		/* d_name[-1] is d_type: note both. */
		record->d_name[-1] = (char)('0' + record->d_type % 10);
		names[count++] = record->d_name - 1;
		at += record->d_reclen;
	}
	qsort(names, count, sizeof *names, by_name);
	note("listing %s: %ld, %zu entries:", path, got, count);
	for (i = 0; i < count; i++)
		note(" %s", names[i]);
	note("\n");
	QUIET(close, descriptor);
}

void note_content(const char *path)
{
	static unsigned char bytes[65536];
	long descriptor = QUIET(open, path, O_RDONLY, 0), got, length = 0, i;
	uint32_t sum = 1;

	if (descriptor < 0) {
		note("content %s: %ld\n", path, descriptor);
		return;
	}
	while ((got = QUIET(read, descriptor, bytes, sizeof bytes)) > 0) {
		for (i = 0; i < got; i++)
			sum = sum * 31 + bytes[i];
		length += got;
		if (length > 1 << 20) /* enough of a sparse one */
			break;
	}
	note("content %s: %ld %ld %08x\n", path, got, length, sum);
	QUIET(close, descriptor);
}

void put(const char *path, const char *text)
{
	long descriptor = QUIET(open, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	QUIET(write, descriptor, text, strlen(text));
	QUIET(close, descriptor);
}
