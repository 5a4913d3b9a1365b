/*
 * threads.c - a hundred threads that wait for one mutex, from different depths.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define THREADS 100
#define DEPTHS 10
#define SETTLE_US 200000

static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;

__attribute__((noinline)) static int deep(int depth)
{
	volatile int below = depth ? deep(depth - 1) : 0;

	if (!depth) {
		pthread_mutex_lock(&door);
		pthread_mutex_unlock(&door);
	}
	return below + 1;
}

static void *work(void *argument)
{
	deep((int)(long)argument % DEPTHS);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	pthread_mutex_lock(&door);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	usleep(SETTLE_US);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
