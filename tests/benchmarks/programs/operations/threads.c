/*
 * threads.c - two threads that take turns.  An operation is one switch from a thread to
 * the other, so a round there and back counts twice.
 */
#include "operations.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of futex(2); musl brings no kernel headers. */
#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129

static int forth[2], back[2];
static atomic_int turn;
static atomic_long left;

static int64_t with_partner(void *(*partner)(void *), void (*mine)(long), long count)
{
	pthread_t other;
	int64_t begun_ns;

	left = count / 2;
	turn = 0;
	if (pthread_create(&other, NULL, partner, NULL))
		return -1;
	begun_ns = now_ns();
	mine(count / 2);
	begun_ns = now_ns() - begun_ns;
	pthread_join(other, NULL);
	return begun_ns;
}

static void *pipe_partner(void *unused)
{
	char token;

	for (long i = left; i > 0; i--)
		if (read(forth[0], &token, 1) != 1 || write(back[1], &token, 1) != 1)
			break;
	return unused;
}

static void pipe_mine(long rounds)
{
	char token = 't';

	for (long i = 0; i < rounds; i++)
		if (write(forth[1], &token, 1) != 1 || read(back[0], &token, 1) != 1)
			break;
}

static int64_t pipe_switch(long count)
{
	int64_t taken_ns;

	if (pipe(forth) || pipe(back))
		return -1;
	taken_ns = with_partner(pipe_partner, pipe_mine, count);
	close(forth[0]);
	close(forth[1]);
	close(back[0]);
	close(back[1]);
	return taken_ns;
}

/* Hand the turn over, then sleep until it comes back. */
static void futex_hand_over(int from, int to)
{
	turn = to;
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
	while (turn != from)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, to, NULL);
}

static void *futex_partner(void *unused)
{
	while (turn != 1)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 0, NULL);
	for (long i = left; i > 1; i--)
		futex_hand_over(1, 0);
	turn = 0;
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
	return unused;
}

static void futex_mine(long rounds)
{
	for (long i = 0; i < rounds; i++)
		futex_hand_over(0, 1);
}

static int64_t futex_switch(long count)
{
	return with_partner(futex_partner, futex_mine, count);
}

static void *nothing(void *unused)
{
	return unused;
}

static int64_t thread_life(long count)
{
	int64_t begun_ns = now_ns();

	for (long i = 0; i < count; i++) {
		pthread_t other;

		if (pthread_create(&other, NULL, nothing, NULL) || pthread_join(other, NULL))
			return -1;
	}
	return now_ns() - begun_ns;
}

const struct operation operations_threads[] = {
	{ "pipe_switch", pipe_switch },
	{ "futex_switch", futex_switch },
	{ "thread_life", thread_life },
	{ 0 },
};
