/*
 * other_side.c - other_side RAM OFFSET MILLISECONDS: the other half of guest.S's bargain.
 *
 * As a device does it: store, order, look.  At least one of the two has to see the other;
 * prints how many rounds there were, and in how many neither did.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE_BYTES 4096
#define SPREAD 600            /* turns of a loop: about when the guest looks */
#define PATIENCE_MS 60000
enum { ROUND = 0, GUEST = 16, OURS = 32, SEEN = 48, DONE = 64, BEGUN = 80 };

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* False if it takes too long: the guest is gone. */
static bool wait_for(const volatile uint32_t *word, uint32_t value)
{
	int64_t start_ms = now_ms();

	for (unsigned turns = 1; *word != value; turns++) {
		if (turns > 10000)
			sched_yield();
		if (turns % 10000 == 0 && now_ms() - start_ms > PATIENCE_MS)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	int ram = argc == 4 ? open(argv[1], O_RDWR) : -1;
	off_t at = argc == 4 ? strtoll(argv[2], NULL, 0) : 0;
	int64_t end_ms;
	volatile uint32_t *words = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ram,
	    at & -PAGE_BYTES);
	unsigned rounds = 0, neither = 0;

	if (ram < 0 || words == MAP_FAILED)
		return 2;
	words += at % PAGE_BYTES / sizeof(*words);
	if (!wait_for(&words[BEGUN], 1))
		return 3;
	end_ms = now_ms() + atoi(argv[3]);
	do {
		uint32_t guest;

		words[ROUND] = ++rounds;
		for (volatile unsigned wait = rounds * 7919u % SPREAD; wait; wait--)
			;
		words[OURS] = rounds;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		guest = words[GUEST];
		if (!wait_for(&words[DONE], rounds))
			return 3;
		neither += guest != rounds && words[SEEN] != rounds;
	} while (rounds % 64 || now_ms() < end_ms);
	words[ROUND] = ~0u;
	printf("%u %u\n", rounds, neither);
	return 0;
}
