/*
 * operations.c - a program that is the same file in both guests: it reads lines
 * "NAME BATCHES COUNT" and says how many ns COUNT operations took in the fastest batch,
 * the one in which the host left the guest alone; then what its clock shows, by which
 * the asker sees that the clock can be trusted.
 */
#include "operations.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct operation *const topics[] = {
	operations_calls, operations_threads, operations_memory, operations_files,
};

int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static operation_fn find(const char *name)
{
	for (unsigned topic = 0; topic < sizeof(topics) / sizeof(topics[0]); topic++)
		for (const struct operation *at = topics[topic]; at->name; at++)
			if (!strcmp(at->name, name))
				return at->run;
	return NULL;
}

static int64_t fastest(operation_fn run, long batches, long count)
{
	int64_t best_ns = -1;

	while (batches-- > 0) {
		int64_t taken_ns = run(count);

		if (taken_ns < 0)
			return -1;
		if (best_ns < 0 || taken_ns < best_ns)
			best_ns = taken_ns;
	}
	return best_ns;
}

int main(void)
{
	char name[32];
	long batches, count;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%31s %ld %ld", name, &batches, &count) == 3) {
		operation_fn run = find(name);

		printf("%s: %ld operations took %lld ns, ", name, count,
		    run ? (long long)fastest(run, batches, count) : -2ll);
		printf("the clock shows %lld ns\n", (long long)now_ns());
	}
	return 0;
}
