/* locks.h - what the files of locks share; inside rumpuser. */
#ifndef RUMPUSER_LOCKS_H
#define RUMPUSER_LOCKS_H

#include <stddef.h>

/* Zeroed memory; a panic if there is none: the interface has no way to fail. */
void *rumpuser_lock_alloc(size_t bytes);

#endif
