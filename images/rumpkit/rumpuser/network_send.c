/*
 * network_send.c - sending frames, section 5.1.6.2 of virtio 1.1.
 *
 * A frame is copied into buffers of ours, so that the sender need not wait.  The device
 * is told of several at a time, and interrupts only when somebody waits for room.
 */
#include "bmk.h"
#include "lab_trace.h"
#include "linux_abi.h"
#include "rumplib.h"
#include "virtif.h"

#define CHAIN_MOST 36             /* buffers of the largest frame */
#define QUEUED_MOST 16            /* frames that wait for a flush */

/* Take back the buffers of frames that have gone out. */
static void send_reclaim(struct rumpcomp_virtif *interface)
{
	uint16_t *next = interface->send_next;
	uint32_t written;
	uint16_t *first;

	while ((first = bmk_virtq_take(&interface->send, &written))) {
		uint16_t last = (uint16_t)(first - next);

		interface->send_free_count++;
		for (; next[last] != VIRTIF_NONE; last = next[last])
			interface->send_free_count++;
		next[last] = interface->send_free;
		interface->send_free = (uint16_t)(first - next);
	}
}

/* Are there so many buffers?  If not, somebody is to be told when there are some. */
static bool send_room(struct rumpcomp_virtif *interface, unsigned count)
{
	if (interface->send_free_count < interface->sent.count / 2 ||
	    interface->send_free_count < count)
		send_reclaim(interface);
	if (interface->send_free_count >= count && interface->send.free_count >= count)
		return true;
	rumpcomp_virtif_flush(interface);
	if (bmk_virtq_want(&interface->send, 1))
		send_reclaim(interface);
	if (interface->send_free_count < count || interface->send.free_count < count)
		return false;
	bmk_virtq_silence(&interface->send);
	return true;
}

void rumpuser_virtif_on_sent(void *argument)
{
	struct rumpcomp_virtif *interface = argument;

	bmk_virtq_silence(&interface->send);
	interface->input_ready(interface->argument);
}

static unsigned features_needed(const struct rumpcomp_offload *offload)
{
	unsigned needed = offload && offload->needs_checksum ? RUMPCOMP_VIRTIF_CHECKSUM : 0;

	if (offload && offload->segment_bytes)
		needed |= offload->kind == RUMPCOMP_SEGMENT_TCP6 ? RUMPCOMP_VIRTIF_TCP6 :
		    RUMPCOMP_VIRTIF_TCP4;
	return needed;
}

static void header_fill(struct virtif_header *header, const struct rumpcomp_offload *offload)
{
	memset(header, 0, sizeof(*header));
	if (!offload)
		return;
	if (offload->needs_checksum) {
		header->flags = VIRTIF_NEEDS_CHECKSUM;
		header->checksum_start = offload->checksum_start;
		header->checksum_offset = offload->checksum_offset;
	}
	if (offload->segment_bytes) {
		header->segmentation = offload->kind == RUMPCOMP_SEGMENT_TCP6 ? VIRTIF_TCP6 : VIRTIF_TCP4;
		header->segment_bytes = offload->segment_bytes;
		header->header_bytes = offload->header_bytes;
	}
}

/* Where the next byte goes: in a buffer of a frame that is being copied. */
struct filling {
	struct rumpcomp_virtif *interface;
	struct bmk_virtio_buffer chain[CHAIN_MOST];
	unsigned count;
	uint16_t first, last;
};

static void buffer_next(struct filling *filling)
{
	struct rumpcomp_virtif *interface = filling->interface;
	uint16_t number = interface->send_free;

	interface->send_free = interface->send_next[number];
	interface->send_free_count--;
	interface->send_next[number] = VIRTIF_NONE;
	if (filling->count)
		interface->send_next[filling->last] = number;
	else
		filling->first = number;
	filling->last = number;
	filling->chain[filling->count++] = (struct bmk_virtio_buffer){
		interface->sent.memory + number * interface->buffer_bytes, 0 };
}

static void bytes_append(struct filling *filling, const void *data, size_t bytes)
{
	const char *from = data;

	while (bytes) {
		struct bmk_virtio_buffer *buffer = &filling->chain[filling->count - 1];
		size_t room = filling->interface->buffer_bytes - buffer->bytes;
		size_t part = bytes < room ? bytes : room;

		if (!room) {
			buffer_next(filling);
			continue;
		}
		memcpy((char *)buffer->memory + buffer->bytes, from, part);
		buffer->bytes += part;
		from += part;
		bytes -= part;
	}
}

static int frame_send(struct rumpcomp_virtif *interface,
    const struct rumpcomp_segment *segments, unsigned count,
    const struct rumpcomp_offload *offload)
{
	const unsigned needed = features_needed(offload);
	bool large = offload && offload->segment_bytes;
	size_t bytes = 0, most = large ? VIRTIF_FRAME_MOST : interface->mtu + VIRTIF_ETHERNET_BYTES;
	struct filling filling = { .interface = interface };
	struct virtif_header header;

	for (unsigned i = 0; i < count; i++)
		bytes += segments[i].bytes;
	if (!bytes || bytes > most)
		return -EMSGSIZE;
	if (interface->failed)
		return -EIO;
	if (needed & ~interface->features)
		return -EOPNOTSUPP;
	if (!send_room(interface, (unsigned)((interface->header_bytes + bytes +
	    interface->buffer_bytes - 1) / interface->buffer_bytes)))
		return interface->failed ? -EIO : -ENOBUFS;
	rumpuser_virtif_trace(interface, true, segments, count);
	header_fill(&header, offload);
	buffer_next(&filling);
	bytes_append(&filling, &header, interface->header_bytes);
	for (unsigned i = 0; i < count; i++)
		bytes_append(&filling, segments[i].data, segments[i].bytes);
	bmk_virtq_add(&interface->send, filling.chain, filling.count, 0,
	    &interface->send_next[filling.first]);
	if (++interface->send_queued >= QUEUED_MOST)
		rumpcomp_virtif_flush(interface);
	return 0;
}

int rumpcomp_virtif_send(struct rumpcomp_virtif *interface,
    const struct rumpcomp_segment *segments, unsigned count,
    const struct rumpcomp_offload *offload)
{
	HYPERCALL_ENTER(rumpcomp_virtif_send, interface, segments, count, offload);
	HYPERCALL_RETURN(rumpcomp_virtif_send, frame_send(interface, segments, count, offload));
}

void rumpcomp_virtif_flush(struct rumpcomp_virtif *interface)
{
	HYPERCALL_ENTER(rumpcomp_virtif_flush, interface, 0, 0, 0);
	interface->send_queued = 0;
	bmk_virtq_kick(&interface->send);
	HYPERCALL_EXIT(rumpcomp_virtif_flush, 0);
}
