/* Users, groups and what files permit them; begins as root, in a folder of its own. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value < 0 ? -errno : value);
	fflush(stdout);
}

static void say_ids(void)
{
	uid_t user[3];
	gid_t group[3], groups[8];
	int count = getgroups(8, groups);

	getresuid(&user[0], &user[1], &user[2]);
	getresgid(&group[0], &group[1], &group[2]);
	printf("users %d %d %d groups %d %d %d", user[0], user[1], user[2], group[0], group[1],
	    group[2]);
	for (int i = 0; i < count; i++)
		printf(" %d", groups[i]);
	puts("");
	fflush(stdout);
}

static long opened(const char *path, int flags)
{
	int file = open(path, flags, 0666);

	if (file >= 0)
		close(file);
	return file < 0 ? -1 : 0;
}

static void make(const char *path, int mode, uid_t user, gid_t group)
{
	close(open(path, O_CREAT | O_WRONLY, 0600));
	chown(path, user, group);
	chmod(path, mode);
}

static void what_files_permit(void)
{
	struct stat about;

	say("owner reads", opened("own", O_RDONLY));
	say("owner writes", opened("own", O_WRONLY));
	say("group reads", opened("group", O_RDONLY));
	say("group writes", opened("group", O_WRONLY));
	say("another group", opened("second", O_RDONLY));
	say("others read", opened("others", O_RDONLY));
	say("others write", opened("others", O_RDWR));
	say("others cut", opened("others", O_RDONLY | O_TRUNC));
	say("access", access("others", W_OK));
	say("through a closed folder", opened("closed/file", O_RDONLY));
	say("make", opened("new", O_CREAT | O_WRONLY));
	say("make a folder", mkdir("folder", 0777));
	say("remove", unlink("own"));
	say("rename", rename("own", "public/own"));
	say("chmod own", chmod("own", 0640));
	say("chmod another's", chmod("others", 0777));
	say("give away", chown("own", 5, -1));
	say("make in public", opened("public/new", O_CREAT | O_WRONLY));
	stat("public/new", &about);
	printf("of %d, %d\n", about.st_uid, about.st_gid);
	fflush(stdout);
}

static void who_may_be_whom(void)
{
	say("no groups", setgroups(0, NULL));
	say("another", setuid(5));
	say("act as root", setresuid(-1, 0, -1));
	say_ids();
	say("root reads", opened("closed/file", O_RDONLY));
	say("swap", setreuid(1000, 33));
	say_ids();
	say("for good", setresuid(33, 33, 33));
	say("back", setuid(0));
	say("back", seteuid(1000));
	say_ids();
}

int main(void)
{
	char folder[] = "/tmp/identity-XXXXXX";
	gid_t groups[] = { 7, 8 };

	umask(022);
	chdir(mkdtemp(folder));
	chmod(".", 0755);
	make("own", 0200, 1000, 1000);
	make("group", 0040, 0, 1000);
	make("second", 0040, 0, 8);
	make("others", 0604, 0, 0);
	mkdir("closed", 0700);
	make("closed/file", 0666, 0, 0);
	mkdir("public", 0700);
	chmod("public", 0777);
	if (!fork()) {
		setgroups(2, groups);
		setresgid(1000, 1000, 1000);
		setresuid(1000, 1000, 0);
		say_ids();
		what_files_permit();
		who_may_be_whom();
		_exit(0);
	}
	wait(NULL);
	say_ids();
	chdir("/tmp");
	return 0;
}
