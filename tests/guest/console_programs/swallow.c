/* swallow.c - read BYTES of input as they are, and say what they add up to. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static unsigned char data[64 << 10];
	struct termios settings;
	long left = atol(argv[1]), got;
	uint64_t hash = 14695981039346656037u; /* FNV-1a, 64 bits */

	(void)argc;
	tcgetattr(STDIN_FILENO, &settings);
	cfmakeraw(&settings);
	tcsetattr(STDIN_FILENO, TCSANOW, &settings);
	printf("ready\n");
	fflush(stdout);
	for (; left > 0; left -= got) {
		got = read(STDIN_FILENO, data, sizeof(data));
		for (long i = 0; i < got; i++)
			hash = (hash ^ data[i]) * 1099511628211u;
	}
	printf("%016lx\n", hash);
	return 0;
}
