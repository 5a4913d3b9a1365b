/*
 * process.h - what the files of this host share: the seam as an ordinary process has it.
 *
 * A host of its own, on POSIX threads and files, to hold the cases against a second one:
 * a case that only bare metal keeps would say more than the contract does.
 */
#ifndef CONTRACT_PROCESS_H
#define CONTRACT_PROCESS_H

#include <stdbool.h>

#include "rumpuser.h"

/* errno as NetBSD counts it. */
int process_error(int error);
/* Before and after a call blocks, as the kernel above wants it; mutex for cv_wait. */
int process_block_begin(void *mutex);
void process_block_end(int locks, void *mutex);
/* The next disk, blk0 and so on; false: it cannot be opened. */
bool process_disk_add(const char *path, bool read_only);

#endif
