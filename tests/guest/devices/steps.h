/*
 * steps.h - a guest without factions that does to its devices what the configuration
 * says: {"steps": ["open blk0 rw", "write 0 4096 7", …]}.  It prints a line for each.
 */
#ifndef STEPS_H
#define STEPS_H

#include "rumplib.h"
#include "rumpuser.h"

#define WORDS 8

struct step {
	const char *word[WORDS];     /* "" beyond the last */
};

struct command {
	const char *name;
	void (*run)(const struct step *step);
};

extern const struct command disk_commands[], net_commands[], ninep_commands[],
    console_commands[];

uint64_t number(const char *text);
int64_t now_ns(void);
#define say rumpuser_dprintf

#endif
