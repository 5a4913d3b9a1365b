/* /proc's folders of processes and threads; prints only what must be the same everywhere. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdbool.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_barrier_t begun, done;
static pid_t thread_number;

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
	fflush(stdout);
}

/* The text of /proc/PID/NAME, or of a thread of it; "" if there is none. */
static const char *text_of(pid_t pid, pid_t thread, const char *name)
{
	static char text[4096], path[100];
	ssize_t got = -1;
	int file;

	snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, thread, name);
	if (!thread)
		snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	file = open(path, O_RDONLY);
	if (file >= 0) {
		got = read(file, text, sizeof text - 1);
		close(file);
	}
	text[got > 0 ? got : 0] = '\0';
	return text;
}

static bool listed(const char *folder, pid_t number)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool found = false;

	while (dir && (entry = readdir(dir)))
		found |= atoi(entry->d_name) == number;
	if (dir)
		closedir(dir);
	return found;
}

static void *thread(void *unused)
{
	thread_number = gettid();
	pthread_barrier_wait(&begun);
	pthread_barrier_wait(&done);
	return unused;
}

static void names_of_threads(void)
{
	char name[16] = "";
	pthread_t other;

	pthread_barrier_init(&begun, NULL, 2);
	pthread_barrier_init(&done, NULL, 2);
	pthread_create(&other, NULL, thread, NULL);
	pthread_barrier_wait(&begun);
	say("name another", pthread_setname_np(other, "other"));
	say("too long", pthread_setname_np(other, "longer than fifteen"));
	pthread_getname_np(other, name, sizeof name);
	puts(name);
	prctl(PR_SET_NAME, "myself");
	prctl(PR_GET_NAME, name);
	puts(name);
	fputs(text_of(getpid(), thread_number, "comm"), stdout);
	fputs(text_of(getpid(), 0, "comm"), stdout);
	say("both are listed", listed("/proc/self/task", getpid()) &&
	    listed("/proc/self/task", thread_number));
	say("of another process", listed("/proc/self/task", getpid() + 1000));
	printf("%d %s", strtol(text_of(getpid(), thread_number, "stat"), NULL, 10) == thread_number,
	    strchr(text_of(getpid(), thread_number, "stat"), '(') ? "(other)\n" : "?\n");
	pthread_barrier_wait(&done);
	pthread_join(other, NULL);
	say("ended", access("/proc/thread-self/comm", R_OK) ? -errno : 0);
}

static void another_process(const char *program)
{
	char path[64], target[256], own[256];
	const char *text;
	int ends[2];
	pid_t child;

	pipe(ends);
	child = fork();
	if (!child) {
		char *argv[] = { (char *)program, "wait", "two words", NULL };
		char *environment[] = { "NAME=value", NULL };

		chdir("/proc");
		dup2(ends[0], 0);
		close(ends[1]);
		execve(program, argv, environment);
		_exit(1);
	}
	close(ends[0]);
	/* The program has begun when its arguments are there. */
	do {
		text = text_of(child, 0, "cmdline");
		text += strlen(text) + 1;
	} while (strcmp(text, "wait"));
	puts(text + strlen(text) + 1);
	puts(text_of(child, 0, "environ"));
	say("named after its file", !strncmp(text_of(child, 0, "comm"), strrchr(program, '/') + 1, 7));
	say("has mappings", strstr(text_of(child, 0, "maps"), "[stack]") != NULL);
	snprintf(path, sizeof path, "/proc/%d/cwd", child);
	printf("%.*s\n", (int)readlink(path, target, sizeof target), target);
	snprintf(path, sizeof path, "/proc/%d/exe", child);
	say("same program", readlink(path, target, sizeof target) ==
	    readlink("/proc/self/exe", own, sizeof own) && !memcmp(target, own, 4));
	say("parent", atoi(strchr(text_of(child, 0, "stat"), ')') + 4) == getpid());
	say("listed", listed("/proc", child));
	kill(child, SIGKILL);
	while (!strstr(text_of(child, 0, "status"), "Z (zombie)"))
		usleep(1000);
	say("dead, and listed", listed("/proc", child));
	say("dead, without arguments", text_of(child, 0, "cmdline")[0]);
	waitpid(child, NULL, 0);
	snprintf(path, sizeof path, "/proc/%d", child);
	say("gone", access(path, F_OK) ? -errno : 0);
}

int main(int argc, char **argv)
{
	char letter;

	if (argc > 2)
		return read(0, &letter, 1) != 0;
	names_of_threads();
	another_process(argv[1]);
	return 0;
}
