/* Locks of parts of files: of processes and of open files. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int file;

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value < 0 ? -errno : value);
	fflush(stdout);
}

static long lock_at(int command, int type, int whence, off_t start, off_t length)
{
	struct flock lock = { .l_type = type, .l_whence = whence, .l_start = start, .l_len = length };

	return fcntl(file, command, &lock);
}

static long lock(int command, int type, off_t start, off_t length)
{
	return lock_at(command, type, SEEK_SET, start, length);
}

/* Every byte from 0 to 19 as another process finds it. */
static void show(const char *what)
{
	fflush(stdout);
	if (!fork()) {
		printf("%s: ", what);
		for (int at = 0; at < 20; at++) {
			struct flock lock = { .l_type = F_WRLCK, .l_start = at, .l_len = 1 };

			fcntl(file, F_GETLK, &lock);
			putchar(lock.l_type == F_UNLCK ? '.' : lock.l_type == F_RDLCK ? 'r' : 'w');
		}
		puts("");
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
}

static void parts(void)
{
	lock(F_SETLK, F_WRLCK, 2, 10);
	show("written");
	lock(F_SETLK, F_RDLCK, 4, 2);
	show("read in the middle");
	lock(F_SETLK, F_UNLCK, 7, 3);
	show("a hole");
	lock(F_SETLK, F_WRLCK, 4, 2);
	lock(F_SETLK, F_WRLCK, 7, 3);
	show("joined");
	lock_at(F_SETLK, F_UNLCK, SEEK_END, -3, 0);
	show("from the end");
	lock(F_SETLK, F_RDLCK, 15, -3);
	show("backwards");
	lock(F_SETLK, F_WRLCK, 18, 0);
	show("to the end");
	lock(F_SETLK, F_UNLCK, 0, 0);
	show("none");
}

static void another_process(void)
{
	struct flock found = { .l_type = F_WRLCK, .l_start = 0, .l_len = 0 };
	pid_t parent = getpid();

	lock(F_SETLK, F_WRLCK, 5, 5);
	fflush(stdout);
	if (!fork()) {
		say("within", lock(F_SETLK, F_RDLCK, 7, 1));
		say("beside", lock(F_SETLK, F_WRLCK, 10, 1));
		fcntl(file, F_GETLK, &found);
		printf("found %d %d %ld %ld %d\n", found.l_type, found.l_whence, (long)found.l_start,
		    (long)found.l_len, found.l_pid == parent);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	close(dup(file));
	show("another descriptor closed");
}

/* One who waits gets it once the other is gone; who would wait for ever is told. */
static void waiting(void)
{
	int ends[2], more[2];
	char byte;

	pipe(ends);
	pipe(more);
	lock(F_SETLK, F_WRLCK, 0, 1);
	if (!fork()) {
		lock(F_SETLK, F_WRLCK, 1, 1);
		write(ends[1], "x", 1);
		say("waited", lock(F_SETLKW, F_WRLCK, 0, 1));
		_exit(0);
	}
	read(ends[0], &byte, 1);
	if (!fork()) {
		say("no lock for a child", lock(F_SETLK, F_RDLCK, 0, 1));
		_exit(0);
	}
	wait(NULL);
	lock(F_SETLK, F_UNLCK, 0, 0);
	wait(NULL);
	say("free again", lock(F_SETLK, F_WRLCK, 0, 0));
	lock(F_SETLK, F_UNLCK, 0, 0);
}

static void circle(void)
{
	int held[2], status;
	long result;
	char byte;

	pipe(held);
	lock(F_SETLK, F_WRLCK, 0, 1);
	fflush(stdout);
	if (!fork()) {
		lock(F_SETLK, F_WRLCK, 1, 1);
		write(held[1], "x", 1);
		_exit(lock(F_SETLKW, F_WRLCK, 0, 1) ? errno : 0);
	}
	read(held[0], &byte, 1);
	result = lock(F_SETLKW, F_WRLCK, 1, 1) ? errno : 0;
	lock(F_SETLK, F_UNLCK, 0, 0);
	wait(&status);
	printf("one of two: %d\n", (result == EDEADLK) + (WEXITSTATUS(status) == EDEADLK));
}

static void open_files(const char *path)
{
	int first = file, second = open(path, O_RDWR);
	struct flock found = { .l_type = F_WRLCK };

	say("an open file's", lock(F_OFD_SETLK, F_WRLCK, 0, 5));
	file = second;
	say("another's", lock(F_OFD_SETLK, F_WRLCK, 0, 5));
	fcntl(second, F_OFD_GETLK, &found);
	printf("of %d\n", found.l_pid);
	say("the process's", lock(F_SETLK, F_RDLCK, 0, 5));
	close(second);
	file = dup(first);
	close(first);
	second = open(path, O_RDWR);
	first = file;
	file = second;
	say("a copy keeps it", lock(F_OFD_SETLK, F_WRLCK, 0, 5));
	close(first);
	say("gone with the last", lock(F_OFD_SETLK, F_WRLCK, 0, 5));
	close(second);
}

static void mistakes(const char *path)
{
	struct flock with_pid = { .l_type = F_WRLCK, .l_pid = 5 };

	file = open(path, O_RDONLY);
	say("no writer", lock(F_SETLK, F_WRLCK, 0, 1));
	say("a reader", lock(F_SETLK, F_RDLCK, 0, 1));
	say("no kind", lock(F_SETLK, 7, 0, 1));
	say("asked for none", lock(F_GETLK, F_UNLCK, 0, 1));
	say("no whence", lock_at(F_SETLK, F_RDLCK, 9, 0, 1));
	say("before the file", lock(F_SETLK, F_RDLCK, -1, 1));
	say("too far back", lock(F_SETLK, F_RDLCK, 3, -4));
	say("too far", lock(F_SETLK, F_RDLCK, 0x7ffffffffffffffe, 3));
	say("with a number", fcntl(file, F_OFD_SETLK, &with_pid));
	say("nowhere", fcntl(file, F_SETLK, NULL));
}

int main(void)
{
	char path[] = "/tmp/locks-XXXXXX";

	file = mkstemp(path);
	if (write(file, "0123456789", 10) != 10)
		return 1;
	parts();
	another_process();
	waiting();
	circle();
	open_files(path);
	mistakes(path);
	unlink(path);
	return 0;
}
