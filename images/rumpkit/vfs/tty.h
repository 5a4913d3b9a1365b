/*
 * tty.h - the console as a terminal: settings and the line being typed.
 */
#ifndef VFS_TTY_H
#define VFS_TTY_H

#include <stdbool.h>
#include <stdint.h>

#include "linux_abi.h"
#include "vfs_file.h"

#define TTY_INPUT_BYTES 4096 /* a power of two; the longest line, as on Linux */

/*
 * Input in the order it was typed, in vfs_tty_input by position.  [head, tail) can be
 * read; in canonical mode only what ends in a byte marked in vfs_tty_marks.  A marked NUL ends input without being part of it (^D).
 */
struct tty {
	struct linux_termios settings;
	struct linux_winsize window;
	uint32_t group;            /* of the processes in the foreground; 0: nobody has said */
	bool eager;                /* input is edited and echoed when it comes, not when it is read */
	uint64_t head, line, tail; /* line: start of the one that can still be edited */
	uint32_t lines;            /* marked bytes in [head, tail) */
	bool literal;              /* the next byte is no control character */
	bool hung_up;              /* nothing will be typed any more */
	struct vfs_queue queue;
};

extern struct tty vfs_tty;
extern uint8_t vfs_tty_input[TTY_INPUT_BYTES], vfs_tty_marks[TTY_INPUT_BYTES / 8];
extern const struct vfs_file_ops vfs_tty_ops;

/* Take what has arrived at the console, edit and echo it.  Never blocks. */
void tty_pull(void);
void tty_flush_input(void);
/* Whether read has something to return with; min_bytes counts without canonical mode. */
bool tty_ready(uint64_t min_bytes);
bool tty_marked(uint64_t position);
void tty_set_mark(uint64_t position, bool marked);
/* What the keyboard and the window do to the processes in the foreground. */
void tty_signal(int signal);
/* The window, as the lab told it last. */
void tty_window_look(void);
long tty_set_window(const struct linux_winsize *window);
/* From interrupt level: input has arrived. */
void tty_input_arrived(void);
/* Send bytes to the console, with a CR before NL if the program has asked for it. */
void tty_output(const uint8_t *bytes, size_t count);

#endif
