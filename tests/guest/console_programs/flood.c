/* flood.c - numbered lines, BYTES of them in writes of PART bytes; then how long it took. */
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

/* The stream's byte at a position: lines of "000000012345678\n", which is where they begin. */
static void fill(char *to, long from, long bytes)
{
	char line[LINE_BYTES + 1];
	long done = 0;

	while (done < bytes) {
		long at = (from + done) % LINE_BYTES;
		long part = LINE_BYTES - at < bytes - done ? LINE_BYTES - at : bytes - done;

		snprintf(line, sizeof(line), "%015ld\n", from + done - at);
		memcpy(to + done, line + at, part);
		done += part;
	}
}

int main(int argc, char **argv)
{
	static char text[PART_MOST];
	long bytes = atol(argv[1]), part = atol(argv[2]), done = 0, spent_ns = 0;

	(void)argc;
	while (done < bytes) {
		long step = part < bytes - done ? part : bytes - done, from_ns;

		fill(text, done, step);
		from_ns = now_ns();
		for (long at = 0; at < step;)
			at += write(STDOUT_FILENO, text + at, step - at);
		spent_ns += now_ns() - from_ns;
		done += step;
	}
	printf("%ld ns\n", spent_ns);
	return 0;
}
