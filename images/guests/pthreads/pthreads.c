/*
 * pthreads.c - threads and what they meet at.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8
#define ROUNDS 20000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long counter;
static atomic_long atomic_counter;
static _Thread_local int mine = 5;

static void *count(void *argument)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
		atomic_counter++;
		mine++;
	}
	return (void *)((intptr_t)argument * 10 + (mine == 5 + ROUNDS));
}

static void counting(void)
{
	pthread_t threads[THREADS];
	void *value;
	long sum = 0;

	for (intptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, count, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &value);
		sum += (intptr_t)value;
	}
	printf("counted %ld and %ld, values %ld, mine still %d\n", counter, (long)atomic_counter, sum, mine);
}

static int turn;

static void *play(void *argument)
{
	int me = (int)(intptr_t)argument;

	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != me)
			pthread_cond_wait(&changed, &mutex);
		turn = !me;
		pthread_cond_signal(&changed);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void ping_pong(void)
{
	pthread_t threads[2];

	for (intptr_t i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, play, (void *)i);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("4000 turns, next is %d\n", turn);
}

static void waiting_in_vain(void)
{
	struct timespec until, after;
	sem_t semaphore;
	int result;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 20000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&mutex);
	result = pthread_cond_timedwait(&changed, &mutex, &until);
	pthread_mutex_unlock(&mutex);
	clock_gettime(CLOCK_REALTIME, &after);
	printf("%s, not too early: %d\n", strerror(result),
	    after.tv_sec > until.tv_sec || (after.tv_sec == until.tv_sec && after.tv_nsec >= until.tv_nsec));
	sem_init(&semaphore, 0, 1);
	printf("semaphore %d", sem_wait(&semaphore));
	printf(" %d", sem_trywait(&semaphore));
	printf(" %s\n", strerror(errno));
	result = sem_timedwait(&semaphore, &until);
	printf("%d %s\n", result, strerror(errno));
}

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int onces, destroyed, cleaned;

static void init_once(void)
{
	onces++;
}

static void destroy(void *value)
{
	destroyed += (int)(intptr_t)value;
}

static void clean(void *argument)
{
	cleaned += (int)(intptr_t)argument;
}

static void *leave(void *argument)
{
	pthread_once(&once, init_once);
	pthread_setspecific(key, argument);
	pthread_cleanup_push(clean, argument);
	if (argument == (void *)3)
		pthread_exit(argument);
	pthread_cleanup_pop(1);
	return NULL;
}

static void endings(void)
{
	pthread_t threads[5];

	pthread_key_create(&key, destroy);
	for (intptr_t i = 0; i < 5; i++)
		pthread_create(&threads[i], NULL, leave, (void *)i);
	for (int i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	printf("once %d, destroyed %d, cleaned %d\n", onces, destroyed, cleaned);
}

static pthread_barrier_t barrier;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static atomic_int serial, readers, most_readers, wrong;

static void *meet(void *argument)
{
	(void)argument;
	for (int i = 0; i < 50; i++) {
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			serial++;
		if (i % 10 == 0) {
			pthread_rwlock_wrlock(&lock);
			wrong += readers != 0;
			pthread_rwlock_unlock(&lock);
			continue;
		}
		pthread_rwlock_rdlock(&lock);
		readers++;
		if (readers > most_readers)
			most_readers = readers;
		sched_yield();
		readers--;
		pthread_rwlock_unlock(&lock);
	}
	return NULL;
}

static void meeting(void)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, meet, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("serial %d, readers together: %d, wrong %d\n", serial, most_readers > 1, wrong);
}

static atomic_int alive, ended;

static void *exist(void *argument)
{
	char stack[8192];

	memset(stack, (int)(intptr_t)argument, sizeof stack);
	alive++;
	while (alive < 100)
		usleep(1000);
	ended += stack[4096] == (char)(intptr_t)argument;
	return NULL;
}

static void many(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 32768);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	for (intptr_t i = 0; i < 100; i++)
		if (pthread_create(&thread, &attributes, exist, (void *)i))
			printf("no thread %ld\n", (long)i);
	while (ended < 100)
		usleep(1000);
	printf("100 at once\n");
}

static void kinds_of_mutex(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t recursive, checking;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&recursive, &attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&checking, &attributes);
	printf("%d %d\n", pthread_mutex_lock(&recursive), pthread_mutex_lock(&recursive));
	pthread_mutex_lock(&checking);
	printf("%s, %s\n", strerror(pthread_mutex_lock(&checking)), strerror(pthread_mutex_trylock(&checking)));
	pthread_mutex_unlock(&checking);
	printf("%s\n", strerror(pthread_mutex_unlock(&checking)));
}

/* Two threads that never give way both get on: the guest preempts them. */
static atomic_long spins[2];
static atomic_int stop;

static void *spin(void *argument)
{
	while (!stop)
		++*(atomic_long *)argument;
	return NULL;
}

static void spinning(void)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, spin, &spins[i]);
	while (spins[0] < 100000 || spins[1] < 100000)
		;
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("both got on\n");
}

static void *sleep_on(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static void cancelling(void)
{
	pthread_t thread;
	void *value;

	pthread_create(&thread, NULL, sleep_on, NULL);
	usleep(5000);
	printf("cancel %d", pthread_cancel(thread));
	pthread_join(thread, &value);
	printf(" %d\n", value == PTHREAD_CANCELED);
}

int main(void)
{
	spinning(); /* first: nothing has set a timer yet */
	counting();
	ping_pong();
	waiting_in_vain();
	endings();
	meeting();
	many();
	kinds_of_mutex();
	cancelling();
	return 0;
}
