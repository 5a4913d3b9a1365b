/*
 * flood.c - numbered lines, BYTES of them in writes of PART bytes; then how long the writes
 * took.  With a RATE in bytes a second it waits for a line first, and is no faster than that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 16
#define PART_MOST (64 << 10)

static long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* The next bytes of lines that are numbered from 0; quicker than printf. */
static void fill(char *to, long bytes)
{
	static char line[LINE_BYTES + 1] = "000000000000000\n";
	static long at;

	while (bytes) {
		long part = LINE_BYTES - at < bytes ? LINE_BYTES - at : bytes;

		memcpy(to, line + at, part);
		to += part;
		bytes -= part;
		at = (at + part) % LINE_BYTES;
		for (int digit = LINE_BYTES - 2; at == 0 && ++line[digit] > '9'; digit--)
			line[digit] = '0';
	}
}

/* Sleep until so many bytes are due. */
static void await_turn(long begun_ns, long bytes, long rate)
{
	long early_ns = begun_ns + bytes * 1000 / rate * 1000000L - now_ns();
	struct timespec pause = { early_ns / 1000000000L, early_ns % 1000000000L };

	if (early_ns > 0)
		nanosleep(&pause, NULL);
}

int main(int argc, char **argv)
{
	static char text[PART_MOST];
	long bytes = atol(argv[1]), part = atol(argv[2]), done = 0, spent_ns = 0;
	long rate = argc > 3 ? atol(argv[3]) : 0, begun_ns;

	if (rate)
		getchar();
	begun_ns = now_ns();
	while (done < bytes) {
		long step = part < bytes - done ? part : bytes - done, from_ns;

		fill(text, step);
		from_ns = now_ns();
		for (long at = 0; at < step;)
			at += write(STDOUT_FILENO, text + at, step - at);
		spent_ns += now_ns() - from_ns;
		done += step;
		if (rate)
			await_turn(begun_ns, done, rate);
	}
	printf("%ld ns\n", rate ? now_ns() - begun_ns : spent_ns);
	return 0;
}
