/*
 * files.c - what programs do with files: make, write, read, list, link, move, remove.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static void result(const char *what, long value)
{
	printf("%s: %ld%s%s\n", what, value, value < 0 ? " " : "", value < 0 ? strerror(errno) : "");
}

static void show(const char *path)
{
	struct stat stat;

	if (lstat(path, &stat)) {
		result(path, -1);
		return;
	}
	printf("%s: mode %o, %ld link(s), %ld bytes\n", path, stat.st_mode,
	    S_ISDIR(stat.st_mode) ? 1 : (long)stat.st_nlink,
	    S_ISDIR(stat.st_mode) ? 0 : (long)stat.st_size);
}

static void content(const char *path)
{
	char text[256];
	int file = open(path, O_RDONLY);
	ssize_t got;

	if (file < 0) {
		result(path, file);
		return;
	}
	got = read(file, text, sizeof text);
	printf("%s holds %zd: %.*s\n", path, got, (int)got, text);
	close(file);
}

static void list(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort), i;

	printf("%s:", path);
	for (i = 0; i < count; i++) {
		printf(" %s", entries[i]->d_name);
		free(entries[i]);
	}
	printf("\n");
	free(entries);
}

static void write_and_read(void)
{
	struct iovec parts[2] = { { "one ", 4 }, { "two", 3 } };
	int file = open("text", O_RDWR | O_CREAT | O_EXCL, 0644);

	result("write", write(file, "hello, file\n", 12));
	result("seek", lseek(file, 7, SEEK_SET));
	result("overwrite", write(file, "world!", 6));
	result("at an offset", pwrite(file, "H", 1, 0));
	result("vector", pwritev(file, parts, 2, 20));
	result("end", lseek(file, 0, SEEK_END));
	result("truncate", ftruncate(file, 13));
	result("sync", fsync(file));
	close(file);
	content("text");
	show("text");
	result("again", open("text", O_RDWR | O_CREAT | O_EXCL, 0644));
	file = open("text", O_WRONLY | O_APPEND);
	result("append", write(file, "more", 4));
	result("read what is written only", read(file, &file, 1));
	content("text");
}

static void directories_and_names(void)
{
	char path[PATH_MAX];

	result("mkdir", mkdir("dir", 0750));
	result("mkdir again", mkdir("dir", 0750));
	result("link", link("text", "dir/hard"));
	result("symlink", symlink("../text", "dir/soft"));
	show("text");
	show("dir");
	show("dir/soft");
	content("dir/soft");
	printf("link to %.*s\n", (int)readlink("dir/soft", path, sizeof path), path);
	list("dir");
	result("rmdir", rmdir("dir"));
	result("rename", rename("text", "dir/text"));
	content("text");
	content("dir/text");
	result("chdir", chdir("dir"));
	printf("here: %s\n", strrchr(getcwd(path, sizeof path), '/'));
	printf("real: %s\n", strrchr(realpath("../dir/./hard", path), '/'));
	result("chdir", chdir(".."));
	result("chmod", chmod("dir/text", 0400));
	show("dir/hard");
	result("unlink", unlink("dir/hard") | unlink("dir/soft") | unlink("dir/text"));
	result("rmdir", rmdir("dir"));
	result("no such", access("dir/text", R_OK));
}

static void mapping(void)
{
	int file = open("map", O_RDWR | O_CREAT, 0600);
	long size = sysconf(_SC_PAGESIZE) + 100;
	char *memory;

	result("size", ftruncate(file, size));
	pwrite(file, "start", 5, 0);
	pwrite(file, "end", 3, size - 3);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	printf("mapped %.5s and %.3s\n", memory, memory + size - 3);
	memcpy(memory, "STORE", 5);
	munmap(memory, size);
	close(file);
	file = open("map", O_RDONLY);
	read(file, &(char[5]){ 0 }, 5);
	content("map"); /* private: the file has not changed */
	close(file);
	unlink("map");
}

static void many_files(void)
{
	char name[32];
	DIR *dir;
	int i, seen = 0, sum = 0;

	mkdir("many", 0700);
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "many/%03d", i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
	}
	dir = opendir("many");
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		seen++;
		sum += atoi(entry->d_name);
	}
	closedir(dir);
	printf("%d files, sum %d\n", seen, sum);
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "many/%03d", i);
		unlink(name);
	}
	result("rmdir", rmdir("many"));
}

static void descriptors(void)
{
	int ends[2], saved = dup(1), file = open("out", O_RDWR | O_CREAT, 0600);
	char text[32];
	ssize_t got;

	fflush(stdout);
	dup2(file, 1);
	printf("into the file");
	fflush(stdout);
	dup2(saved, 1);
	got = pread(file, text, sizeof text, 0);
	printf("caught: %.*s\n", (int)got, text);
	result("pipe", pipe(ends));
	result("write", write(ends[1], "through", 7));
	close(ends[1]);
	got = read(ends[0], text, sizeof text);
	printf("%.*s, then %zd\n", (int)got, text, read(ends[0], text, 1));
	result("bad descriptor", write(99, "x", 1));
	result("bad address", write(file, (void *)8, 1));
	close(file);
	unlink("out");
}

static void times_and_sizes(void)
{
	struct timespec times[2] = { { 1000000000, 5 }, { 1234567890, 987654321 } };
	struct statvfs system;
	struct stat stat;
	int file = open("f", O_RDWR | O_CREAT, 0600);

	result("futimens", futimens(file, times));
	fstat(file, &stat);
	printf("modified %ld.%09ld\n", (long)stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec);
	result("pwrite far away", pwrite(file, "x", 1, 10 << 20));
	fstat(file, &stat);
	printf("%ld bytes, sparse: %d\n", (long)stat.st_size, stat.st_blocks < 100);
	result("statvfs", statvfs(".", &system));
	printf("names of %lu\n", system.f_namemax);
	close(file);
	unlink("f");
}

int main(void)
{
	char dir[] = "/tmp/files-XXXXXX";

	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	umask(022);
	write_and_read();
	directories_and_names();
	mapping();
	many_files();
	descriptors();
	times_and_sizes();
	list(".");
	result("clean up", chdir("/") | rmdir(dir));
	return 0;
}
