/*
 * ninep.c - the hypercalls that carry 9P messages, over virtio-9p (rumpcomp.h).
 */
#include "bmk.h"
#include "lab_trace.h"
#include "linux_abi.h"
#include "rumpcomp.h"

int rumpcomp_9p_open(const char *tag, struct rumpcomp_9p **server)
{
	HYPERCALL_ENTER(rumpcomp_9p_open, tag, server, 0, 0);
	HYPERCALL_RETURN(rumpcomp_9p_open, -ENODEV);
}

long rumpcomp_9p_request(struct rumpcomp_9p *server, const void *request, size_t bytes,
    void *reply, size_t reply_bytes, int64_t deadline_ns)
{
	HYPERCALL_ENTER(rumpcomp_9p_request, server, request, bytes, reply);
	(void)reply_bytes;
	(void)deadline_ns;
	HYPERCALL_RETURN(rumpcomp_9p_request, (long)-ENODEV);
}
