/*
 * wait_scenarios.c - pipes, FIFOs, poll, select, epoll, eventfd: also between threads.
 *
 * A thread that is to find another one waiting gives it SHORT_MS to get there; only what
 * comes out in the same order every time is noted.
 */
#include "calls.h"

void *memset(void *, int, size_t);
void *memcpy(void *, const void *, size_t);

#define SHORT_MS 10

static char big[70000];

static void pipes(void)
{
	int ends[2], held;
	char text[16];

	DO(pipe2, ends, 0);
	note("%d %d\n", ends[0], ends[1]);
	DO(write, 4, "hello", 5);
	DO(ioctl, 3, FIONREAD, &held);
	note("%d\n", held);
	DO(read, 3, text, 2);
	DO(read, 3, text, 16);
	DO(write, 3, "x", 1);
	DO(read, 4, text, 1);
	DO(lseek, 3, 0, SEEK_CUR);
	DO(pread64, 3, text, 1, 0);
	DO(pwrite64, 4, text, 1, 0);
	DO(ftruncate, 4, 0);
	DO(fsync, 3);
	note_fstat(3);
	DO(fcntl, 3, F_GETFL, 0);
	DO(fcntl, 4, F_GETFL, 0);
	DO(fcntl, 4, F_SETFL, O_NONBLOCK);
	DO(fcntl, 3, F_SETFL, O_NONBLOCK);
	DO(read, 3, text, 1);
	DO(read, 3, text, 0);
	DO(write, 4, big, sizeof big);
	DO(write, 4, big, 1);
	DO(read, 3, big, 4095);
	DO(write, 4, big, 4096);
	DO(read, 3, big, 4097);
	DO(write, 4, big, 4096);
	DO(fcntl, 3, F_GETPIPE_SZ, 0);
	DO(fcntl, 3, F_SETPIPE_SZ, 4096);
	DO(fcntl, 3, F_SETPIPE_SZ, 131072);
	DO(write, 4, big, 65536);
	DO(fcntl, 3, F_GETPIPE_SZ, 0);
	DO(close, 4);
	DO(read, 3, big, sizeof big);
	DO(read, 3, big, sizeof big);
	DO(read, 3, big, sizeof big);
	DO(pipe2, ends, O_CLOEXEC | O_NONBLOCK);
	DO(fcntl, 4, F_GETFD, 0);
	DO(fcntl, 4, F_GETFL, 0);
	DO(pipe2, ends, 1);
	DO(fcntl, 0, F_GETPIPE_SZ, 0);
	DO(close, 3);
	DO(write, 4, "x", 1);
	DO(write, 4, "", 0);
	DO(writev, 4, 0, 0);
	note("%d broken pipes\n", world->broken_pipes());
}

#define PUMPED 1000000
static int ring[2];

static char pattern(long position)
{
	return (char)(position * 7 + position / 4096);
}

static void pump(void *argument)
{
	static char sent[PUMPED];
	long at, got;

	(void)argument;
	for (at = 0; at < PUMPED; at++)
		sent[at] = pattern(at);
	for (at = 0; at < PUMPED; at += got)
		if ((got = QUIET(write, ring[1], sent + at, PUMPED - at < 69999 ? PUMPED - at : 69999)) <= 0)
			break;
	QUIET(close, ring[1]);
}

static void pipe_between_threads(void)
{
	long received = 0, wrong = 0, got, i;

	QUIET(pipe2, ring, 0);
	beside(pump, NULL);
	while ((got = QUIET(read, ring[0], big, 7777)) > 0)
		for (i = 0; i < got; i++)
			wrong += big[i] != pattern(received++);
	join_all();
	note("%ld %ld, %ld wrong\n", received, got, wrong);
}

static void write_late(void *argument)
{
	pause_ms(SHORT_MS);
	QUIET(write, *(int *)argument, "late", 4);
}

static void close_late(void *argument)
{
	pause_ms(SHORT_MS);
	QUIET(close, *(int *)argument);
}

static void waiting_for_a_pipe(void)
{
	char text[8];
	int ends[2];

	QUIET(pipe2, ends, 0);
	beside(write_late, &ends[1]);
	DO(read, 3, text, 8);
	join_all();
	beside(close_late, &ends[1]);
	DO(read, 3, text, 8);
	join_all();
	QUIET(pipe2, ends, 0);
	QUIET(write, ends[1], big, 65536);
	struct linux_pollfd entry = { ends[1], POLLOUT, 0 };

	DO(poll, &entry, 1, 0);
	QUIET(read, ends[0], big, 8192);
	DO(poll, &entry, 1, 0);
}

static long writer;

static void open_writer_late(void *argument)
{
	pause_ms(SHORT_MS);
	writer = QUIET(open, argument, O_WRONLY, 0);
}

static void fifos(void)
{
	char text[8] = "";
	int held;

	DO(mknod, "p", S_IFIFO | 0644, 0);
	note_stat("p");
	DO(open, "p", O_WRONLY | O_NONBLOCK, 0);
	DO(open, "p", O_RDONLY | O_NONBLOCK, 0);
	DO(read, 3, text, 8);
	struct linux_pollfd entry = { 3, POLLIN, 0 };

	DO(poll, &entry, 1, 0);
	DO(open, "p", O_WRONLY | O_NONBLOCK, 0);
	DO(read, 3, text, 8);
	DO(write, 4, "fifo", 4);
	DO(poll, &entry, 1, 0);
	DO(read, 3, text, 8);
	DO(close, 4);
	DO(poll, &entry, 1, 0);
	note("%x\n", entry.revents);
	DO(open, "p", O_RDWR, 0);
	DO(write, 4, "both", 4);
	DO(ioctl, 4, FIONREAD, &held);
	DO(close, 4);
	DO(close, 3);
	DO(open, "p", O_RDONLY | O_NONBLOCK, 0);
	DO(read, 3, text, 8);
	DO(close, 3);
	beside(open_writer_late, "p");
	long reader = QUIET(open, "p", O_RDONLY, 0);

	join_all();
	note("reader %d writer %d\n", reader > 0, writer > 0); /* in either order */
	DO(lseek, 3, 0, SEEK_SET);
	DO(open, "p", O_RDONLY | O_TRUNC, 0);
}

static void polling(void)
{
	struct linux_pollfd entries[5];
	struct linux_timespec time = { 0, 1000000 };
	int ends[2];
	size_t i;

	QUIET(pipe2, ends, 0);
	put("f", "x");
	QUIET(open, "f", O_RDONLY, 0);
	entries[0] = (struct linux_pollfd){ 3, POLLIN | POLLOUT, 1 };
	entries[1] = (struct linux_pollfd){ 4, POLLIN | POLLOUT, 1 };
	entries[2] = (struct linux_pollfd){ 5, POLLIN | POLLOUT | POLLPRI, 1 };
	entries[3] = (struct linux_pollfd){ -1, POLLIN, 1 };
	entries[4] = (struct linux_pollfd){ 99, POLLIN, 1 };
#define POLL(count, wait) do { \
		DO(poll, entries, count, wait); \
		for (i = 0; i < count; i++) \
			note(" %x", entries[i].revents); \
		note("\n"); \
	} while (0)
	POLL(5, -1);
	POLL(1, 0);
	POLL(1, 2);
	DO(ppoll, entries, 1, &time, 0, 8);
	DO(ppoll, entries, 1, &time, &time, 7);
	DO(ppoll, entries, 1, &time, 8, 8);
	DO(ppoll, entries, 1, &time, &ends, 8);
	time.tv_nsec = -1;
	DO(ppoll, entries, 1, &time, 0, 8);
	QUIET(write, 4, "x", 1);
	POLL(4, -1);
	beside(close_late, &ends[1]);
	QUIET(read, 3, big, 1);
	POLL(1, -1);
	join_all();
	POLL(2, 0);
	QUIET(pipe2, ends, 0);
	QUIET(close, 4);
	entries[0].fd = ends[1];
	entries[1] = (struct linux_pollfd){ 0, POLLIN | POLLOUT, 0 };
	POLL(2, 0);
	DO(poll, 0, 0, 1);
	DO(poll, entries, 100000000, 0);
}

static void waiting_for_two(void)
{
	struct linux_pollfd entries[2];
	int first[2], second[2];

	QUIET(pipe2, first, 0);
	QUIET(pipe2, second, 0);
	entries[0] = (struct linux_pollfd){ first[0], POLLIN, 0 };
	entries[1] = (struct linux_pollfd){ second[0], POLLIN, 0 };
	beside(write_late, &second[1]);
	DO(poll, entries, 2, 5000);
	join_all();
	note("%x %x\n", entries[0].revents, entries[1].revents);
	beside(write_late, &first[1]);
	QUIET(read, second[0], big, 10);
	DO(poll, entries, 2, -1);
	join_all();
	note("%x %x\n", entries[0].revents, entries[1].revents);
}

static void selecting(void)
{
	uint64_t read_set[16] = { 0 }, write_set[16] = { 0 };
	struct linux_timeval time = { 0, 1000 };
	int ends[2];

	QUIET(pipe2, ends, 0);
	read_set[0] = 1 << 3;
	write_set[0] = 1 << 4;
	DO(select, 5, read_set, write_set, 0, 0);
	note("%lx %lx\n", read_set[0], write_set[0]);
	read_set[0] = 1 << 3;
	DO(select, 5, read_set, 0, 0, &time);
	note("%lx\n", read_set[0]);
	read_set[0] = 1 << 3;
	QUIET(write, 4, "x", 1);
	DO(select, 5, read_set, 0, read_set + 8, 0);
	note("%lx\n", read_set[0]);
	read_set[0] = 1 << 3;
	DO(select, 3, read_set, 0, 0, &time);
	note("%lx\n", read_set[0]);
	read_set[0] = 1 << 9;
	DO(select, 10, read_set, 0, 0, &time);
	DO(select, -1, read_set, 0, 0, &time);
	time.tv_sec = -1;
	DO(select, 0, 0, 0, 0, &time);
	QUIET(close, 4);
	read_set[0] = 1 << 3;
	DO(pselect6, 4, read_set, 0, 0, 0, 0);
	struct { const void *mask; size_t bytes; } more = { read_set, 7 };

	DO(pselect6, 4, read_set, 0, 0, 0, &more);
	more.bytes = 8;
	DO(pselect6, 4, read_set, 0, 0, 0, &more);
	DO(pselect6, 4, read_set, 0, 0, 0, 8);
}

static void note_events(const char *what, long count, const struct linux_epoll_event *events)
{
	note("%s: %ld", what, count);
	for (long i = 0; i < count; i++)
		note(" %x/%lx", events[i].events, (unsigned long)events[i].data);
	note("\n");
}

static struct linux_epoll_event got[8];
#define WAIT(what, epoll, ms) \
	note_events(what, QUIET(epoll_wait, epoll, got, 8, ms), got)

static void epoll_levels_and_edges(void)
{
	struct linux_epoll_event event = { EPOLLET | POLLIN, 0x111 };
	int ends[2];
	long epoll;

	QUIET(pipe2, ends, O_NONBLOCK);
	epoll = DO(epoll_create1, EPOLL_CLOEXEC);
	WAIT("empty", epoll, 0);
	DO(epoll_ctl, 5, EPOLL_CTL_ADD, 3, &event);
	DO(epoll_ctl, 5, EPOLL_CTL_ADD, 3, &event);
	WAIT("nothing there", epoll, 1);
	QUIET(write, 4, "x", 1);
	WAIT("edge", epoll, -1);
	WAIT("edge again", epoll, 0);
	QUIET(write, 4, "x", 1);
	WAIT("new edge", epoll, 0);
	event.events = POLLIN;
	DO(epoll_ctl, 5, EPOLL_CTL_MOD, 3, &event);
	WAIT("level", epoll, 0);
	WAIT("level again", epoll, 0);
	QUIET(read, 3, big, 10);
	WAIT("drained", epoll, 0);
	event.events = POLLIN | EPOLLONESHOT;
	DO(epoll_ctl, 5, EPOLL_CTL_MOD, 3, &event);
	QUIET(write, 4, "x", 1);
	WAIT("once", epoll, 0);
	QUIET(write, 4, "x", 1);
	WAIT("spent", epoll, 0);
	DO(epoll_ctl, 5, EPOLL_CTL_MOD, 3, &event);
	WAIT("armed again", epoll, 0);
	event = (struct linux_epoll_event){ POLLOUT, 0x222 };
	DO(epoll_ctl, 5, EPOLL_CTL_ADD, 4, &event);
	WAIT("writable", epoll, 0);
	DO(epoll_ctl, 5, EPOLL_CTL_DEL, 4, 0);
	DO(epoll_ctl, 5, EPOLL_CTL_DEL, 4, 0);
	DO(epoll_ctl, 5, EPOLL_CTL_MOD, 4, &event);
	WAIT("deleted", epoll, 0);
	event = (struct linux_epoll_event){ POLLIN, 0x333 };
	DO(epoll_ctl, 5, EPOLL_CTL_MOD, 3, &event);
	QUIET(close, 4);
	WAIT("hung up", epoll, 0);
	QUIET(close, 3);
	WAIT("closed", epoll, 0);
}

static void epoll_errors_and_nesting(void)
{
	struct linux_epoll_event event = { POLLIN, 7 };
	int ends[2];

	DO(epoll_create1, 1);
	DO(epoll_create, 0);
	DO(epoll_create, 1);
	put("f", "");
	DO(open, "f", O_RDONLY, 0);
	DO(epoll_ctl, 3, EPOLL_CTL_ADD, 4, &event);
	DO(epoll_ctl, 3, EPOLL_CTL_ADD, 99, &event);
	DO(epoll_ctl, 99, EPOLL_CTL_ADD, 3, &event);
	DO(epoll_ctl, 3, EPOLL_CTL_ADD, 3, &event);
	QUIET(pipe2, ends, 0);
	DO(epoll_ctl, 4, EPOLL_CTL_ADD, 5, &event);
	DO(epoll_ctl, 3, 77, 5, &event);
	DO(epoll_wait, 3, got, 0, 0);
	DO(epoll_wait, 99, got, 1, 0);
	DO(epoll_wait, 5, got, 1, 0);
	DO(epoll_create1, 0);
	DO(epoll_ctl, 7, EPOLL_CTL_ADD, 3, &event);
	DO(epoll_ctl, 3, EPOLL_CTL_ADD, 7, &event);
	DO(epoll_ctl, 3, EPOLL_CTL_ADD, 5, &event);
	WAIT("outer idle", 7, 0);
	QUIET(write, 6, "x", 1);
	WAIT("outer", 7, 0);
	WAIT("inner", 3, 0);
	struct linux_pollfd entry = { 7, POLLIN, 0 };

	DO(poll, &entry, 1, 0);
	QUIET(read, 5, big, 1);
	DO(poll, &entry, 1, 0);
	WAIT("both idle", 7, 0);
	DO(dup, 5);
	event.data = 8;
	DO(epoll_ctl, 3, EPOLL_CTL_ADD, 8, &event);
	DO(close, 5);
	QUIET(write, 6, "x", 1);
	note("%ld\n", QUIET(epoll_wait, 3, got, 8, 0));
	DO(close, 8);
	note("%ld\n", QUIET(epoll_wait, 3, got, 8, 0));
	DO(fcntl, 3, F_GETFL, 0);
	DO(read, 3, big, 8);
	DO(lseek, 3, 0, SEEK_SET);
}

static void epoll_between_threads(void)
{
	struct linux_epoll_event event = { POLLIN, 0 };
	int ends[4][2];

	QUIET(epoll_create1, 0);
	for (int i = 0; i < 4; i++) {
		QUIET(pipe2, ends[i], 0);
		event.data = (uint64_t)i;
		QUIET(epoll_ctl, 3, EPOLL_CTL_ADD, ends[i][0], &event);
	}
	beside(write_late, &ends[2][1]);
	WAIT("woken", 3, 5000);
	join_all();
	QUIET(read, ends[2][0], big, 10);
	WAIT("timed out", 3, 2);
	QUIET(write, ends[3][1], "x", 1);
	QUIET(write, ends[0][1], "x", 1);
	note("%ld\n", QUIET(epoll_wait, 3, got, 1, 0));
	note("%ld\n", QUIET(epoll_wait, 3, got, 8, 0));
	WAIT("in order of arrival", 3, 0);
}

static void add_late(void *argument)
{
	uint64_t one = 1;

	pause_ms(SHORT_MS);
	QUIET(write, *(int *)argument, &one, 8);
}

static void take_late(void *argument)
{
	uint64_t count;

	pause_ms(SHORT_MS);
	QUIET(read, *(int *)argument, &count, 8);
}

static void event_counters(void)
{
	uint64_t count = 5;
	int descriptor = 3;

	DO(eventfd2, 3, EFD_CLOEXEC);
	DO(read, 3, &count, 7);
	DO(read, 3, &count, 100);
	note("%lu\n", count);
	count = 5;
	DO(write, 3, &count, 8);
	DO(write, 3, &count, 8);
	DO(write, 3, &count, 7);
	DO(read, 3, &count, 8);
	note("%lu\n", count);
	beside(add_late, &descriptor);
	DO(read, 3, &count, 8);
	join_all();
	DO(fcntl, 3, F_SETFL, O_NONBLOCK);
	DO(read, 3, &count, 8);
	count = (uint64_t)-1;
	DO(write, 3, &count, 8);
	count = (uint64_t)-2;
	DO(write, 3, &count, 8);
	count = 1;
	DO(write, 3, &count, 8);
	struct linux_pollfd entry = { 3, POLLIN | POLLOUT, 0 };

	DO(poll, &entry, 1, 0);
	note("%x\n", entry.revents);
	DO(fcntl, 3, F_SETFL, 0);
	beside(take_late, &descriptor);
	DO(write, 3, &count, 8);
	join_all();
	DO(eventfd2, 2, EFD_SEMAPHORE | EFD_NONBLOCK);
	DO(read, 4, &count, 8);
	note("%lu\n", count);
	DO(read, 4, &count, 8);
	DO(read, 4, &count, 8);
	DO(eventfd2, 0, 0x100);
	DO(lseek, 4, 0, SEEK_SET);
	DO(fcntl, 4, F_GETFL, 0);
}

static void lock_late(void *argument)
{
	pause_ms(SHORT_MS);
	QUIET(flock, *(int *)argument, LOCK_UN);
}

static void waiting_for_a_lock(void)
{
	int first;

	put("f", "");
	first = (int)QUIET(open, "f", O_RDWR, 0);
	QUIET(open, "f", O_RDWR, 0);
	DO(flock, 3, LOCK_EX);
	beside(lock_late, &first);
	DO(flock, 4, LOCK_EX);
	join_all();
	DO(flock, 3, LOCK_SH | LOCK_NB);
}

const struct scenario wait_scenarios[] = {
	{ "pipes", pipes }, { "pipe_between_threads", pipe_between_threads },
	{ "waiting_for_a_pipe", waiting_for_a_pipe }, { "fifos", fifos },
	{ "polling", polling }, { "waiting_for_two", waiting_for_two },
	{ "selecting", selecting }, { "epoll_levels_and_edges", epoll_levels_and_edges },
	{ "epoll_errors_and_nesting", epoll_errors_and_nesting },
	{ "epoll_between_threads", epoll_between_threads },
	{ "event_counters", event_counters }, { "waiting_for_a_lock", waiting_for_a_lock },
	{ NULL, NULL },
};
