/*
 * network.c - the hypercalls of network interfaces, over virtio-net (rumpcomp.h).
 */
#include "bmk.h"
#include "lab_trace.h"
#include "linux_abi.h"
#include "rumpcomp.h"

int rumpcomp_virtif_open(unsigned index, uint8_t *mac, unsigned *mtu,
    void (*input_ready)(void *), void *argument, struct rumpcomp_virtif **interface)
{
	HYPERCALL_ENTER(rumpcomp_virtif_open, index, mac, mtu, input_ready);
	(void)argument;
	(void)interface;
	HYPERCALL_RETURN(rumpcomp_virtif_open, -ENODEV);
}

unsigned rumpcomp_virtif_features(const struct rumpcomp_virtif *interface)
{
	(void)interface;
	return 0;
}

int rumpcomp_virtif_send(struct rumpcomp_virtif *interface,
    const struct rumpcomp_segment *segments, unsigned count,
    const struct rumpcomp_offload *offload)
{
	HYPERCALL_ENTER(rumpcomp_virtif_send, interface, segments, count, offload);
	HYPERCALL_RETURN(rumpcomp_virtif_send, -ENODEV);
}

void rumpcomp_virtif_flush(struct rumpcomp_virtif *interface)
{
	HYPERCALL_ENTER(rumpcomp_virtif_flush, interface, 0, 0, 0);
	HYPERCALL_EXIT(rumpcomp_virtif_flush, 0);
}

long rumpcomp_virtif_receive(struct rumpcomp_virtif *interface, void **frame,
    struct rumpcomp_offload *offload)
{
	HYPERCALL_ENTER(rumpcomp_virtif_receive, interface, frame, offload, 0);
	HYPERCALL_RETURN(rumpcomp_virtif_receive, 0L);
}

void rumpcomp_virtif_release(struct rumpcomp_virtif *interface, void *frame)
{
	HYPERCALL_ENTER(rumpcomp_virtif_release, interface, frame, 0, 0);
	HYPERCALL_EXIT(rumpcomp_virtif_release, 0);
}

bool rumpcomp_virtif_notify(struct rumpcomp_virtif *interface, bool on)
{
	HYPERCALL_ENTER(rumpcomp_virtif_notify, interface, on, 0, 0);
	HYPERCALL_RETURN(rumpcomp_virtif_notify, (bool)false);
}
