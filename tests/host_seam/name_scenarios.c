/*
 * name_scenarios.c - paths, directories, links, renaming, and what stat tells.
 */
#include "calls.h"

size_t strlen(const char *);
void *memset(void *, int, size_t);

static void opening(void)
{
	DO(open, "f", O_RDONLY, 0);
	DO(open, "f", O_RDWR | O_CREAT | O_EXCL, 0666);
	DO(open, "f", O_RDWR | O_CREAT | O_EXCL, 0666);
	DO(open, "f", O_RDONLY | O_DIRECTORY, 0);
	DO(open, "f/", O_RDONLY, 0);
	DO(open, "f/x", O_RDONLY, 0);
	DO(open, "f/x", O_RDWR | O_CREAT, 0600);
	DO(open, "new/", O_RDWR | O_CREAT, 0600);
	DO(open, "none/new", O_RDWR | O_CREAT, 0600);
	DO(open, "", O_RDONLY, 0);
	DO(open, "/", O_RDONLY, 0);
	DO(open, "/", O_RDWR, 0);
	DO(open, "/tmp", O_RDONLY | O_TRUNC, 0);
	DO(open, "/tmp", O_WRONLY | O_CREAT, 0600);
	DO(open, "/tmp", O_WRONLY | O_CREAT | O_EXCL, 0600);
	DO(open, ".", O_RDONLY | O_CREAT, 0600);
	DO(open, "tmp/..", O_RDWR | O_CREAT, 0600);
	DO(open, "g", O_CREAT | O_DIRECTORY | O_RDWR, 0600);
	DO(open, "f", O_WRONLY | O_TRUNC | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0);
	DO(fcntl, 6, F_GETFL, 0);
	DO(fcntl, 6, F_GETFD, 0);
	DO(openat, 77, "f", O_RDONLY, 0);
	DO(openat, 77, "/f", O_RDONLY, 0);
	DO(openat, 3, "f", O_RDONLY, 0);
	DO(openat, 4, "f", O_RDONLY, 0);
	DO(close, 3);
	DO(close, 3);
	DO(close, -1);
	DO(close, 100000);
	DO(open, "f", O_PATH, 0);
	DO(read, 3, 0, 0);
	DO(fstat, 3, (struct linux_stat[1]){});
	DO(fcntl, 3, F_GETFL, 0);
	DO(fchmod, 3, 0600);
	DO(ftruncate, 3, 0);
	DO(lseek, 3, 0, 0);
	DO(ioctl, 3, FIONREAD, 0);
	DO(dup, 3);
	DO(creat, "made", 0640);
	note_stat("made");
}

static void masks_and_modes(void)
{
	DO(umask, 027);
	DO(open, "f", O_CREAT | O_WRONLY, 07777);
	DO(mkdir, "d", 07777);
	DO(mknod, "p", S_IFIFO | 0666, 0);
	note_stat("f");
	note_stat("d");
	note_stat("p");
	DO(umask, 07777022);
	DO(umask, 022);
	DO(chmod, "d", S_ISGID | 0770);
	DO(chown, "d", 5, 6);
	DO(mkdir, "d/sub", 0755);
	DO(open, "d/file", O_CREAT | O_RDONLY, 0644);
	note_stat("d/sub");
	note_stat("d/file");
	DO(chmod, "f", 06777);
	DO(chown, "f", 1, -1);
	note_stat("f");
	DO(chmod, "f", 06767);
	DO(fchown, 3, -1, 2);
	note_stat("f");
	DO(fchmod, 3, 0111);
	DO(fchmodat, AT_FDCWD, "none", 0111);
	DO(access, "f", R_OK | W_OK | X_OK);
	DO(chmod, "f", 0);
	DO(access, "f", R_OK | W_OK);
	DO(access, "f", X_OK);
	DO(access, "f", 8);
	DO(access, "none", F_OK);
	DO(access, "d", X_OK);
	DO(faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS);
	DO(faccessat2, 3, "", R_OK, AT_EMPTY_PATH);
	DO(faccessat2, 3, "", R_OK, 0x8000);
	DO(mknod, "q", S_IFREG | 0666, 0);
	DO(mknod, "r", 0666, 0);
	DO(mknod, "s", S_IFDIR | 0666, 0);
	DO(mknod, "t", S_IFLNK | 0666, 0);
	DO(mknod, "u", S_IFSOCK | 0666, 0);
	DO(open, "u", O_RDWR, 0);
	note_listing(".");
}

static void directories(void)
{
	DO(mkdir, "d", 0755);
	DO(mkdir, "d", 0755);
	DO(mkdir, "d/", 0755);
	DO(mkdir, "e///", 0755);
	DO(mkdir, "d/e/f", 0755);
	DO(mkdir, ".", 0755);
	DO(mkdir, "..", 0755);
	DO(mkdir, "/", 0755);
	DO(mkdir, "", 0755);
	put("d/f", "text");
	DO(mkdir, "d/f", 0755);
	DO(mkdir, "d/f/x", 0755);
	DO(rmdir, "d");
	DO(rmdir, "d/f");
	DO(rmdir, "d/.");
	DO(rmdir, "d/..");
	DO(rmdir, "/");
	DO(rmdir, "none");
	DO(unlink, "d");
	DO(unlink, "d/");
	DO(unlink, "d/f/");
	DO(unlink, "d/.");
	DO(unlinkat, AT_FDCWD, "d/f", AT_REMOVEDIR);
	DO(unlinkat, AT_FDCWD, "d/f", 1);
	DO(unlink, "d/f");
	DO(unlink, "d/f");
	DO(rmdir, "d/");
	DO(rmdir, "e");
	note_listing(".");
}

static void working_directory(void)
{
	char text[64];

	DO(mkdir, "a", 0755);
	DO(mkdir, "a/b", 0755);
	put("a/f", "");
	DO(getcwd, text, sizeof text);
	DO(chdir, "a/b");
	DO(getcwd, text, sizeof text);
	note("cwd %s\n", text);
	DO(getcwd, text, 4);
	DO(getcwd, 0, 100);
	DO(chdir, "../f");
	DO(chdir, "none");
	DO(open, "..", O_RDONLY, 0);
	DO(rmdir, "../b");
	DO(getcwd, text, sizeof text);
	DO(open, "new", O_CREAT | O_RDWR, 0600);
	DO(mkdir, "new", 0700);
	DO(open, ".", O_RDONLY, 0);
	DO(getdents64, 4, text, sizeof text);
	DO(chdir, "..");
	DO(getcwd, text, sizeof text);
	DO(fchdir, 3);
	DO(fchdir, 77);
	DO(open, "f", O_RDONLY, 0);
	DO(fchdir, 5);
	DO(chdir, "/../..");
	DO(getcwd, text, sizeof text);
}

static void hard_links(void)
{
	put("f", "hello");
	QUIET(mkdir, "d", 0755);
	QUIET(symlink, "f", "s");
	DO(link, "f", "g");
	DO(link, "f", "g");
	DO(link, "f", "d/h");
	DO(link, "f", "new/");
	DO(link, "d", "e");
	DO(link, "none", "e");
	DO(link, "s", "s2");
	DO(linkat, AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW);
	DO(linkat, AT_FDCWD, "s", AT_FDCWD, "s4", 1);
	note_stat("f");
	note_stat("s2");
	note_stat("s3");
	DO(unlink, "f");
	note_stat("g");
	note_content("g");
	DO(open, "g", O_RDWR, 0);
	DO(unlink, "g");
	DO(unlink, "d/h");
	DO(unlink, "s3");
	note_fstat(3);
	DO(linkat, 3, "", AT_FDCWD, "back", AT_EMPTY_PATH);
	DO(open, ".", O_TMPFILE | O_RDWR, 0600);
	DO(fcntl, 4, F_GETFL, 0);
	DO(write, 4, "tmp", 3);
	note_fstat(4);
	DO(linkat, 4, "", AT_FDCWD, "named", AT_EMPTY_PATH);
	note_stat("named");
	DO(open, "named", O_TMPFILE | O_RDWR, 0600);
	DO(open, "d", O_TMPFILE | O_RDONLY, 0600);
	DO(open, "d", O_TMPFILE | O_RDWR | O_EXCL, 0600);
	DO(linkat, 5, "", AT_FDCWD, "named2", AT_EMPTY_PATH);
}

static void symbolic_links(void)
{
	static char path[5000];
	char text[64];
	int i;

	put("f", "content");
	QUIET(mkdir, "d", 0755);
	put("d/in", "inner");
	DO(symlink, "f", "s");
	DO(symlink, "f", "s");
	DO(symlink, "", "empty");
	DO(symlink, "x", "");
	DO(symlink, "x", "none/");
	DO(symlink, "d", "sd");
	DO(symlink, "/d/in", "abs");
	DO(symlink, "loop", "loop");
	DO(symlink, "dangling-target", "dangling");
	DO(symlink, "../d/../f", "d/up");
	note_stat("s");
	note_stat("sd/");
	note_stat("sd/in");
	note_stat("abs");
	note_stat("loop");
	note_stat("loop/x");
	note_stat("dangling");
	note_content("d/up");
	note_content("sd/up");
	DO(readlink, "abs", text, sizeof text);
	DO(readlink, "abs", text, 3);
	DO(readlink, "abs", text, 0);
	DO(readlink, "f", text, sizeof text);
	DO(readlink, "sd/", text, sizeof text);
	DO(open, "s", O_RDONLY | O_NOFOLLOW, 0);
	DO(open, "s", O_RDONLY | O_NOFOLLOW | O_DIRECTORY, 0);
	DO(open, "s", O_PATH | O_NOFOLLOW, 0);
	note_fstat(3);
	DO(readlinkat, 3, "", text, sizeof text);
	DO(open, "s", O_RDWR | O_CREAT | O_EXCL, 0600);
	DO(open, "dangling", O_RDONLY, 0);
	DO(open, "dangling", O_RDWR | O_CREAT | O_EXCL, 0600);
	DO(open, "dangling", O_RDWR | O_CREAT, 0600);
	note_stat("dangling-target");
	DO(mkdir, "dangling/", 0755);
	DO(unlink, "sd/");
	DO(rmdir, "sd/");
	DO(rmdir, "sd");
	DO(unlink, "sd/in");
	DO(unlink, "sd");
	for (i = 0; i < 45; i++) {
		char from[8] = { 'l', (char)('a' + i / 10), (char)('0' + i % 10), 0 };
		char to[8] = { 'l', (char)('a' + (i + 1) / 10), (char)('0' + (i + 1) % 10), 0 };

		QUIET(symlink, to, from);
	}
	put("le5", "end");
	note_content("la4");
	note_content("la5");
	note_content("la6");
	memset(path, 'x', sizeof path);
	path[255] = 0;
	DO(open, path, O_CREAT | O_RDWR, 0600);
	path[255] = 'x';
	path[256] = 0;
	DO(open, path, O_CREAT | O_RDWR, 0600);
	DO(symlink, path, "long");
	note_stat("long");
	path[256] = 'x';
	path[4095] = 0;
	DO(open, path, O_RDONLY, 0);
	path[4095] = 'x';
	path[4999] = 0;
	DO(open, path, O_RDONLY, 0);
	DO(symlink, path, "longer");
	memset(path, '/', 4095);
	path[4094] = 'f';
	path[4095] = 0;
	DO(access, path, F_OK);
}

static void renaming(void)
{
	char text[64];

	put("f", "f");
	put("g", "g");
	DO(mkdir, "d", 0755);
	DO(mkdir, "d/e", 0755);
	DO(mkdir, "empty", 0755);
	QUIET(symlink, "d", "sd");
	DO(rename, "f", "f");
	DO(rename, "f", "h");
	DO(rename, "h", "g");
	note_content("g");
	DO(rename, "none", "x");
	DO(rename, "g", "none/x");
	DO(rename, "g", "d");
	DO(rename, "d", "g");
	DO(rename, "g", "x/");
	DO(rename, "g/", "x");
	DO(rename, "d", "d/e/x");
	DO(rename, "d/e", "d");
	DO(rename, "d/e", "empty");
	note_listing("d");
	DO(mkdir, "d/e", 0755);
	DO(rename, "empty", "d");
	DO(rename, "empty/", "moved/");
	DO(rename, "moved", "d/inner");
	note_listing("d");
	DO(rename, "d/.", "x");
	DO(rename, "d", "..");
	DO(rename, "/", "x");
	DO(rename, "sd/", "x");
	DO(rename, "sd", "sd2");
	DO(rename, "d/e", "sd2");
	DO(renameat2, AT_FDCWD, "g", AT_FDCWD, "d", RENAME_NOREPLACE);
	DO(renameat2, AT_FDCWD, "g", AT_FDCWD, "i", RENAME_NOREPLACE);
	DO(renameat2, AT_FDCWD, "i", AT_FDCWD, "d", RENAME_EXCHANGE);
	DO(renameat2, AT_FDCWD, "i", AT_FDCWD, "none", RENAME_EXCHANGE);
	DO(renameat2, AT_FDCWD, "i", AT_FDCWD, "d", 3);
	DO(renameat2, AT_FDCWD, "i", AT_FDCWD, "d", 64);
	DO(renameat2, AT_FDCWD, "i/e", AT_FDCWD, "i", RENAME_EXCHANGE);
	DO(renameat2, AT_FDCWD, "i", AT_FDCWD, "i/e", RENAME_EXCHANGE);
	note_content("d");
	note_listing("i");
	DO(chdir, "i/e");
	DO(rename, "/i/e", "/top");
	DO(getcwd, text, sizeof text);
	note("cwd %s\n", text);
	DO(rename, "../d", "../i/f");
	DO(link, "/i/f", "/j");
	DO(rename, "/i/f", "/j");
	note_listing("/");
	note_listing("/i");
	note_stat("/j");
}

static void link_counts(void)
{
	struct linux_stat stat;
	static const char *const paths[] = { "/", "a", "a/b", "c" };

	DO(mkdir, "a", 0755);
	DO(mkdir, "a/b", 0755);
	DO(mkdir, "c", 0755);
	DO(rename, "a/b", "c/b");
	DO(mkdir, "a/b", 0755);
	DO(mkdir, "a/b/x", 0755);
	put("f", "");
	DO(renameat2, AT_FDCWD, "f", AT_FDCWD, "a/b/x", RENAME_EXCHANGE);
	DO(mkdir, "y", 0755);
	DO(rename, "y", "f");
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		QUIET(stat, paths[i], &stat);
		/* Linux's root has the mount's own directories as well: count from there. */
		note("nlink %s %lu\n", paths[i], i ? stat.st_nlink : 0);
	}
}

static void many_entries(void)
{
	char name[16] = "d/file-0000";
	int i;

	QUIET(mkdir, "d", 0755);
	for (i = 0; i < 1000; i++) {
		name[7] = (char)('0' + i / 1000);
		name[8] = (char)('0' + i / 100 % 10);
		name[9] = (char)('0' + i / 10 % 10);
		name[10] = (char)('0' + i % 10);
		QUIET(mknod, name, S_IFREG | 0600, 0);
	}
	note_listing("d");
	for (i = 0; i < 1000; i += 3) {
		name[8] = (char)('0' + i / 100 % 10);
		name[9] = (char)('0' + i / 10 % 10);
		name[10] = (char)('0' + i % 10);
		QUIET(unlink, name);
	}
	note_listing("d");
	DO(rmdir, "d");
}

static void listing_in_pieces(void)
{
	char records[280];
	long got, first;

	QUIET(mkdir, "d", 0755);
	put("d/a-rather-long-name-that-needs-room", "");
	DO(open, "d", O_RDONLY, 0);
	DO(getdents64, 3, records, 8);
	DO(getdents64, 3, records, 24);
	DO(getdents64, 3, records, 24);
	DO(getdents64, 3, records, 24);
	DO(lseek, 3, 0, SEEK_SET);
	first = QUIET(getdents64, 3, records, sizeof records);
	note("all at once %ld\n", first);
	got = QUIET(getdents64, 3, records, sizeof records);
	note("at the end %ld\n", got);
	DO(lseek, 3, -1, SEEK_SET);
	DO(lseek, 3, 0, SEEK_SET);
	DO(getdents64, 3, 0, 4096);
	DO(read, 3, records, 10);
	DO(write, 3, records, 10);
	DO(getdents64, 77, records, 100);
	DO(open, "d/a-rather-long-name-that-needs-room", O_RDONLY, 0);
	DO(getdents64, 4, records, 100);
	DO(ioctl, 3, FIONREAD, records);
	DO(ftruncate, 3, 0);
	DO(fsync, 3);
}

static void times(void)
{
	struct linux_timespec set[2] = { { 1000, 5 }, { 2000000000, 999999999 } };
	struct linux_stat stat;

	put("f", "x");
	QUIET(symlink, "f", "s");
	DO(utimensat, AT_FDCWD, "f", set, 0);
	QUIET(stat, "f", &stat);
	note("%ld.%ld %ld.%ld\n", stat.st_atim.tv_sec, stat.st_atim.tv_nsec,
	    stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec);
	set[0].tv_nsec = UTIME_OMIT;
	set[1] = (struct linux_timespec){ -5, 7 };
	DO(utimensat, AT_FDCWD, "s", set, AT_SYMLINK_NOFOLLOW);
	QUIET(lstat, "s", &stat);
	note("%d %ld.%ld\n", stat.st_atim.tv_sec > 1000000000, stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec);
	QUIET(stat, "f", &stat);
	note("%ld\n", stat.st_mtim.tv_sec);
	set[0].tv_nsec = 1000000000;
	DO(utimensat, AT_FDCWD, "f", set, 0);
	set[0].tv_nsec = set[1].tv_nsec = UTIME_OMIT;
	DO(utimensat, AT_FDCWD, "none", set, 0);
	set[1].tv_nsec = UTIME_NOW;
	DO(utimensat, AT_FDCWD, "f", set, 0);
	DO(utimensat, AT_FDCWD, "none", 0, 0);
	DO(open, "f", O_RDWR, 0);
	DO(utimensat, 3, 0, set, 0);
	DO(utimensat, 3, 0, 0, 0);
	DO(utimensat, AT_FDCWD, 0, 0, 0);
	DO(utimensat, 3, "f", 0, 0x10);
	DO(utimensat, 77, 0, 0, 0);
	QUIET(stat, "f", &stat);
	note("%d\n", stat.st_mtim.tv_sec > 1000000000);
}

/* What changes which time: the file's and its directory's. */
static void time_rules(void)
{
	static const struct linux_timespec past[2] = { { 100, 0 }, { 200, 0 } };
	struct linux_stat stat;
	char byte;
#define MOVED(what) do { \
		QUIET(stat, "d/f", &stat); \
		note("%s: file a %d m %d", what, stat.st_atim.tv_sec > 1000, stat.st_mtim.tv_sec > 1000); \
		QUIET(stat, "d", &stat); \
		note(" dir m %d\n", stat.st_mtim.tv_sec > 1000); \
		QUIET(utimensat, AT_FDCWD, "d/f", past, 0); \
		QUIET(utimensat, AT_FDCWD, "d", past, 0); \
	} while (0)

	QUIET(mkdir, "d", 0755);
	QUIET(open, "d/f", O_RDWR | O_CREAT, 0644);
	MOVED("create");
	QUIET(write, 3, "x", 1);
	MOVED("write");
	QUIET(write, 3, "x", 0);
	MOVED("write nothing");
	QUIET(pread64, 3, &byte, 1, 0);
	MOVED("read");
	QUIET(ftruncate, 3, 1);
	MOVED("truncate to the same size");
	QUIET(ftruncate, 3, 0);
	MOVED("truncate");
	QUIET(chmod, "d/f", 0600);
	MOVED("chmod");
	QUIET(link, "d/f", "d/g");
	MOVED("link");
	QUIET(rename, "d/g", "d/h");
	MOVED("rename");
	QUIET(unlink, "d/h");
	MOVED("unlink");
	QUIET(close, QUIET(open, "d/f", O_WRONLY | O_TRUNC, 0));
	MOVED("open to truncate an empty file");
	QUIET(fallocate, 3, 0, 0, 100);
	MOVED("fallocate");
}

static void more_stat(void)
{
	struct linux_statx statx;
	struct linux_stat stat;

	put("f", "12345");
	QUIET(symlink, "f", "s");
	DO(statx, AT_FDCWD, "f", 0, STATX_BASIC_STATS, &statx);
	note("%o %u %lu %lu %x\n", statx.stx_mode, statx.stx_nlink, statx.stx_size,
	    statx.stx_blocks, statx.stx_mask & STATX_BASIC_STATS);
	DO(statx, AT_FDCWD, "s", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &statx);
	note("%o %lu\n", statx.stx_mode, statx.stx_size);
	DO(statx, AT_FDCWD, "f", 0x6000, STATX_BASIC_STATS, &statx);
	DO(statx, AT_FDCWD, "f", 1, STATX_BASIC_STATS, &statx);
	DO(statx, AT_FDCWD, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &statx);
	note("%o\n", statx.stx_mode);
	DO(open, "f", O_RDONLY, 0);
	DO(newfstatat, 3, "", &stat, AT_EMPTY_PATH);
	DO(newfstatat, 3, "", &stat, 0);
	DO(newfstatat, 3, "x", &stat, 0);
	DO(newfstatat, AT_FDCWD, "f", &stat, 1);
	DO(newfstatat, AT_FDCWD, "f", 0, 0);
	DO(fstat, 3, 8);
	DO(fstat, 99, &stat);
	DO(stat, 0, &stat);
	DO(stat, 8, &stat);
	DO(fstat, 0, &stat);
	note("%o\n", stat.st_mode & S_IFMT);
	DO(stat, "/dev/null", &stat);
	note("%o %lx\n", stat.st_mode, stat.st_rdev);
	DO(stat, "/dev/urandom", &stat);
	note("%o %lx\n", stat.st_mode, stat.st_rdev);
}

static void many_descriptors(void)
{
	long last = 0, count = 0;

	put("f", "");
	while ((last = QUIET(open, "f", O_RDONLY, 0)) >= 0 && last < 890)
		count++;
	note("%ld %ld\n", count, last);
	DO(close, 400);
	DO(dup, 3);
	DO(dup2, 3, 700);
	DO(dup2, 3, 3);
	DO(dup2, 899, 899);
	DO(dup2, 899, 3);
	DO(dup3, 3, 3, 0);
	DO(dup3, 3, 701, O_CLOEXEC);
	DO(dup3, 3, 701, 1);
	DO(fcntl, 701, F_GETFD, 0);
	DO(fcntl, 701, F_SETFD, 0);
	DO(fcntl, 701, F_GETFD, 0);
	DO(fcntl, 3, F_DUPFD, 100000000);
	DO(fcntl, 3, F_DUPFD, -1);
	DO(close_range, 10, 889, 0);
	DO(fcntl, 3, F_DUPFD, 20);
	DO(fcntl, 3, F_DUPFD_CLOEXEC, 20);
	DO(fcntl, 21, F_GETFD, 0);
	DO(close_range, 20, 20, 4);
	DO(fcntl, 20, F_GETFD, 0);
	DO(close_range, 9, 3, 0);
	DO(fcntl, 3, 9999, 0);
	DO(fcntl, 99, F_GETFD, 0);
	DO(fcntl, 3, F_SETFL, O_APPEND | O_NONBLOCK | O_RDWR | O_CREAT);
	DO(fcntl, 3, F_GETFL, 0);
	DO(fcntl, 4, F_GETFL, 0);
}

static void descriptor_links(void)
{
	char text[64];
	long got;

	put("f", "through");
	QUIET(mkdir, "d", 0755);
	DO(open, "f", O_RDONLY, 0);
	got = QUIET(readlink, "/proc/self/fd/3", text, sizeof text);
	note("%.*s\n", (int)got, text);
	note_content("/proc/self/fd/3");
	DO(open, "d", O_RDONLY, 0);
	got = QUIET(readlink, "/proc/self/fd/4", text, sizeof text);
	note("%.*s\n", (int)got, text);
	put("d/x", "in d");
	note_content("/proc/self/fd/4/x");
	DO(unlink, "f");
	note_content("/proc/self/fd/3");
	DO(readlink, "/proc/self/fd/77", text, sizeof text);
	DO(readlink, "/proc/self/fd/x", text, sizeof text);
	DO(readlink, "/proc/self/fd/03", text, sizeof text);
	DO(open, "/proc/self/fd/77", O_RDONLY, 0);
	DO(open, "/proc/self/fd/3", O_RDONLY | O_NOFOLLOW, 0);
	DO(open, "/proc/self/fd/new", O_RDWR | O_CREAT, 0600);
}

const struct scenario name_scenarios[] = {
	{ "opening", opening }, { "masks_and_modes", masks_and_modes },
	{ "directories", directories }, { "working_directory", working_directory },
	{ "hard_links", hard_links }, { "symbolic_links", symbolic_links },
	{ "renaming", renaming }, { "link_counts", link_counts },
	{ "many_entries", many_entries }, { "listing_in_pieces", listing_in_pieces },
	{ "times", times }, { "time_rules", time_rules }, { "more_stat", more_stat },
	{ "many_descriptors", many_descriptors }, { "descriptor_links", descriptor_links },
	{ NULL, NULL },
};
