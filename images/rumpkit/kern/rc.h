/*
 * rc.h - what the configuration starts, as it is read.
 */
#ifndef KERN_RC_H
#define KERN_RC_H

#include "process.h"

#define KERN_RC_PATH_BYTES 256

struct kern_rc_entry {
	struct kern_strings strings;
	char path[KERN_RC_PATH_BYTES], directory[KERN_RC_PATH_BYTES];
	char mode;                   /* '&', '|' or 0 */
	struct vfs_file *input, *output; /* ends of pipes, or NULL */
	bool started, ended;
	bool waited_for;
};

/* Read up to most entries; how many there are, or -ENOMEM. */
int kern_rc_read(struct kern_rc_entry *entries, unsigned most);

#endif
