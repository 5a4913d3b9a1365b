/* virtif.h - a virtio network device (section 5.1 of virtio 1.1); inside rumpuser. */
#ifndef RUMPUSER_VIRTIF_H
#define RUMPUSER_VIRTIF_H

#include "rumpcomp.h"
#include "virtio.h"

#define VIRTIF_ETHERNET_BYTES 14
#define VIRTIF_MAC_BYTES 6
#define VIRTIF_FRAME_MOST (VIRTIF_ETHERNET_BYTES + 65535)

/* Features, 5.1.3. */
#define VIRTIF_CSUM (1ull << 0)
#define VIRTIF_GUEST_CSUM (1ull << 1)
#define VIRTIF_MTU (1ull << 3)
#define VIRTIF_MAC (1ull << 5)
#define VIRTIF_GUEST_TSO4 (1ull << 7)
#define VIRTIF_GUEST_TSO6 (1ull << 8)
#define VIRTIF_HOST_TSO4 (1ull << 11)
#define VIRTIF_HOST_TSO6 (1ull << 12)
#define VIRTIF_MERGEABLE (1ull << 15)

/* What stands before each frame, 5.1.6; buffers only with virtio 1 or VIRTIF_MERGEABLE. */
struct virtif_header {
	uint8_t flags, segmentation;
	uint16_t header_bytes, segment_bytes, checksum_start, checksum_offset, buffers;
};
#define VIRTIF_NEEDS_CHECKSUM 1
#define VIRTIF_DATA_VALID 2
#define VIRTIF_TCP4 1
#define VIRTIF_TCP6 4
#define VIRTIF_ECN 0x80
#define VIRTIF_OLD_HEADER_BYTES 10
#define VIRTIF_NONE 0xffff

/* Equal pieces of memory; a frame takes one, or in large ones several. */
struct virtif_buffers {
	char *memory;
	uint16_t count;
};

struct rumpcomp_virtif {
	struct bmk_virtio *device;
	struct bmk_virtq receive, send;
	struct virtif_buffers received, sent;
	size_t buffer_bytes, header_bytes;
	void (*input_ready)(void *);
	void *argument;
	uint16_t *send_next;         /* of each buffer: the next of its frame, or free one */
	uint16_t send_free;          /* the first free one, or VIRTIF_NONE */
	uint16_t send_free_count, send_queued;
	unsigned features, mtu;
	bool notify, failed;
};

/* A frame in the trace, with as many of its bytes as the lab wants. */
void rumpuser_virtif_trace(const struct rumpcomp_virtif *interface, bool sent,
    const struct rumpcomp_segment *segments, unsigned count);
/* Fill the receive queue; frames begin to come. */
void rumpuser_virtif_fill(struct rumpcomp_virtif *interface);
void rumpuser_virtif_on_received(void *interface);
void rumpuser_virtif_on_sent(void *interface);

#endif
