/* steps.c - read the steps from the configuration and run them, instead of factions. */
#include "rumpcomp.h"
#include "steps.h"

#define STATUS_DONE 42           /* which QEMU does not end with of its own accord */

uint64_t number(const char *text)
{
	uint64_t value = 0;

	while (*text >= '0' && *text <= '9')
		value = value * 10 + (uint64_t)(*text++ - '0');
	return value;
}

int64_t now_ns(void)
{
	int64_t seconds;
	long nanoseconds;

	rumpuser_clock_gettime(RUMPUSER_CLOCK_ABSMONO, &seconds, &nanoseconds);
	return seconds * 1000000000 + nanoseconds;
}

static void sleep_ms(const struct step *step)
{
	uint64_t ms = number(step->word[1]);

	rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, (int64_t)(ms / 1000), ms % 1000 * 1000000);
}

/* --- memory: take all of it, give it back --- */

struct piece {
	struct piece *next;
	size_t bytes;
};

static struct piece *eaten;

static void eat(const struct step *step)
{
	(void)step;
	for (size_t bytes = 4096; bytes >= 64; bytes /= 2) {
		struct piece *piece;

		while (!rumpuser_malloc(bytes, 0, (void **)&piece)) {
			piece->next = eaten;
			piece->bytes = bytes;
			eaten = piece;
		}
	}
}

static void relieve(const struct step *step)
{
	(void)step;
	while (eaten) {
		struct piece *piece = eaten;

		eaten = piece->next;
		rumpuser_free(piece, piece->bytes);
	}
}

static const struct command own_commands[] = {
	{ "sleep", sleep_ms }, { "eat", eat }, { "relieve", relieve }, { NULL, NULL },
};
static const struct command *const all[] = { own_commands, disk_commands, net_commands,
	ninep_commands, console_commands };

static void run(char *line)
{
	struct step step;
	size_t words = 0;

	for (size_t i = 0; i < WORDS; i++)
		step.word[i] = "";
	while (*line && words < WORDS) {
		step.word[words++] = line;
		while (*line && *line != ' ')
			line++;
		while (*line == ' ')
			*line++ = '\0';
	}
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (const struct command *command = all[i]; command->name; command++)
			if (!strcmp(command->name, step.word[0])) {
				command->run(&step);
				return;
			}
	say("no step %s\n", step.word[0]);
}

void bmk_start_factions(void);
void bmk_start_factions(void)
{
	static const struct rumpuser_hyperup upcalls;
	const char *config = rumpcomp_config();
	struct lib_json json, steps;
	struct lib_json_value key, value;
	char line[256];

	rumpuser_init(RUMPUSER_VERSION, &upcalls);
	lib_json_open(&json, config, strlen(config));
	while (lib_json_next(&json, &key, &value)) {
		if (!lib_json_is(&key, "steps") || !lib_json_open(&steps, value.text, value.bytes))
			continue;
		while (lib_json_next(&steps, &key, &value)) {
			lib_json_string(&value, line, sizeof(line));
			run(line);
		}
	}
	rumpuser_exit(STATUS_DONE);
}

/* A host links a program's entry; this image has none. */
void _start(void);
void _start(void)
{
}
