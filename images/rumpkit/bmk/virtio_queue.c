/*
 * virtio_queue.c - split virtqueues, section 2.6 of virtio 1.1.
 *
 * Three arrays shared with the device: descriptors, the available ring that we write
 * and the used ring that it writes.  What we need to know about a chain is in slots[],
 * which the device never sees.  Descriptors are not indirect: with the few buffers a
 * request has here, a table of its own would cost QEMU another mapping of memory.
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "rumplib.h"
#include "virtio_transport.h"

#define MOST_DESCRIPTORS 1024
#define DESCRIPTOR_NEXT 1
#define DESCRIPTOR_WRITE 2
#define NO_NOTIFY 1
#define NO_INTERRUPT 1
#define LEGACY_ALIGNMENT BMK_PAGE_BYTES
#define ALIGNMENT 64ul

/* Places in the rings, in units of 16 bits. */
#define FLAGS 0
#define INDEX 1
#define RING 2
#define USED_ELEMENT 4
#define AVAILABLE_EVENT(queue) (RING + USED_ELEMENT * (queue)->size) /* in the used ring */
#define USED_EVENT(queue) (RING + (queue)->size)                     /* in the available one */

struct virtq_descriptor {
	uint64_t address;
	uint32_t bytes;
	uint16_t flags, next;
};

/* --- making one --- */

static unsigned power_of_two(unsigned most)
{
	unsigned size = 1;

	while (size * 2 <= most && size < MOST_DESCRIPTORS)
		size *= 2;
	return size;
}

/* Descriptors, available ring, and behind a gap the used ring, as legacy devices want. */
static bool memory_create(struct bmk_virtq *queue)
{
	size_t alignment = queue->device->legacy ? LEGACY_ALIGNMENT : ALIGNMENT;
	size_t available = sizeof(*queue->descriptors) * queue->size;
	size_t used = (available + 2 * (USED_EVENT(queue) + 1) + alignment - 1) & ~(alignment - 1);
	size_t bytes = used + 2 * (AVAILABLE_EVENT(queue) + 1);
	size_t pages = (bytes + BMK_PAGE_MASK) / BMK_PAGE_BYTES;
	char *memory = bmk_pages_alloc(pages);

	queue->slots = bmk_memory_alloc(queue->size * sizeof(*queue->slots), 0);
	if (!memory || !queue->slots) {
		if (memory)
			bmk_pages_free(memory, pages);
		if (queue->slots)
			bmk_memory_free(queue->slots, queue->size * sizeof(*queue->slots));
		return false;
	}
	memset(memory, 0, bytes);
	queue->descriptors = (struct virtq_descriptor *)memory;
	queue->available = (volatile uint16_t *)(memory + available);
	queue->used = (volatile uint16_t *)(memory + used);
	return true;
}

bool bmk_virtq_create(struct bmk_virtq *queue, struct bmk_virtio *device, unsigned index,
    unsigned most, void (*used_ready)(void *), void *argument)
{
	unsigned offered = device->failed ? 0 : device->transport->queue_select(device, index);

	if (!offered || device->queue_count == BMK_VIRTIO_QUEUES) {
		bmk_virtio_fail(device, "it lacks a queue");
		return false;
	}
	*queue = (struct bmk_virtq){
		.device = device, .index = (uint16_t)index, .used_ready = used_ready,
		.argument = argument, .size = (uint16_t)power_of_two(offered < most ? offered : most),
	};
	if (!memory_create(queue)) {
		bmk_virtio_fail(device, "no memory for a queue");
		return false;
	}
	queue->free_count = queue->size;
	for (unsigned i = 0; i < queue->size; i++)
		queue->slots[i] = (struct bmk_virtq_slot){ .next = (uint16_t)(i + 1) };
	if (!device->transport->queue_enable(device, queue)) {
		bmk_virtio_fail(device, "it cannot use a queue");
		return false;
	}
	device->queues[device->queue_count++] = queue;
	return true;
}

static inline void request_trace(unsigned event, const struct bmk_virtq *queue,
    const void *cookie, uint64_t bytes)
{
	lab_trace_count(event);
	if (lab_trace_wants(event))
		lab_trace_record(event, LAB_RECORD_INSTANT, queue->device->kind |
		    (uint64_t)queue->index << LAB_DEVICE_QUEUE_SHIFT, (uintptr_t)cookie, bytes,
		    (uintptr_t)queue, 0);
}

/* --- giving, 2.6.13 --- */

bool bmk_virtq_add(struct bmk_virtq *queue, const struct bmk_virtio_buffer *buffers,
    unsigned readable, unsigned writable, void *cookie)
{
	unsigned count = readable + writable;
	struct bmk_virtq_slot *head = &queue->slots[queue->free_first];
	uint16_t first = queue->free_first, at = first;
	uint32_t room = 0;
	uint64_t bytes = 0;

	if (count > queue->free_count || queue->device->failed)
		return false;
	for (unsigned i = 0; i < count; i++) {
		bool write = i >= readable;

		queue->descriptors[at] = (struct virtq_descriptor){
			.address = bmk_physical(buffers[i].memory), .bytes = (uint32_t)buffers[i].bytes,
			.flags = (uint16_t)((i + 1 < count ? DESCRIPTOR_NEXT : 0) |
			    (write ? DESCRIPTOR_WRITE : 0)),
			.next = queue->slots[at].next,
		};
		room += write ? (uint32_t)buffers[i].bytes : 0;
		bytes += buffers[i].bytes;
		at = queue->slots[at].next;
	}
	queue->free_first = at;
	queue->free_count -= count;
	head->cookie = cookie;
	head->writable_bytes = room;
	head->count = (uint16_t)count;
	request_trace(LAB_EVENT_REQUEST, queue, cookie, bytes);
	queue->available[RING + (queue->available_index & (queue->size - 1))] = first;
	/* The device sees the index only after what it announces. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	queue->available[INDEX] = ++queue->available_index;
	return true;
}

void bmk_virtq_kick(struct bmk_virtq *queue)
{
	struct bmk_virtio *device = queue->device;
	uint16_t now = queue->available_index, before = queue->kicked_index;
	bool wanted;
	int traced;

	if (now == before || device->failed)
		return;
	queue->kicked_index = now;
	/* Our index must be out before we look whether the device waits for it. */
	arch_order_memory();
	if (device->features & BMK_VIRTIO_EVENT_INDEX)
		wanted = (uint16_t)(now - queue->used[AVAILABLE_EVENT(queue)] - 1) <
		    (uint16_t)(now - before);
	else
		wanted = !(queue->used[FLAGS] & NO_NOTIFY);
	if (!wanted)
		return;
	traced = lab_trace_begin(LAB_EVENT_HOST_EXIT, bmk_physical((const void *)queue->notify),
	    queue->index, 1);
	if (device->notify)
		*(volatile uint16_t *)queue->notify = queue->index;
	else
		*(volatile uint32_t *)queue->notify = queue->index;
	lab_trace_end(traced, LAB_EVENT_HOST_EXIT);
}

/* --- taking back, 2.6.14 --- */

bool bmk_virtq_pending(const struct bmk_virtq *queue)
{
	return queue->used[INDEX] != queue->used_index && !queue->device->failed;
}

static void chain_free(struct bmk_virtq *queue, uint16_t first)
{
	struct bmk_virtq_slot *head = &queue->slots[first];
	uint16_t last = first;

	for (unsigned i = 1; i < head->count; i++)
		last = queue->slots[last].next;
	queue->slots[last].next = queue->free_first;
	queue->free_first = first;
	queue->free_count += head->count;
	head->cookie = NULL;
}

void *bmk_virtq_take(struct bmk_virtq *queue, uint32_t *written)
{
	uint16_t at = queue->used_index;
	uint16_t used = (uint16_t)(queue->used[INDEX] - at);
	volatile uint32_t *element;
	void *cookie;
	uint32_t id;

	if (!used || queue->device->failed)
		return NULL;
	if (used > (uint16_t)(queue->available_index - at)) {
		bmk_virtio_fail(queue->device, "it has used more buffers than it was given");
		return NULL;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	element = (volatile uint32_t *)&queue->used[RING + USED_ELEMENT * (at & (queue->size - 1))];
	id = element[0];
	*written = element[1];
	if (id >= queue->size || !queue->slots[id].cookie) {
		bmk_virtio_fail(queue->device, "it gave back a buffer that it did not have");
		return NULL;
	}
	if (*written > queue->slots[id].writable_bytes) {
		bmk_virtio_fail(queue->device, "it wrote more than there was room for");
		return NULL;
	}
	cookie = queue->slots[id].cookie;
	request_trace(LAB_EVENT_REQUEST_DONE, queue, cookie, *written);
	chain_free(queue, (uint16_t)id);
	queue->used_index++;
	return cookie;
}

bool bmk_virtq_want(struct bmk_virtq *queue, unsigned chains)
{
	if (queue->device->features & BMK_VIRTIO_EVENT_INDEX)
		queue->available[USED_EVENT(queue)] = (uint16_t)(queue->used_index + chains - 1);
	else
		queue->available[FLAGS] = 0;
	/* The device looks at this after it has moved its index; we do the reverse. */
	arch_order_memory();
	return (uint16_t)(queue->used[INDEX] - queue->used_index) >= chains;
}

void bmk_virtq_silence(struct bmk_virtq *queue)
{
	if (queue->device->features & BMK_VIRTIO_EVENT_INDEX)
		queue->available[USED_EVENT(queue)] = (uint16_t)(queue->used_index - 1);
	else
		queue->available[FLAGS] = NO_INTERRUPT;
}
