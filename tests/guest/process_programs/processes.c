/* Processes as Linux has them; prints only what must be the same everywhere. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int data = 1;
static volatile sig_atomic_t children_heard;
extern char **environ;

static void on_child(int signal)
{
	(void)signal;
	children_heard++;
}

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
	fflush(stdout);
}

static int wait_for(pid_t pid)
{
	int status = -1;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void statuses(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(7);
	say("exit status", wait_for(pid));
	pid = fork();
	if (!pid) {
		signal(SIGTERM, SIG_DFL);
		for (;;)
			pause();
	}
	kill(pid, SIGTERM);
	say("killed while it waits", wait_for(pid));
	pid = fork();
	if (!pid)
		for (;;)
			;
	usleep(20000);
	kill(pid, SIGKILL);
	say("killed while it computes", wait_for(pid));
	pid = fork();
	if (!pid)
		*(volatile int *)16 = 1;
	say("null pointer in the child", wait_for(pid));
	say("no child left", waitpid(-1, NULL, 0) == -1 ? errno : 0);
	say("killing nobody", kill(999999, 0) == -1 ? errno : 0);
}

static void memory(void)
{
	int *heap = malloc(sizeof(*heap) * 100000);
	int *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int stack = 3;
	pid_t pid;

	for (int i = 0; i < 100000; i++)
		heap[i] = i;
	shared[0] = 1;
	pid = fork();
	if (!pid) {
		long sum = 0;

		data = 2;
		stack = 4;
		for (int i = 0; i < 100000; i++) {
			sum += heap[i];
			heap[i] = 0;
		}
		shared[0] = (int)(sum % 1000);
		shared[1024] = 77;
		_exit(data + stack);
	}
	data += 10;
	say("the child's own values", wait_for(pid));
	say("the parent's data", data);
	say("the parent's stack", stack);
	say("the parent's heap", heap[99999]);
	say("what the child shared", shared[0]);
	say("a page first touched by the child", shared[1024]);
	free(heap);
}

static int by_value(const void *one, const void *other)
{
	return *(const char *)one - *(const char *)other;
}

static void pipes(void)
{
	char text[64] = "";
	int to_parent[2], count = 0;
	ssize_t got;

	pipe(to_parent);
	for (int i = 0; i < 3; i++)
		if (!fork()) {
			char word[16];
			int length = snprintf(word, sizeof(word), "%d", i);

			close(to_parent[0]);
			write(to_parent[1], word, (size_t)length);
			_exit(i);
		}
	close(to_parent[1]);
	while ((got = read(to_parent[0], text + count, sizeof(text) - 1 - (size_t)count)) > 0)
		count += (int)got;
	qsort(text, (size_t)count, 1, by_value); /* who comes first is nobody's promise */
	printf("from three children: %s\n", text);
	close(to_parent[0]);
	for (int sum = 0, status, i = 0; i < 3; i++) {
		wait(&status);
		sum += WEXITSTATUS(status);
		if (i == 2)
			say("their statuses", sum);
	}
}

static void descriptors(void)
{
	char text[8] = "";
	int file = open("/tmp/shared", O_RDWR | O_CREAT | O_TRUNC, 0600);
	pid_t pid = fork();

	if (!pid) {
		write(file, "abc", 3);
		close(file);
		_exit(0);
	}
	wait_for(pid);
	say("the position they share", lseek(file, 0, SEEK_CUR));
	pread(file, text, 3, 0);
	printf("what the child wrote: %s\n", text);
	unlink("/tmp/shared");
	close(file);
}

static void executing(const char *self)
{
	char *const arguments[] = { "other name", "child", "two words", NULL };
	char *const environment[] = { "COLOUR=red", NULL };
	int cloexec = open("/dev/null", O_RDONLY | O_CLOEXEC), spawned, status;
	pid_t pid;

	fcntl(cloexec, F_DUPFD, 40); /* stays open */
	pid = fork();
	if (!pid) {
		execve(self, arguments, environment);
		_exit(99);
	}
	say("after fork and execve", wait_for(pid));
	pid = vfork();
	if (!pid) {
		execve(self, arguments, environment);
		_exit(99);
	}
	say("after vfork and execve", wait_for(pid));
	spawned = posix_spawn(&pid, self, NULL, NULL, arguments, environ);
	status = wait_for(pid); /* before anything is said: the child speaks meanwhile */
	say("posix_spawn", spawned);
	say("its status", status);
	say("posix_spawn of nothing", posix_spawn(&pid, "/no/such", NULL, NULL, arguments, environ));
	say("execve of nothing", execve("/no/such", arguments, environment) == -1 ? errno : 0);
	say("execve of a folder", execve("/tmp", arguments, environment) == -1 ? errno : 0);
	close(cloexec);
	close(40);
}

static int child_program(int count, char **arguments)
{
	printf("%s, %d arguments, last \"%s\", COLOUR=%s, descriptor 40 is %s\n", arguments[0],
	    count, arguments[count - 1], getenv("COLOUR") ? getenv("COLOUR") : "none",
	    fcntl(40, F_GETFD) < 0 ? "closed" : "open");
	fflush(stdout);
	return 42;
}

static void hearing(void)
{
	struct sigaction action = { .sa_handler = on_child, .sa_flags = SA_RESTART };
	siginfo_t info = { 0 };
	pid_t pid;

	sigaction(SIGCHLD, &action, NULL);
	pid = fork();
	if (!pid)
		_exit(3);
	while (!children_heard)
		usleep(1000);
	say("WNOHANG finds it", waitpid(pid, NULL, WNOHANG) == pid);
	pid = fork();
	if (!pid)
		_exit(4);
	say("waitid", waitid(P_PID, (id_t)pid, &info, WEXITED));
	say("its code", info.si_code == CLD_EXITED);
	say("its status", info.si_status);
	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (!pid)
		_exit(5);
	say("nobody to wait for when ignored", waitpid(pid, NULL, 0) == -1 ? errno : 0);
	signal(SIGCHLD, SIG_DFL);
}

static void *forker(void *argument)
{
	pid_t pid = fork();

	(void)argument;
	if (!pid)
		_exit(11);
	return (void *)(long)wait_for(pid);
}

static void threads(void)
{
	pthread_t thread;
	void *result;
	pid_t pid;

	pthread_create(&thread, NULL, forker, NULL);
	pthread_join(thread, &result);
	say("fork in a thread", (long)result);
	pid = fork();
	if (!pid) {
		pthread_create(&thread, NULL, forker, NULL);
		pthread_join(thread, &result);
		_exit((int)(long)result + 1);
	}
	say("a thread that forks in a child", wait_for(pid));
}

static void many(void)
{
	long sum = 0;

	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(i % 50);
		sum += wait_for(pid);
	}
	say("a hundred children", sum);
}

static void groups(void)
{
	pid_t pid;
	int ready[2];
	char byte;

	pipe(ready);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		if (!fork())
			for (;;)
				pause();
		write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	read(ready[0], &byte, 1);
	say("the child leads its group", getpgid(pid) == pid);
	kill(-pid, SIGHUP);
	say("the group is killed", wait_for(pid));
	say("its own parent is this", getpgrp() == getpgid(0));
	close(ready[0]);
	close(ready[1]);
}

int main(int count, char **arguments)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (count > 1 && !strcmp(arguments[1], "child"))
		return child_program(count, arguments);
	signal(SIGHUP, SIG_DFL); /* who started the tests may have them ignore it: nohup does */
	statuses();
	memory();
	pipes();
	descriptors();
	executing(arguments[1]);
	hearing();
	threads();
	many();
	groups();
	return 0;
}
