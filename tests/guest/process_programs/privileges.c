/* Programs that act as their owner, sticky folders, and who a program is told that it is. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program; /* where this program is */

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value < 0 ? -errno : value);
	fflush(stdout);
}

static int report(const char *what)
{
	uid_t user[3];
	gid_t group[3];

	getresuid(&user[0], &user[1], &user[2]);
	getresgid(&group[0], &group[1], &group[2]);
	printf("%s: users %d %d %d groups %d %d %d", what, user[0], user[1], user[2], group[0],
	    group[1], group[2]);
	printf(" told %lu %lu %lu %lu secure %lu\n", getauxval(AT_UID), getauxval(AT_EUID),
	    getauxval(AT_GID), getauxval(AT_EGID), getauxval(AT_SECURE));
	fflush(stdout);
	return 0;
}

/* Run a copy of this program that belongs to somebody and has this mode. */
static void run_owned(const char *what, uid_t user, gid_t group, mode_t mode, int plain)
{
	static char bytes[1 << 16];
	int from = open(program, O_RDONLY), to;
	ssize_t got;

	unlink("copy");
	to = open("copy", O_CREAT | O_WRONLY, 0700);
	while ((got = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, got) != got)
			exit(9);
	close(from);
	close(to);
	chown("copy", user, group);
	chmod("copy", mode);
	if (!fork()) {
		setresgid(1000, 1000, 1000);
		setresuid(1000, 1000, 1000);
		if (plain)
			say("no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) |
			    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) << 1);
		execl("copy", "copy", program, what, NULL);
		say("exec", -1);
		_exit(1);
	}
	wait(NULL);
}

static void who_programs_act_as(void)
{
	struct stat about;

	run_owned("as it is", 5, 6, 0755, 0);
	run_owned("its owner", 5, 6, 04755, 0);
	run_owned("its group", 5, 6, 02755, 0);
	run_owned("both, root", 0, 0, 06755, 0);
	run_owned("a lock's mark", 5, 6, 02745, 0);
	run_owned("forbidden", 5, 6, 06755, 1);
	run_owned("not to be run", 5, 6, 04744, 0);
	chown("copy", 7, -1);
	stat("copy", &about);
	printf("given away: %o\n", about.st_mode);
	say("a promise of something else", prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0));
	say("capabilities", prctl(PR_CAPBSET_READ, 0, 0, 0, 0));
	say("no capability", prctl(PR_CAPBSET_READ, 1000, 0, 0, 0));
}

/* setgid's capability, permitted and effective. */
static long capabilities(int raise)
{
	struct { unsigned version; int pid; } header = { 0x20080522, 0 };
	struct { unsigned effective, permitted, inheritable; } data[2];

	if (syscall(SYS_capget, &header, data))
		return -1;
	if (raise) {
		data[0].effective = data[0].permitted & 1 << 6;
		data[1].effective = 0;
		if (syscall(SYS_capset, &header, data))
			return -1;
	}
	return (data[0].permitted >> 6 & 1) << 1 | (data[0].effective >> 6 & 1);
}

/* Root may keep its capabilities when it becomes another user, as setpriv(1) wants it. */
static void what_is_kept(int keep)
{
	fflush(stdout);
	if (fork()) {
		wait(NULL);
		return;
	}
	say("keep", prctl(PR_SET_KEEPCAPS, keep, 0, 0, 0));
	say("before", capabilities(0));
	say("act as another", seteuid(33));
	say("acting", capabilities(0));
	say("act as root", seteuid(0));
	say("acting", capabilities(0));
	say("become another", setresuid(33, 33, 33));
	say("become", capabilities(0));
	say("group", setresgid(33, 33, 33));
	say("raise", capabilities(1));
	say("group", setresgid(33, 33, 33));
	say("user", setresuid(5, 5, 5));
	say("kept", prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
	say("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 6, 0, 0));
	_exit(0);
}

static void make(const char *path, uid_t user)
{
	close(open(path, O_CREAT | O_WRONLY, 0666));
	chown(path, user, user);
}

static void sticky_folders(void)
{
	mkdir("sticky", 0777);
	chmod("sticky", 01777);
	mkdir("sticky/folder", 0777);
	make("sticky/own", 1000);
	make("sticky/another", 1000);
	make("sticky/foreign", 5);
	make("sticky/foreign2", 5);
	if (!fork()) {
		setresuid(1000, 1000, 1000);
		say("remove another's", unlink("sticky/foreign"));
		say("remove a folder", rmdir("sticky/folder"));
		say("rename another's", rename("sticky/foreign", "sticky/mine"));
		say("rename onto another's", rename("sticky/own", "sticky/foreign"));
		say("exchange", renameat2(AT_FDCWD, "sticky/own", AT_FDCWD, "sticky/foreign",
		    RENAME_EXCHANGE));
		say("rename own", rename("sticky/own", "sticky/new"));
		say("remove own", unlink("sticky/new"));
		_exit(0);
	}
	wait(NULL);
	chown("sticky", 1000, 0);
	if (!fork()) {
		setresuid(1000, 1000, 1000);
		say("in a folder of one's own", unlink("sticky/foreign2"));
		_exit(0);
	}
	wait(NULL);
	say("root", unlink("sticky/foreign"));
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/privileges-XXXXXX";

	program = argv[1];
	if (argc > 2)
		return report(argv[2]);
	umask(022);
	report("first");
	chdir(mkdtemp(folder));
	chmod(".", 0755);
	who_programs_act_as();
	what_is_kept(0);
	what_is_kept(1);
	sticky_folders();
	return 0;
}
