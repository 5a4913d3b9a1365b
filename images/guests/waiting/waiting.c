/*
 * waiting.c - pipes, poll, select, epoll, eventfd, between threads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends[2];

static void *write_later(void *argument)
{
	usleep(10000);
	write(*(int *)argument, "later", 5);
	return NULL;
}

static void *close_later(void *argument)
{
	usleep(10000);
	close(*(int *)argument);
	return NULL;
}

/* Run work beside, and then wait for its end. */
#define WHILE(function, argument, statement) do { \
		pthread_t thread; \
		pthread_create(&thread, NULL, function, argument); \
		statement; \
		pthread_join(thread, NULL); \
	} while (0)

static void polling(void)
{
	struct pollfd entry = { ends[0], POLLIN, 0 };
	char text[16];
	ssize_t got;

	printf("poll: %d\n", poll(&entry, 1, 5));
	WHILE(write_later, &ends[1], printf("poll: %d", poll(&entry, 1, 5000)));
	printf(" %x\n", entry.revents);
	got = read(ends[0], text, sizeof text);
	printf("%.*s\n", (int)got, text);
	WHILE(write_later, &ends[1], got = read(ends[0], text, sizeof text));
	printf("%.*s\n", (int)got, text);
	printf("full: %zd", write(ends[1], (char[70000]){ 0 }, 65536));
	entry = (struct pollfd){ ends[1], POLLOUT, 0 };
	printf(" %d\n", poll(&entry, 1, 0));
	ioctl(ends[0], FIONREAD, &got);
	printf("holds %d\n", (int)got);
	read(ends[0], (char[70000]){ 0 }, 70000);
}

static void selecting(void)
{
	struct timeval wait = { 5, 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	WHILE(write_later, &ends[1], printf("select: %d", select(ends[0] + 1, &set, NULL, NULL, &wait)));
	printf(" %d, time left: %d\n", !!FD_ISSET(ends[0], &set), wait.tv_sec <= 5);
	read(ends[0], (char[8]){ 0 }, 8);
}

static void epolling(void)
{
	struct epoll_event event = { EPOLLIN | EPOLLET, { .u32 = 77 } }, got[4];
	int epoll = epoll_create1(0), counter = eventfd(0, EFD_NONBLOCK);
	uint64_t number = 3;

	printf("add: %d", epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event));
	event.data.u32 = 88;
	printf(" %d\n", epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event));
	printf("nothing: %d\n", epoll_wait(epoll, got, 4, 5));
	WHILE(write_later, &ends[1], printf("epoll: %d", epoll_wait(epoll, got, 4, 5000)));
	printf(" %u %x\n", got[0].data.u32, got[0].events);
	printf("edge seen: %d\n", epoll_wait(epoll, got, 4, 0));
	write(counter, &number, 8);
	printf("eventfd: %d", epoll_wait(epoll, got, 4, -1));
	printf(" %u\n", got[0].data.u32);
	printf("%zd", read(counter, &number, 8));
	printf(" %lu, then %zd", (unsigned long)number, read(counter, &number, 8));
	printf(" %s\n", strerror(errno));
	close(epoll);
	close(counter);
	read(ends[0], (char[8]){ 0 }, 8);
}

#define MESSAGES 3000

static void *produce(void *argument)
{
	for (int i = 0; i < MESSAGES; i++)
		write(*(int *)argument, &i, sizeof i);
	return NULL;
}

static void passing(void)
{
	long wrong = 0;
	int number;

	WHILE(produce, &ends[1],
	    for (int i = 0; i < MESSAGES; i++) {
		    read(ends[0], &number, sizeof number);
		    wrong += number != i;
	    });
	printf("%d messages, %ld wrong\n", MESSAGES, wrong);
}

static void *open_later(void *argument)
{
	static int writer;

	usleep(10000);
	writer = open(argument, O_WRONLY);
	write(writer, "fifo", 4);
	close(writer);
	return NULL;
}

static void named_pipe(void)
{
	static char path[] = "/tmp/waiting-fifo";
	char text[8];
	int reader = -1;

	unlink(path);
	printf("mkfifo: %d\n", mkfifo(path, 0600));
	WHILE(open_later, path, reader = open(path, O_RDONLY));
	printf("%zd", read(reader, text, sizeof text));
	printf(" %.4s, then %zd\n", text, read(reader, text, sizeof text));
	close(reader);
	unlink(path);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	pipe(ends);
	polling();
	selecting();
	epolling();
	passing();
	named_pipe();
	WHILE(close_later, &ends[1], printf("end: %zd\n", read(ends[0], (char[1]){ 0 }, 1)));
	pipe2(ends, O_NONBLOCK);
	printf("empty: %zd", read(ends[0], (char[1]){ 0 }, 1));
	printf(" %s\n", strerror(errno));
	close(ends[0]);
	printf("broken: %zd", write(ends[1], "x", 1));
	printf(" %s\n", strerror(errno));
	return 0;
}
