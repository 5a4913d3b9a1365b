/*
 * linux_world.c - Linux itself: a tmpfs as root, a few devices, a pseudo-terminal.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "seam.h"

#define SETTLE_MS 5 /* a pseudo-terminal hands input on in a kernel thread */

static int master;

static long linux_call(long number, long a, long b, long c, long d, long e, long f)
{
	long result = syscall(number, a, b, c, d, e, f);

	return result == -1 ? -errno : result;
}

static void linux_type(const char *text, size_t bytes)
{
	if (write(master, text, bytes) != (ssize_t)bytes)
		perror("pseudo-terminal");
	pause_ms(SETTLE_MS);
}

static size_t linux_screen(char *text, size_t bytes)
{
	ssize_t got;

	pause_ms(SETTLE_MS);
	got = read(master, text, bytes);
	return got < 0 ? 0 : (size_t)got;
}

static volatile sig_atomic_t broken_pipes;

static void count_broken_pipe(int signal)
{
	(void)signal;
	broken_pipes++;
}

static int linux_broken_pipes(void)
{
	return broken_pipes;
}

static bool write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);
	bool written = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);

	if (file >= 0)
		close(file);
	return written;
}

/* Be root in a user namespace, if not already; then have mounts of our own. */
static bool enter_namespaces(void)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (uid) {
		if (unshare(CLONE_NEWUSER) || !write_file("/proc/self/setgroups", "deny"))
			return false;
		snprintf(map, sizeof map, "0 %u 1", uid);
		if (!write_file("/proc/self/uid_map", map))
			return false;
		snprintf(map, sizeof map, "0 %u 1", gid);
		if (!write_file("/proc/self/gid_map", map))
			return false;
	}
	return !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static bool bind_device(const char *root, const char *path)
{
	char there[256];
	int file;

	snprintf(there, sizeof there, "%s%s", root, path);
	file = open(there, O_WRONLY | O_CREAT, 0666);
	if (file < 0)
		return false;
	close(file);
	return !mount(path, there, NULL, MS_BIND, NULL);
}

static const char *const directories[] = { "dev", "etc", "proc", "root", "sys", "tmp" };

static bool make_root(const char *root)
{
	char path[256];

	if (mount("tmpfs", root, "tmpfs", 0, "mode=755,size=128m"))
		return false;
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
		snprintf(path, sizeof path, "%s/%s", root, directories[i]);
		mkdir(path, 0755);
	}
	snprintf(path, sizeof path, "%s/proc", root);
	if (mount("/proc", path, NULL, MS_BIND | MS_REC, NULL))
		return false;
	return bind_device(root, "/dev/null") && bind_device(root, "/dev/zero") &&
	    bind_device(root, "/dev/full") && bind_device(root, "/dev/urandom");
}

/* The settings the guest's terminal starts with. */
static int open_terminal(void)
{
	struct termios settings;
	int slave;

	if (openpty(&master, &slave, NULL, NULL, NULL) || tcgetattr(slave, &settings))
		return -1;
	settings.c_oflag = 0;
	settings.c_cflag |= HUPCL;
	settings.c_iflag = ICRNL | IXON | IUTF8;
	tcsetattr(slave, TCSANOW, &settings);
	fcntl(master, F_SETFL, O_NONBLOCK);
	return slave;
}

/* Descriptors as a guest has them: 0, 1, 2 on the terminal, nothing else below 900. */
static void arrange_descriptors(int slave)
{
	int i;

	master = fcntl(master, F_DUPFD, 900);
	for (i = 0; i <= 2; i++)
		dup2(slave, i);
	close_range(3, 899, 0);
}

const struct world *linux_world(const char *root)
{
	static const struct world host = {
		linux_call, linux_type, linux_screen, linux_broken_pipes,
	};
	int slave = open_terminal();

	if (slave < 0) {
		perror("pseudo-terminal");
		return NULL;
	}
	if (!enter_namespaces() || !make_root(root) || chroot(root) || chdir("/")) {
		perror("no namespaces of our own");
		return NULL;
	}
	umask(022);
	signal(SIGPIPE, count_broken_pipe);
	arrange_descriptors(slave);
	return &host;
}
