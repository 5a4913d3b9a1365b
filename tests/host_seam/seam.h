/*
 * seam.h - the same calls made to our file systems and to Linux, in one program.
 *
 * The runtime's vfs and sys layers are linked with seam.c, which implements the seam
 * below them on pthreads and malloc.  A scenario is written once against `call` and run
 * in either world; what it writes with `note` must come out the same.
 */
#ifndef HOST_SEAM_H
#define HOST_SEAM_H

#include <stdbool.h>
#include <stddef.h>

/* What a world can do.  Results of calls are those of the kernel: value or -errno. */
struct world {
	long (*call)(long number, long a, long b, long c, long d, long e, long f);
	/* Type at the terminal, and take what has appeared on its screen. */
	void (*type)(const char *text, size_t bytes);
	size_t (*screen)(char *text, size_t bytes);
	int (*broken_pipes)(void); /* SIGPIPEs so far */
};

/* Descriptors 0 to 2 are the terminal.  root: an empty directory to mount Linux's tmpfs
 * on; NULL with a line on stderr if the host forbids it. */
const struct world *linux_world(const char *root);
/* root_type: a file system to mount on "/" from the disk, or NULL. */
const struct world *guest_world(const char *root_type);
/* What a guest does last: everything to the disk, and marked clean. */
void guest_stop(void);

/* The disk "blk0" is this file from now on; false: it cannot be opened. */
bool disk_attach(const char *path);
/* From the n-th write on (1: the first) writes are accepted and lost, as if the machine
 * had been switched off; 0: never.  How many there were so far. */
void disk_lose_from(long n);
long disk_writes(void);
/* Every n-th read or write fails; 0: none does. */
void disk_fail_every(long reads, long writes);
/* At the n-th write the program ends, and this file has what a disk without power has: all
 * that was flushed, and some of the rest.  False: it cannot be opened. */
bool power_cut_at(long write, unsigned seed, const char *stable);
extern const struct world *world;

__attribute__((format(printf, 1, 2))) void note(const char *format, ...);
/* Everything noted is to be read by others. */
void notes_end(void);
/* Run work in a thread beside the caller, and wait for the end of all of them. */
void beside(void (*work)(void *), void *argument);
void join_all(void);
void pause_ms(int milliseconds);

/* The guest's memory: pages it has, before anything begins; that it may still get; and how
 * much it holds. */
void seam_ram(long pages);
void seam_limit_pages(long pages);
long seam_held_pages(void);
long seam_held_objects(void);
/* Let every n-th allocation fail; 0 for none. */
void seam_fail_every(long n);

/* From now on there is a 9p server with the tag "tag", and what it says is random. */
void server_start(unsigned seed);

/* A scenario, by name; arrays end with a NULL name. */
struct scenario {
	const char *name;
	void (*run)(void);
};
extern const struct scenario name_scenarios[], data_scenarios[], wait_scenarios[],
    terminal_scenarios[], guest_scenarios[], hostile_scenarios[], ledger_scenarios[];
/* A sequence of random calls on a few names, the same for the same seed. */
void fuzz(unsigned seed, int steps, bool for_disks);

#endif
