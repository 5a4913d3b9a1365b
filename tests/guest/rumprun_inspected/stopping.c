/*
 * stopping.c - a thread that deposits for ever, for breakpoints and watchpoints.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

struct account {
	int id;
	long balance;
};

struct account savings = { 1, 100 };
int calls;

__attribute__((noinline)) static long deposit(struct account *to, long amount)
{
	calls++;
	to->balance += amount; /* ADDED */
	return to->balance;
}

static void *saves(void *argument)
{
	for (long amount = 0; ; amount++) {
		deposit(argument, amount); /* CALLED */
		usleep(5000);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread;

	puts("ready");
	fflush(stdout);
	pthread_create(&thread, NULL, saves, &savings);
	pthread_join(thread, NULL);
	return 0;
}
