/* Signals that are read from a file: signalfd. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value < 0 ? -errno : value);
	fflush(stdout);
}

static sigset_t set_of(int first, int second)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, first);
	if (second)
		sigaddset(&set, second);
	return set;
}

static void show(const char *what, int file)
{
	struct signalfd_siginfo told[4];
	ssize_t got = read(file, told, sizeof(told));

	say(what, got);
	for (int i = 0; i < got / (ssize_t)sizeof(told[0]); i++)
		printf("  %u code %d self %d status %d value %d\n", told[i].ssi_signo,
		    told[i].ssi_code, told[i].ssi_pid == (uint32_t)getpid(),
		    told[i].ssi_status, told[i].ssi_int);
	fflush(stdout);
}

static void children(int file)
{
	struct pollfd entry = { .fd = file, .events = POLLIN };
	pid_t child = fork();

	if (!child)
		_exit(7);
	poll(&entry, 1, 60000);
	show("a child ended", file);
	waitpid(child, NULL, 0);
	/* A child that inherits the file reads its own signals, not its parent's. */
	raise(SIGUSR1);
	child = fork();
	if (!child) {
		show("the parent's", file);
		raise(SIGUSR1);
		show("the child's", file);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	show("both wait here", file);
}

static void waiting(int file, int other)
{
	struct pollfd entry = { .fd = file, .events = POLLIN };
	struct epoll_event event = { .events = EPOLLIN, .data.fd = 5 };
	int epoll = epoll_create1(0);

	epoll_ctl(epoll, EPOLL_CTL_ADD, file, &event);
	say("nothing to poll", poll(&entry, 1, 0));
	say("nothing for epoll", epoll_wait(epoll, &event, 1, 0));
	if (!fork()) {
		kill(getppid(), SIGUSR2);
		_exit(0);
	}
	say("poll", poll(&entry, 1, 60000));
	say("epoll", epoll_wait(epoll, &event, 1, 60000));
	wait(NULL);
	entry.fd = other;
	say("another set", poll(&entry, 1, 0));
	close(epoll);
}

int main(void)
{
	sigset_t set = set_of(SIGUSR1, SIGUSR2), both = set_of(SIGUSR1, SIGCHLD), kill_set = set_of(SIGKILL, 0);
	union sigval value = { .sival_int = 42 };
	int file, other, not_one[2];

	sigprocmask(SIG_BLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &both, NULL);
	file = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	other = signalfd(-1, &both, SFD_NONBLOCK);
	show("nothing", file);
	waiting(file, other);
	show("from a child", file);
	read(other, not_one, 0);
	raise(SIGUSR1);
	sigqueue(getpid(), SIGUSR2, value);
	show("two", file);
	show("no more", file);
	say("the same descriptor", signalfd(file, &both, 0) == file);
	sigemptyset(&set);
	while (sigtimedwait(&both, NULL, &(struct timespec){ 0 }) > 0)
		;
	signalfd(file, &both, 0);
	children(file);
	say("too short", read(file, not_one, sizeof(not_one)));
	say("written", write(file, not_one, 8));
	pipe(not_one);
	say("not such a file", signalfd(not_one[0], &both, 0));
	say("no file", signalfd(999, &both, 0));
	say("flags", signalfd(-1, &both, 1));
	say("size", syscall(SYS_signalfd4, -1, &both, 4, 0));
	say("no set", syscall(SYS_signalfd4, -1, NULL, 8, 0));
	say("kill", signalfd(-1, &kill_set, SFD_NONBLOCK) >= 0);
	return 0;
}
