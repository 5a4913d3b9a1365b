/*
 * describe.h - texts about processes and the machine, for /proc and /sys.
 */
#ifndef KERN_DESCRIBE_H
#define KERN_DESCRIBE_H

#include <stddef.h>

/* A text that may be longer than the room there is; used counts all of it. */
struct kern_text {
	char *text;
	size_t room, used;
};
__attribute__((format(printf, 2, 3)))
void kern_print(struct kern_text *text, const char *format, ...);

/* Put the files below /sys and those of /proc that are about the machine; 0 or -errno. */
int kern_describe_machine(void);

#endif
