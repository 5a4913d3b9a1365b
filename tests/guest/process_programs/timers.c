/* Timers as Linux has them; prints only what must be the same everywhere. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count, value;

static void say(const char *what, long number)
{
	printf("%s: %ld\n", what, number);
	fflush(stdout);
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	count++;
	value = info->si_value.sival_int;
}

static void notified(union sigval given)
{
	value = given.sival_int;
	count++;
}

static void of_processes(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec times = { { 0, 5000000 }, { 0, 5000000 } };
	struct timespec now;
	unsigned before, left;
	timer_t timer;

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	event.sigev_value.sival_int = 33;
	say("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer));
	timer_settime(timer, 0, &times, NULL);
	while (count < 5)
		pause();
	say("its value", value);
	timer_gettime(timer, &times);
	say("its interval", times.it_interval.tv_nsec);
	say("less than that is left", times.it_value.tv_nsec <= 5000000);
	say("timer_delete", timer_delete(timer));
	say("twice", timer_delete(timer) == -1 ? errno : 0);
	count = 0;
	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_nsec += 20000000;
	if (now.tv_nsec >= 1000000000) {
		now.tv_nsec -= 1000000000;
		now.tv_sec++;
	}
	timer_create(CLOCK_REALTIME, &event, &timer);
	times = (struct itimerspec){ { 0, 0 }, now };
	timer_settime(timer, TIMER_ABSTIME, &times, NULL);
	while (!count)
		pause();
	say("once, at a time of the wall's clock", count);
	timer_delete(timer);
	event = (struct sigevent){ .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified };
	event.sigev_value.sival_int = 44;
	count = 0;
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	times = (struct itimerspec){ { 0, 0 }, { 0, 1000000 } };
	timer_settime(timer, 0, &times, NULL);
	while (!count)
		usleep(1000);
	say("in a thread", value);
	count = 0;
	before = alarm(1);
	left = alarm(0);
	say("alarm", before);
	say("what was left of it", left);
	ualarm(3000, 3000);
	while (count < 3)
		pause();
	say("ualarm", count >= 3);
	ualarm(0, 0);
}

static void of_cpu_time(void)
{
	struct itimerval times = { { 0, 10000 }, { 0, 100000 } };
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	struct timespec pause_time = { 0, 150000000 };
	long set, slept;

	sigaction(SIGPROF, &action, NULL);
	sigaction(SIGVTALRM, &action, NULL);
	count = 0;
	set = setitimer(ITIMER_PROF, &times, NULL);
	nanosleep(&pause_time, NULL);
	slept = count;	/* told later: telling takes time of the processor */
	say("ITIMER_PROF", set);
	say("does not count sleep", slept);
	while (count < 3)
		;
	getitimer(ITIMER_PROF, &times);
	say("its interval", times.it_interval.tv_usec);
	times = (struct itimerval){ 0 };
	setitimer(ITIMER_PROF, &times, NULL);
	count = 0;
	times.it_value.tv_usec = 10000;
	say("ITIMER_VIRTUAL", setitimer(ITIMER_VIRTUAL, &times, NULL));
	while (!count)
		;
	getitimer(ITIMER_VIRTUAL, &times);
	say("once", times.it_value.tv_usec);
}

static void of_files(void)
{
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct itimerspec times = { { 0, 10000000 }, { 0, 10000000 } };
	struct pollfd polled = { .fd = timer, .events = POLLIN };
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(0);
	uint64_t expirations;
	char small[4];

	say("timerfd", timer >= 0);
	say("not yet", read(timer, &expirations, 8) == -1 ? errno : 0);
	timerfd_settime(timer, 0, &times, NULL);
	say("poll", poll(&polled, 1, 60000));
	say("too small a buffer", read(timer, small, 4) == -1 ? errno : 0);
	usleep(25000);
	say("read", read(timer, &expirations, 8));
	say("several expired", expirations >= 2);
	epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
	say("epoll", epoll_wait(epoll, &event, 1, 60000));
	times.it_value.tv_nsec = 0;
	timerfd_settime(timer, 0, &times, NULL);
	read(timer, &expirations, 8);
	say("stopped", epoll_wait(epoll, &event, 1, 30));
	fcntl(timer, F_SETFL, 0);
	times = (struct itimerspec){ { 0, 0 }, { 0, 1000000 } };
	timerfd_settime(timer, 0, &times, NULL);
	say("read waits", read(timer, &expirations, 8));
	say("once", (long)expirations);
	say("a clock there is not", timerfd_create(99, 0) == -1 ? errno : 0);
	say("no timer", timerfd_gettime(0, &times) == -1 ? errno : 0);
	close(timer);
	close(epoll);
}

static void of_children(void)
{
	pid_t pid;
	int status;

	signal(SIGALRM, SIG_DFL);
	alarm(100);
	pid = fork();
	if (!pid) {
		say("a child has no alarm", alarm(0));
		ualarm(2000, 0);
		for (;;)
			pause();
	}
	waitpid(pid, &status, 0);
	say("its own ends it", WTERMSIG(status));
	say("the parent's is left", alarm(0) > 90);
}

int main(void)
{
	of_processes();
	of_cpu_time();
	of_files();
	of_children();
	return 0;
}
