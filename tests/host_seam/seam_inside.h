/*
 * seam_inside.h - what the files that implement the seam share.
 */
#ifndef SEAM_INSIDE_H
#define SEAM_INSIDE_H

#include <pthread.h>

/* The guest's only processor: held by the thread that is in the kernel. */
extern pthread_mutex_t processor;

#endif
