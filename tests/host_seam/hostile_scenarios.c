/*
 * hostile_scenarios.c - disks, servers, archives and programs that hold anything at all:
 * used in every way, for the sanitizers to see.
 */
#include "calls.h"

#define DEEPEST 8
#define MOST_CALLS 3000

int strcmp(const char *, const char *);
int snprintf(char *, size_t, const char *, ...);
void free(void *);
int load_program(const char *path);
void *host_program(size_t *bytes);

static char bytes[70000];
static int calls;

static void use_file(const char *path)
{
	long file = QUIET(open, path, O_RDWR | O_NONBLOCK, 0);

	if (file < 0)
		file = QUIET(open, path, O_RDONLY | O_NONBLOCK, 0);
	if (file < 0)
		return;
	for (int i = 0; i < 40 && QUIET(read, file, bytes, sizeof bytes) > 0; i++)
		;
	QUIET(lseek, file, 100, SEEK_DATA);
	QUIET(lseek, file, 100, SEEK_HOLE);
	QUIET(pwrite64, file, bytes, 5000, 100000);
	QUIET(pwrite64, file, bytes, 10, 20000000);
	QUIET(fallocate, file, 3, 4096, 50000);
	QUIET(ftruncate, file, 3000);
	QUIET(fsync, file);
	QUIET(close, file);
}

static void use_directory(const char *path, int depth);

static void use(const char *path, int depth)
{
	struct linux_stat stat;

	if (++calls > MOST_CALLS || QUIET(lstat, path, &stat))
		return;
	QUIET(chmod, path, 0755);
	QUIET(utimensat, AT_FDCWD, path, 0, 0);
	QUIET(readlink, path, bytes, 4096);
	if (S_ISDIR(stat.st_mode) && depth < DEEPEST)
		use_directory(path, depth + 1);
	else if (S_ISREG(stat.st_mode))
		use_file(path);
}

static void change_names(const char *path, int depth)
{
	char one[2000], two[2000];

	for (int i = 0; i < 12; i++) {
		snprintf(one, sizeof one, "%s/made-with-a-long-name-%d", path, i);
		snprintf(two, sizeof two, "%s/other%d", path, i);
		QUIET(mkdir, one, 0755);
		QUIET(symlink, i % 2 ? "short" : one, two);
		QUIET(rename, one, two);
		QUIET(link, two, one);
		QUIET(open, one, O_CREAT | O_TRUNC | O_WRONLY | O_NONBLOCK, 0644);
	}
	if (depth < 3)
		for (int i = 0; i < 12; i += 2) {
			snprintf(two, sizeof two, "%s/other%d", path, i);
			QUIET(rmdir, two);
			QUIET(unlink, two);
		}
	QUIET(close_range, 3, 800, 0);
}

static void use_directory(const char *path, int depth)
{
	char records[4096], below[2000];
	long dir = QUIET(open, path, O_RDONLY | O_DIRECTORY, 0), got;

	if (dir < 0)
		return;
	for (int i = 0; i < 20 && (got = QUIET(getdents64, dir, records, sizeof records)) > 0; i++)
		for (long at = 0; at < got;) {
			struct linux_dirent64 *record = (struct linux_dirent64 *)(records + at);

			at += record->d_reclen;
			if (strcmp(record->d_name, ".") && strcmp(record->d_name, "..") &&
			    snprintf(below, sizeof below, "%s/%s", path, record->d_name) < 1000)
				use(below, depth);
		}
	QUIET(close, dir);
	change_names(path, depth);
}

static void use_everything(void)
{
	struct linux_statfs statfs;

	use_directory(".", 0);
	DO(statfs, ".", &statfs);
	QUIET(syncfs, 0);
	note("%d files\n", calls);
}

/* What the random server shows. */
static void use_server(void)
{
	long result = 1;

	QUIET(mkdir, "/work", 0755);
	for (int i = 0; i < 50 && result; i++)
		result = QUIET(mount, "tag", "/work", "9p", 0, 0);
	note("mount: %ld\n", result);
	for (int round = 0; round < 6; round++)
		use_directory("/work", 2);
	QUIET(umount2, "/work", 2);
	note("%d files\n", calls);
}

/* The archive was unpacked when the guest began; look at what it left. */
static void use_archive(void)
{
	use_directory("/", 5);
	note("%d files\n", calls);
}

static void load(void)
{
	size_t length;
	char *data = host_program(&length);
	long file = QUIET(open, "/tmp/program", O_CREAT | O_WRONLY, 0755);

	QUIET(write, file, data, length);
	QUIET(close, file);
	free(data);
	note("load: %d\n", load_program("/tmp/program"));
}

const struct scenario hostile_scenarios[] = {
	{ "use_everything", use_everything }, { "use_server", use_server },
	{ "use_archive", use_archive }, { "load", load }, { NULL, NULL },
};
