/*
 * network_receive.c - receiving frames, section 5.1.6.4 of virtio 1.1.
 *
 * A frame stays where the device put it until it is released; one that lies in several
 * buffers is put together in pages of its own.
 */
#include "bmk.h"
#include "lab_trace.h"
#include "linux_abi.h"
#include "rumplib.h"
#include "virtif.h"

#define LARGE_PAGES ((VIRTIF_FRAME_MOST + sizeof(struct virtif_header)) / BMK_PAGE_BYTES + 1)
#define LARGE_KEPT 4

static void *large_kept[LARGE_KEPT];
static unsigned large_count;

static void *large_take(void)
{
	return large_count ? large_kept[--large_count] : bmk_pages_alloc(LARGE_PAGES);
}

static void large_give(void *pages)
{
	if (large_count < LARGE_KEPT)
		large_kept[large_count++] = pages;
	else
		bmk_pages_free(pages, LARGE_PAGES);
}

static void buffer_offer(struct rumpcomp_virtif *interface, void *memory)
{
	struct bmk_virtio_buffer buffer = { memory, interface->buffer_bytes };

	bmk_virtq_add(&interface->receive, &buffer, 0, 1, memory);
}

void rumpuser_virtif_fill(struct rumpcomp_virtif *interface)
{
	for (unsigned i = 0; i < interface->received.count; i++)
		buffer_offer(interface, interface->received.memory + i * interface->buffer_bytes);
	bmk_virtq_kick(&interface->receive);
}

void rumpuser_virtif_on_received(void *argument)
{
	struct rumpcomp_virtif *interface = argument;

	bmk_virtq_silence(&interface->receive);
	if (interface->notify) {
		interface->notify = false;
		interface->input_ready(interface->argument);
	}
}

static void offload_read(struct rumpcomp_offload *offload, const struct virtif_header *header,
    size_t bytes)
{
	bool within = header->checksum_start + header->checksum_offset + sizeof(uint16_t) <= bytes;

	*offload = (struct rumpcomp_offload){
		.checksum_start = header->checksum_start, .checksum_offset = header->checksum_offset,
		.needs_checksum = header->flags & VIRTIF_NEEDS_CHECKSUM && within,
		.checksum_good = header->flags & VIRTIF_DATA_VALID,
	};
	switch (header->segmentation & ~VIRTIF_ECN) {
	case VIRTIF_TCP4:
		offload->kind = RUMPCOMP_SEGMENT_TCP4;
		break;
	case VIRTIF_TCP6:
		offload->kind = RUMPCOMP_SEGMENT_TCP6;
		break;
	default:
		return;
	}
	offload->segment_bytes = header->segment_bytes;
	offload->header_bytes = header->header_bytes;
}

/*
 * Put a frame together whose first buffer is first and of which more buffers follow, all
 * of which the device has used (5.1.6.4).  Null if one is missing, or it is too long for
 * a frame, or there is no memory; the buffers are the device's again in any case.
 */
static char *frame_join(struct rumpcomp_virtif *interface, char *first, size_t bytes,
    unsigned more, size_t *total)
{
	char *large = large_take();
	bool fits = large;

	*total = bytes;
	if (large)
		memcpy(large, first, bytes);
	buffer_offer(interface, first);
	while (more--) {
		uint32_t written;
		char *memory = bmk_virtq_take(&interface->receive, &written);

		if (!memory) {
			bmk_virtio_fail(interface->device, "it gave less of a frame than it said");
			fits = false;
			break;
		}
		fits = fits && *total + written <= LARGE_PAGES * BMK_PAGE_BYTES;
		if (fits)
			memcpy(large + *total, memory, written);
		*total += written;
		buffer_offer(interface, memory);
	}
	if (!fits && large)
		large_give(large);
	return fits ? large : NULL;
}

static long frame_receive(struct rumpcomp_virtif *interface, void **frame,
    struct rumpcomp_offload *offload)
{
	for (;;) {
		uint32_t written;
		char *memory = bmk_virtq_take(&interface->receive, &written);
		size_t bytes = written;
		struct virtif_header header = { .buffers = 1 };

		if (!memory && interface->failed)
			return -EIO;
		/*
		 * Frames that were taken before their interrupt came have moved the index past the
		 * one at which the device would tell (2.6.7.2): say again that it shall.
		 */
		if (!memory && interface->notify && bmk_virtq_want(&interface->receive, 1))
			continue;
		if (!memory)
			return 0;
		if (bytes <= interface->header_bytes) {
			buffer_offer(interface, memory);
			continue;
		}
		memcpy(&header, memory, interface->header_bytes);
		if (header.buffers > 1 && bmk_virtio_has(interface->device, VIRTIF_MERGEABLE))
			memory = frame_join(interface, memory, bytes, header.buffers - 1u, &bytes);
		if (!memory)
			continue;
		bytes -= interface->header_bytes;
		if (offload)
			offload_read(offload, &header, bytes);
		*frame = memory + interface->header_bytes;
		rumpuser_virtif_trace(interface, false, &(struct rumpcomp_segment){ *frame, bytes }, 1);
		return (long)bytes;
	}
}

long rumpcomp_virtif_receive(struct rumpcomp_virtif *interface, void **frame,
    struct rumpcomp_offload *offload)
{
	HYPERCALL_ENTER(rumpcomp_virtif_receive, interface, frame, offload, 0);
	HYPERCALL_RETURN(rumpcomp_virtif_receive, frame_receive(interface, frame, offload));
}

void rumpcomp_virtif_release(struct rumpcomp_virtif *interface, void *frame)
{
	char *memory = (char *)frame - interface->header_bytes;
	size_t at = (size_t)(memory - interface->received.memory);

	HYPERCALL_ENTER(rumpcomp_virtif_release, interface, frame, 0, 0);
	if (at >= interface->received.count * interface->buffer_bytes) {
		large_give(memory);
	} else {
		bmk_assert(at % interface->buffer_bytes == 0);
		buffer_offer(interface, memory);
		bmk_virtq_kick(&interface->receive);
	}
	HYPERCALL_EXIT(rumpcomp_virtif_release, 0);
}

bool rumpcomp_virtif_notify(struct rumpcomp_virtif *interface, bool on)
{
	bool pending = false;

	HYPERCALL_ENTER(rumpcomp_virtif_notify, interface, on, 0, 0);
	interface->notify = on;
	if (on && bmk_virtq_want(&interface->receive, 1)) {
		pending = true;
		interface->notify = false;
	}
	if (!interface->notify)
		bmk_virtq_silence(&interface->receive);
	HYPERCALL_RETURN(rumpcomp_virtif_notify, pending);
}
