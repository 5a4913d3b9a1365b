/*
 * describe.h - texts about processes and the machine, for /proc and /sys.
 */
#ifndef KERN_DESCRIBE_H
#define KERN_DESCRIBE_H

#include <stddef.h>

#include "process.h"
#include "vfs.h"

/* A text that may be longer than the room there is; used counts all of it. */
struct kern_text {
	char *text;
	size_t room, used;
};
__attribute__((format(printf, 2, 3)))
void kern_print(struct kern_text *text, const char *format, ...);

/*
 * The files of a process or thread.  Their argument is a thread's number, or that of a
 * process, or 0 for who asks.
 */
struct kern_described {
	const char *name;
	vfs_text_fn write;
	vfs_take_fn take; /* NULL: it cannot be written */
};
extern const struct kern_described kern_described[];
extern const unsigned kern_described_count;

/* Whom a text is about: a thread and its process; NULL if they have ended. */
struct kern_subject {
	struct kern_process *process;
	struct kern_thread *thread;
};
struct kern_subject kern_subject_of(void *argument);

/* Of the process's mappings (describe_memory.c). */
size_t kern_describe_maps(void *argument, char *room, size_t bytes);
size_t kern_describe_statm(void *argument, char *room, size_t bytes);
uint64_t kern_mapped_bytes(const struct kern_process *process);
uint64_t kern_resident_pages(const struct kern_process *process);

/* Put a folder for each process into /proc; 0 or -errno. */
int kern_folders(void);

/* Put the files below /sys and those of /proc that are about the machine; 0 or -errno. */
int kern_describe_machine(void);

#endif
