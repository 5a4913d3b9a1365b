/*
 * known_state.c - a guest whose contents are known: what the lab finds in it is compared
 * with what this file put there.
 *
 * It builds everything up, says "ready", and stays as it is until a line is typed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define TCP_PORT 47231
#define LEAKED_BLOCKS 5
#define LEAKED_BYTES 3000

/* --- variables --- */

enum colour { RED, GREEN = 7, BLUE };
struct point {
	int32_t x, y;
};
struct item {
	struct item *next;
	int number;
	char name[12];
	struct point at;
	enum colour colour;
	unsigned low : 3, high : 5;
	union {
		uint64_t whole;
		double real;
	};
};

int counter = 42;
static const char *const motto = "known";
double ratio = 0.375;
char label[16] = "label";
struct item table[3] = {
	{ NULL, 10, "ten", { 1, -1 }, RED, 1, 2, { 100 } },
	{ NULL, 20, "twenty", { 2, -2 }, GREEN, 3, 4, { 200 } },
	{ NULL, 30, "thirty", { 3, -3 }, BLUE, 5, 6, { 300 } },
};
struct item *list;           /* five, numbers 4 to 0 */
struct item *ring;           /* three, that come back to the first */
struct item *nowhere = (struct item *)0x700012340000;
_Thread_local int own = 1;
void *kept[4];               /* of 1000 bytes each */

/* --- what stays until the end --- */

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static int pipe_ends[2];
static uint8_t *read_only_pages, *shared_pages;

static void check(int fine, const char *what)
{
	if (fine)
		return;
	perror(what);
	exit(1);
}

static struct item *item_make(int number, struct item *next)
{
	struct item *item = calloc(1, sizeof(*item));

	check(item != NULL, "calloc");
	item->number = number;
	item->next = next;
	return item;
}

static void make_variables(void)
{
	for (int i = 0; i < 5; i++)
		list = item_make(i, list);
	ring = item_make(3, NULL);
	ring->next = item_make(1, item_make(2, ring));
	own = 77;
}

__attribute__((noinline)) static void leak_blocks(void)
{
	for (int i = 0; i < LEAKED_BLOCKS; i++)
		memset(malloc(LEAKED_BYTES), 0x5a, LEAKED_BYTES);
}

static void make_heap(void)
{
	/* Without a free, the C library links an allocator that keeps no books. */
	void *volatile given_back = malloc(50);

	free(given_back);
	for (int i = 0; i < 4; i++)
		memset(kept[i] = malloc(1000), 'k', 1000);
	leak_blocks();
}

static void make_files(void)
{
	int file, copy;

	mkdir("/tmp", 01777);
	mkdir("/tmp/known_state", 0755);
	check(!chdir("/tmp/known_state"), "chdir");
	file = open("data", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0644); /* 3 */
	check(file == 3, "data");
	check(write(file, "0123456789", 10) == 10, "write");
	check(lseek(file, 5, SEEK_SET) == 5, "lseek");
	copy = dup2(file, 20);
	check(copy == 20, "dup2");
	check(!pipe(pipe_ends) && pipe_ends[0] == 4, "pipe");       /* 4, 5 */
	check(eventfd(7, EFD_CLOEXEC) == 6, "eventfd");              /* 6 */
	check(open("/dev/null", O_WRONLY | O_NONBLOCK) == 7, "/dev/null"); /* 7 */
	check(open("/tmp/known_state", O_RDONLY | O_DIRECTORY) == 8, "directory"); /* 8 */
}

static void make_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 4 };
	int epoll = epoll_create1(0);                                /* 9 */

	check(epoll == 9, "epoll_create1");
	check(!epoll_ctl(epoll, EPOLL_CTL_ADD, pipe_ends[0], &event), "epoll_ctl");
}

static void make_sockets(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(TCP_PORT),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = "/tmp/known_state/socket" };
	int pair[2], one = 1;
	int listener = socket(AF_INET, SOCK_STREAM, 0);              /* 10 */

	check(listener == 10, "socket");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	check(!bind(listener, (void *)&here, sizeof(here)), "bind");
	check(!listen(listener, 8), "listen");
	check(socket(AF_INET, SOCK_STREAM, 0) == 11, "socket");
	check(!connect(11, (void *)&here, sizeof(here)), "connect"); /* 11 */
	check(accept(listener, NULL, NULL) == 12, "accept");         /* 12 */
	check(send(11, "queued bytes", 12, 0) == 12, "send");
	check(socket(AF_INET, SOCK_DGRAM, 0) == 13, "socket");       /* 13 */
	here.sin_port = htons(TCP_PORT + 1);
	check(!bind(13, (void *)&here, sizeof(here)), "bind");
	unlink(path.sun_path);
	check(socket(AF_UNIX, SOCK_STREAM, 0) == 14, "socket");      /* 14 */
	check(!bind(14, (void *)&path, sizeof(path)) && !listen(14, 3), "unix");
	check(!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "socketpair"); /* 15, 16 */
	check(send(pair[0], "abc", 3, 0) == 3, "send");
}

static void make_timers(void)
{
	struct itimerval often = { { 500, 0 }, { 1000, 0 } };
	struct itimerspec late = { { 0, 0 }, { 2000, 0 } };
	struct sigevent by_signal = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t timer;

	check(!setitimer(ITIMER_REAL, &often, NULL), "setitimer");
	check(!timer_create(CLOCK_MONOTONIC, &by_signal, &timer), "timer_create");
	late.it_value.tv_sec = 3000;
	check(!timer_settime(timer, 0, &late, NULL), "timer_settime");
	check(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK) == 17, "timerfd_create"); /* 17 */
	late.it_value.tv_sec = 4000;
	late.it_interval.tv_sec = 60;
	check(!timerfd_settime(17, 0, &late, NULL), "timerfd_settime");
}

static void make_memory(void)
{
	int file = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);  /* 18 */

	check(file == 18 && !ftruncate(file, 3 * PAGE), "mapped");
	read_only_pages = mmap(NULL, 5 * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(read_only_pages != MAP_FAILED, "mmap");
	memset(read_only_pages, 0xc5, 2 * PAGE);
	check(!mprotect(read_only_pages, 5 * PAGE, PROT_READ), "mprotect");
	shared_pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	check(shared_pages != MAP_FAILED, "mmap");
	memcpy(shared_pages, "shared", 6);
}

/* --- threads --- */

static void *sleep_long(void *unused)
{
	prctl(PR_SET_NAME, "sleeper");
	sleep(100000);
	return unused;
}

static void *wait_for_held(void *unused)
{
	prctl(PR_SET_NAME, "waiter");
	pthread_mutex_lock(&held);
	return unused;
}

static void *read_pipe(void *unused)
{
	char byte;

	prctl(PR_SET_NAME, "reader");
	if (read(pipe_ends[0], &byte, 1) < 0)
		perror("read");
	return unused;
}

static void make_threads(void)
{
	void *(*const functions[])(void *) = { sleep_long, wait_for_held, read_pipe };
	pthread_t thread;

	pthread_mutex_lock(&held);
	for (int i = 0; i < 3; i++) {
		check(!pthread_create(&thread, NULL, functions[i], NULL), "pthread_create");
		usleep(20000); /* until it sleeps */
	}
}

static void make_mount(void)
{
	mkdir("/tmp/known_state/mount", 0755);
	/* Only in a guest may everybody do this, so it is not an error that it fails. */
	(void)!mount("none", "/tmp/known_state/mount", "tmpfs", 0, NULL);
}

static void crash_if_asked(int count, char **arguments)
{
	if (count > 1 && !strcmp(arguments[1], "crash"))
		nowhere->number = 1;
}

int main(int count, char **arguments)
{
	make_variables();
	make_heap();
	make_files();
	make_epoll();
	make_sockets();
	make_timers();
	make_memory();
	make_threads();
	if (getpid() == 1)
		make_mount();
	crash_if_asked(count, arguments);
	printf("%s, %d counted\n> ", motto, counter);
	fflush(stdout);
	getchar();
	puts("done");
	fflush(stdout);
	_exit(0);
}
