/* order.c - who looks last: the device's half of both bargains, done within the barrier. */
#include "bmk.h"
#include "device.h"
#include "virtio_transport.h"

#define AVAILABLE_EVENT(queue) (2 + 4 * (queue)->size) /* in the used ring */
#define USED_EVENT(queue) (2 + (queue)->size)          /* in the available ring */
#define NO_NOTIFY 1

static struct bmk_virtq queue;
static bool with_index;

/* Has seen all but the newest chain, and asks to be told of it, as it falls asleep. */
static void fall_asleep(void)
{
	HOLDS(queue.available[1] == queue.available_index);
	if (with_index)
		queue.used[AVAILABLE_EVENT(&queue)] = (uint16_t)(queue.available_index - 1);
	else
		queue.used[0] = 0;
}

/* Ends a chain, and does not interrupt: it has looked at the wish just before it was there. */
static void end_one(void)
{
	if (with_index)
		HOLDS(queue.available[USED_EVENT(&queue)] == queue.used_index);
	else
		HOLDS(!queue.available[0]);
	device_use(&queue, 1, LIE_NONE, NULL);
}

int check_order(uint64_t seed)
{
	static char memory[64];
	struct bmk_virtio_buffer buffer = { memory, sizeof(memory) };
	struct bmk_virtio *device;
	uint32_t written;

	device_seed(seed);
	with_index = seed % 2;
	device_offers = with_index ? BMK_VIRTIO_EVENT_INDEX : 0;
	device_create(BMK_VIRTIO_CONSOLE);
	device = bmk_virtio_find(BMK_VIRTIO_CONSOLE, 0);
	HOLDS(bmk_virtio_start(device, 0, NULL, NULL));
	HOLDS(bmk_virtq_create(&queue, device, 0, 64, NULL, NULL) && bmk_virtio_ready(device));
	for (unsigned round = 0; round < 70000; round++) {
		queue.used[AVAILABLE_EVENT(&queue)] = (uint16_t)(queue.available_index - 1);
		queue.used[0] = NO_NOTIFY; /* it is awake */
		bmk_virtq_silence(&queue);
		*(volatile uint32_t *)queue.notify = ~0u;
		HOLDS(bmk_virtq_add(&queue, &buffer, 0, 1, memory));
		device_at_order = fall_asleep;
		bmk_virtq_kick(&queue);
		HOLDS(!device_at_order && *(volatile uint32_t *)queue.notify == queue.index);
		device_at_order = end_one;
		HOLDS(bmk_virtq_want(&queue, 1));
		HOLDS(!device_at_order && bmk_virtq_take(&queue, &written) == memory);
	}
	return 0;
}
