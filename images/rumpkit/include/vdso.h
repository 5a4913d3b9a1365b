/*
 * vdso.h - what the runtime shares with the code that it lends to programs (vdso/clock.c):
 * the clock, so that reading the time needs no system call.
 *
 * The runtime writes, and the address of this structure stands at VDSO_CLOCK_SLOT in the
 * vDSO.  Programs run with the runtime's own rights, and so may read it where it is.
 */
#ifndef RUMPKIT_VDSO_H
#define RUMPKIT_VDSO_H

#include <stdint.h>

/* Bytes from the ELF header to the slot; vdso.ld puts it there. */
#define VDSO_CLOCK_SLOT 0x100

struct vdso_clock {
	uint64_t multiplier;     /* ns = ticks * multiplier / 2^32 */
	uint64_t tsc_start;      /* where the monotonic clock is 0 */
	int64_t wall_offset_ns;  /* wall clock minus monotonic clock */
	uint64_t wall_known;     /* 0: the offset may be wrong; ask with a system call */
};

#endif
