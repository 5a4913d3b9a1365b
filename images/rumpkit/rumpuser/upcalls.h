/* upcalls.h - releasing the rump kernel's scheduling context around a wait. */
#ifndef RUMPUSER_UPCALLS_H
#define RUMPUSER_UPCALLS_H

#include "rumpuser.h"

extern const struct rumpuser_hyperup *rumpuser_upcalls;

/* Before and after a blocking operation; mutex is what cv_wait hands to the kernel. */
static inline int rumpuser_block_begin(void *mutex)
{
	int locks = 0;

	if (rumpuser_upcalls && rumpuser_upcalls->hyp_backend_unschedule)
		rumpuser_upcalls->hyp_backend_unschedule(0, &locks, mutex);
	return locks;
}

static inline void rumpuser_block_end(int locks, void *mutex)
{
	if (rumpuser_upcalls && rumpuser_upcalls->hyp_backend_schedule)
		rumpuser_upcalls->hyp_backend_schedule(locks, mutex);
}

#endif
