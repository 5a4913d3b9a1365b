/*
 * seam_inside.h - what the files that implement the seam share.
 */
#ifndef SEAM_INSIDE_H
#define SEAM_INSIDE_H

#include <pthread.h>
#include <sys/types.h>

/* The guest's only processor: held by the thread that is in the kernel. */
extern pthread_mutex_t processor;

/* For power.c: a write went to the disk's file; all of them are stable now. */
void power_written(const void *data, size_t bytes, off_t offset);
void power_settled(void);

#endif
