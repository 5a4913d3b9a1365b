/* console.c - steps on the console, whichever it is. */
#include "rumpcomp.h"
#include "steps.h"

/* print BYTES: lines of 64 bytes, in writes of all sizes. */
static void print(const struct step *step)
{
	static char text[20000];
	size_t bytes = number(step->word[1]), part = 1, done = 0;

	while (done < bytes) {
		part = part * 7 % 19997;
		part = part < bytes - done ? part : bytes - done;
		for (size_t i = 0; i < part; i++)
			text[i] = (done + i) % 64 == 63 ? '\n' : (char)('a' + (done + i) / 64 % 26);
		rumpcomp_console_write(text, part);
		done += part;
	}
}

/* repeat BYTES: send back so many bytes of input, after a while in which they pile up. */
static void repeat(const struct step *step)
{
	static char text[3000];
	size_t bytes = number(step->word[1]);

	while (bytes) {
		int got = rumpcomp_console_read(text, bytes < sizeof(text) ? bytes : sizeof(text), 0);

		if (got < 0)
			break;
		rumpcomp_console_write(text, (size_t)got);
		bytes -= (size_t)got;
	}
}

const struct command console_commands[] = {
	{ "print", print }, { "repeat", repeat }, { NULL, NULL },
};
