/*
 * network.c - network interfaces: which there are, and starting them (5.1 of virtio 1.1).
 */
#include "bmk.h"
#include "lab_trace.h"
#include "linux_abi.h"
#include "rumplib.h"
#include "virtif.h"

#define INTERFACES 8
#define QUEUE_RECEIVE 0
#define QUEUE_SEND 1
#define CONFIG_MAC 0
#define CONFIG_MTU 10
#define MTU_DEFAULT 1500u
#define MTU_LEAST 68u
#define DESCRIPTORS 256
/* Memory for frames, each way: 64 or 256 KiB, the double where large ones may come. */
#define BUFFERS 128
#define BUFFERS_SMALL 32
#define RAM_SMALL (32ull << 20)
#define BUFFER_BYTES 2048
#define BUFFER_BYTES_LARGE 4096
#define LOCAL_ADDRESS 2

static struct rumpcomp_virtif *interfaces[INTERFACES];

/* Nothing comes any more; whoever waits shall look, and learn it from EIO. */
static void on_failure(void *argument)
{
	struct rumpcomp_virtif *interface = argument;

	interface->failed = true;
	interface->input_ready(interface->argument);
}

static uint64_t features_wanted(void)
{
	return VIRTIF_CSUM | VIRTIF_GUEST_CSUM | VIRTIF_MTU | VIRTIF_MAC | VIRTIF_GUEST_TSO4 |
	    VIRTIF_GUEST_TSO6 | VIRTIF_HOST_TSO4 | VIRTIF_HOST_TSO6 | VIRTIF_MERGEABLE;
}

/* What of the device's features the factions can know of. */
static unsigned features_of(struct bmk_virtio *device)
{
	unsigned features = 0;

	if (bmk_virtio_has(device, VIRTIF_CSUM))
		features |= RUMPCOMP_VIRTIF_CHECKSUM;
	if (bmk_virtio_has(device, VIRTIF_CSUM | VIRTIF_HOST_TSO4))
		features |= RUMPCOMP_VIRTIF_TCP4;
	if (bmk_virtio_has(device, VIRTIF_CSUM | VIRTIF_HOST_TSO6))
		features |= RUMPCOMP_VIRTIF_TCP6;
	if (bmk_virtio_has(device, VIRTIF_GUEST_TSO4) || bmk_virtio_has(device, VIRTIF_GUEST_TSO6))
		features |= RUMPCOMP_VIRTIF_LARGE_RECEIVE;
	return features;
}

static void identity_read(struct rumpcomp_virtif *interface, uint8_t *mac)
{
	uint16_t mtu = 0;

	if (bmk_virtio_has(interface->device, VIRTIF_MAC)) {
		bmk_virtio_config(interface->device, CONFIG_MAC, mac, VIRTIF_MAC_BYTES);
	} else {
		bmk_random(mac, VIRTIF_MAC_BYTES);
		mac[0] = (uint8_t)((mac[0] & 0xfc) | LOCAL_ADDRESS);
	}
	if (bmk_virtio_has(interface->device, VIRTIF_MTU))
		bmk_virtio_config(interface->device, CONFIG_MTU, &mtu, sizeof(mtu));
	interface->mtu = mtu < MTU_LEAST ? MTU_DEFAULT : mtu;
}

static bool buffers_create(struct rumpcomp_virtif *interface)
{
	const unsigned large = RUMPCOMP_VIRTIF_TCP4 | RUMPCOMP_VIRTIF_TCP6 |
	    RUMPCOMP_VIRTIF_LARGE_RECEIVE;
	uint16_t count = lab_header.ram_bytes < RAM_SMALL ? BUFFERS_SMALL : BUFFERS;
	size_t pages;

	/* One frame fits a buffer, unless it is a large one. */
	interface->buffer_bytes = interface->features & large ||
	    interface->mtu + VIRTIF_ETHERNET_BYTES + sizeof(struct virtif_header) > BUFFER_BYTES ?
	    BUFFER_BYTES_LARGE : BUFFER_BYTES;
	pages = count * interface->buffer_bytes / BMK_PAGE_BYTES;
	interface->received.count = interface->sent.count = count;
	interface->received.memory = bmk_pages_alloc(pages);
	interface->sent.memory = bmk_pages_alloc(pages);
	interface->send_next = bmk_memory_alloc(count * sizeof(*interface->send_next), 0);
	if (interface->received.memory && interface->sent.memory && interface->send_next) {
		for (uint16_t i = 0; i < count; i++)
			interface->send_next[i] = i + 1 < count ? (uint16_t)(i + 1) : VIRTIF_NONE;
		interface->send_free_count = count;
		return true;
	}
	if (interface->received.memory)
		bmk_pages_free(interface->received.memory, pages);
	if (interface->sent.memory)
		bmk_pages_free(interface->sent.memory, pages);
	if (interface->send_next)
		bmk_memory_free(interface->send_next, count * sizeof(*interface->send_next));
	return false;
}

/* -EIO after a line that says why. */
static int interface_start(struct rumpcomp_virtif *interface, uint8_t *mac)
{
	struct bmk_virtio *device = interface->device;
	uint64_t wanted = features_wanted();

	if (!bmk_virtio_start(device, wanted, on_failure, interface))
		return -EIO;
	interface->header_bytes = bmk_virtio_is_legacy(device) &&
	    !bmk_virtio_has(device, VIRTIF_MERGEABLE) ? VIRTIF_OLD_HEADER_BYTES :
	    sizeof(struct virtif_header);
	interface->features = features_of(device);
	identity_read(interface, mac);
	if (!bmk_virtq_create(&interface->receive, device, QUEUE_RECEIVE, DESCRIPTORS,
	    rumpuser_virtif_on_received, interface) ||
	    !bmk_virtq_create(&interface->send, device, QUEUE_SEND, DESCRIPTORS,
	    rumpuser_virtif_on_sent, interface))
		return -EIO;
	if (!buffers_create(interface)) {
		bmk_virtio_fail(device, "no memory for its frames");
		return -ENOMEM;
	}
	if (!bmk_virtio_ready(device))
		return -EIO;
	bmk_virtq_silence(&interface->send);
	bmk_virtq_silence(&interface->receive);
	rumpuser_virtif_fill(interface);
	return 0;
}

static int interface_open(unsigned index, uint8_t *mac, unsigned *mtu,
    void (*input_ready)(void *), void *argument, struct rumpcomp_virtif **found)
{
	struct bmk_virtio *device = bmk_virtio_find(BMK_VIRTIO_NET, index);
	struct rumpcomp_virtif *interface;
	int error;

	if (!device || index >= INTERFACES)
		return -ENODEV;
	if (interfaces[index])
		return -EBUSY;
	interface = bmk_memory_alloc(sizeof(*interface), 0);
	if (!interface)
		return -ENOMEM;
	memset(interface, 0, sizeof(*interface));
	interface->device = device;
	interface->input_ready = input_ready;
	interface->argument = argument;
	error = interface_start(interface, mac);
	if (error) {
		bmk_memory_free(interface, sizeof(*interface));
		return error;
	}
	interfaces[index] = interface;
	*mtu = interface->mtu;
	*found = interface;
	return 0;
}

int rumpcomp_virtif_open(unsigned index, uint8_t *mac, unsigned *mtu,
    void (*input_ready)(void *), void *argument, struct rumpcomp_virtif **interface)
{
	HYPERCALL_ENTER(rumpcomp_virtif_open, index, mac, mtu, input_ready);
	HYPERCALL_RETURN(rumpcomp_virtif_open, interface_open(index, mac, mtu, input_ready,
	    argument, interface));
}

unsigned rumpcomp_virtif_features(const struct rumpcomp_virtif *interface)
{
	return interface->features;
}

void rumpuser_virtif_trace(const struct rumpcomp_virtif *interface, bool sent,
    const struct rumpcomp_segment *segments, unsigned count)
{
	static char copy[LAB_PACKET_BYTES_MOST];
	size_t most = lab_header.trace_packet_bytes, used = 0, bytes = 0;

	lab_trace_count(LAB_EVENT_PACKET);
	if (!lab_trace_wants(LAB_EVENT_PACKET))
		return;
	most = most < sizeof(copy) ? most : sizeof(copy);
	for (unsigned i = 0; i < count; i++) {
		size_t part = segments[i].bytes < most - used ? segments[i].bytes : most - used;

		memcpy(copy + used, segments[i].data, part);
		used += part;
		bytes += segments[i].bytes;
	}
	lab_trace_record(LAB_EVENT_PACKET, LAB_RECORD_INSTANT, sent, bytes, (uintptr_t)interface, 0, 0);
	if (used)
		lab_trace_data(LAB_EVENT_PACKET, 0, copy, used, bytes);
}
