/*
 * waiting.c - threads that wait, each for something else; two of them for each other.
 *
 * With an argument two more spin.  The lines that tests look for have a comment in capitals.
 */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct account {
	const char *name;
	long balance;
	pthread_mutex_t lock;
};

static struct account alice = { "alice", 100, PTHREAD_MUTEX_INITIALIZER };
static struct account bob = { "bob", 50, PTHREAD_MUTEX_INITIALIZER };
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER;
static sem_t slots;
static int pipes[2];
static pthread_barrier_t both;
static volatile int spinning;

__attribute__((noinline)) static long transfer(struct account *from, struct account *to,
    long amount)
{
	long total;

	pthread_mutex_lock(&from->lock); /* TAKEN */
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&to->lock); /* STUCK */
	from->balance -= amount;
	to->balance += amount;
	total = from->balance + to->balance;
	pthread_mutex_unlock(&to->lock);
	pthread_mutex_unlock(&from->lock);
	return total;
}

static void *first(void *argument)
{
	int fee = 3;

	transfer(&alice, &bob, 10 + fee); /* CALLED */
	return argument;
}

static void *second(void *argument)
{
	transfer(&bob, &alice, 20);
	return argument;
}

static void *waits(void *argument)
{
	pthread_mutex_lock(&gate);
	pthread_cond_wait(&opened, &gate);
	pthread_mutex_unlock(&gate);
	return argument;
}

static void *reads(void *argument)
{
	char byte;

	return read(pipes[0], &byte, 1) ? argument : NULL;
}

static void *sleeps(void *argument)
{
	sleep(1000);
	return argument;
}

static void *polls(void *argument)
{
	struct pollfd entry = { pipes[0], POLLIN, 0 };

	return poll(&entry, 1, -1) ? argument : NULL;
}

static void *takes(void *argument)
{
	sem_wait(&slots);
	return argument;
}

static void *looks_up(void *argument)
{
	pthread_rwlock_rdlock(&table);
	return argument;
}

static void *own_lock(void *argument)
{
	pthread_mutex_t *heap = malloc(sizeof(*heap));

	pthread_mutex_init(heap, NULL);
	pthread_mutex_lock(heap);
	pthread_mutex_lock(heap); /* ITSELF */
	return argument;
}

static void *spins(void *argument)
{
	for (volatile long count = 0; ; count++)
		if (count == 1)
			__atomic_add_fetch(&spinning, 1, __ATOMIC_SEQ_CST);
	return argument;
}

int main(int argc, char **argv)
{
	void *(*const functions[])(void *) = {
		first, second, waits, reads, sleeps, polls, takes, looks_up, own_lock, spins, spins };
	int count = argc > 1 ? 11 : 9;
	pthread_t threads[11];

	(void)argv;
	if (pipe(pipes))
		return 1;
	sem_init(&slots, 0, 0);
	pthread_barrier_init(&both, NULL, 2);
	pthread_rwlock_wrlock(&table);
	for (int i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, functions[i], NULL);
	/* Ten times: a machine that stands still may use up one of them at once. */
	for (int i = 0; i < 10 || spinning < count - 9; i++)
		usleep(5000);
	puts("ready");
	fflush(stdout);
	pthread_join(threads[0], NULL);
	return 0;
}
