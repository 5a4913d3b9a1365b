/*
 * virtio.c - virtio devices: which there are, and their life from reset to failure.
 *
 * They are looked for when a driver first asks for one: a guest without devices pays
 * nothing for them.
 */
#include "bmk.h"
#include "lab_trace.h"
#include "rumplib.h"
#include "virtio_transport.h"

#define GENERATION_TRIES 100

static struct bmk_virtio *devices;
static struct bmk_virtio **devices_end = &devices;
static bool looked;

/* --- which there are --- */

static const char *kind_name(uint32_t kind)
{
	switch (kind) {
	case BMK_VIRTIO_NET:
		return "virtio-net";
	case BMK_VIRTIO_BLOCK:
		return "virtio-blk";
	case BMK_VIRTIO_CONSOLE:
		return "virtio-console";
	case BMK_VIRTIO_9P:
		return "virtio-9p";
	default:
		return "virtio device";
	}
}

void bmk_virtio_add(const struct bmk_virtio *device)
{
	struct bmk_virtio *copy = bmk_memory_alloc(sizeof(*copy), 0);
	char at[sizeof(copy->name)];

	if (!copy) {
		bmk_printf("rumpkit: %s at %s: no memory to use it\n", kind_name(device->kind),
		    device->name);
		return;
	}
	*copy = *device;
	lib_strlcpy(at, device->name, sizeof(at));
	lib_snprintf(copy->name, sizeof(copy->name), "%s at %s", kind_name(copy->kind), at);
	copy->next = NULL;
	*devices_end = copy;
	devices_end = &copy->next;
}

struct bmk_virtio *bmk_virtio_find(enum bmk_virtio_kind kind, unsigned index)
{
	struct bmk_virtio *device;

	if (!looked) {
		looked = true;
		virtio_mmio_find(bmk_announcements);
		virtio_pci_find();
	}
	for (device = devices; device; device = device->next)
		if (device->kind == kind && index-- == 0)
			break;
	return device;
}

const char *bmk_virtio_name(const struct bmk_virtio *device)
{
	return device->name;
}

/* --- life, section 3.1.1 --- */

static void status_add(struct bmk_virtio *device, uint8_t bit)
{
	device->status |= bit;
	device->transport->set_status(device, device->status);
}

static bool features_agree(struct bmk_virtio *device, uint64_t wanted)
{
	uint64_t offered = device->transport->features(device);

	device->features = offered & (wanted | BMK_VIRTIO_EVENT_INDEX | BMK_VIRTIO_VERSION_1);
	if (!device->legacy && !bmk_virtio_has(device, BMK_VIRTIO_VERSION_1)) {
		bmk_virtio_fail(device, "it does not speak virtio 1");
		return false;
	}
	device->transport->set_features(device, device->features);
	if (device->legacy)
		return true;
	status_add(device, VIRTIO_FEATURES_OK);
	if (device->transport->status(device) & VIRTIO_FEATURES_OK)
		return true;
	bmk_virtio_fail(device, "it refuses the features that it offered");
	return false;
}

bool bmk_virtio_start(struct bmk_virtio *device, uint64_t wanted, void (*failed)(void *),
    void *argument)
{
	if (device->started || device->failed)
		return false;
	device->started = true;
	device->transport->set_status(device, 0);
	device->status = 0;
	status_add(device, VIRTIO_ACKNOWLEDGE);
	status_add(device, VIRTIO_DRIVER);
	if (!features_agree(device, wanted))
		return false;
	if (!device->transport->interrupts(device)) {
		bmk_virtio_fail(device, "there is no way to be interrupted by it");
		return false;
	}
	device->on_failure = failed;
	device->argument = argument;
	return true;
}

bool bmk_virtio_ready(struct bmk_virtio *device)
{
	if (!device->failed)
		status_add(device, VIRTIO_DRIVER_OK);
	return !device->failed;
}

bool bmk_virtio_has(const struct bmk_virtio *device, uint64_t feature)
{
	return (device->features & feature) == feature;
}

bool bmk_virtio_is_legacy(const struct bmk_virtio *device)
{
	return device->legacy;
}

void bmk_virtio_config(struct bmk_virtio *device, size_t offset, void *to, size_t bytes)
{
	uint8_t *bytes_to = to;

	memset(to, 0, bytes);
	for (int tries = 0; tries < GENERATION_TRIES; tries++) {
		uint32_t before = device->transport->generation(device);

		/* Byte by byte, which every field allows (2.4.1) and no field is hot. */
		for (size_t i = 0; i < bytes && offset + i < device->config_bytes; i++)
			bytes_to[i] = device->config[offset + i];
		if (device->transport->generation(device) == before)
			return;
	}
	bmk_virtio_fail(device, "its configuration does not stand still");
}

void bmk_virtio_fail(struct bmk_virtio *device, const char *what)
{
	if (device->failed)
		return;
	device->failed = true;
	/* A device that is reset leaves our memory alone. */
	device->transport->set_status(device, 0);
	bmk_printf("rumpkit: %s: %s; it is not used any more\n", device->name, what);
	/* What failed before it was ready was reported by a result. */
	if (device->on_failure && device->status & VIRTIO_DRIVER_OK)
		device->on_failure(device->argument);
}

/* --- interrupts --- */

void bmk_virtio_interrupt(struct bmk_virtio *device)
{
	for (unsigned i = 0; i < device->queue_count && !device->failed; i++) {
		struct bmk_virtq *queue = device->queues[i];

		if (queue->used_ready && bmk_virtq_pending(queue))
			queue->used_ready(queue->argument);
	}
}

void bmk_virtio_changed(struct bmk_virtio *device)
{
	if (device->started && !device->failed &&
	    device->transport->status(device) & VIRTIO_NEEDS_RESET)
		bmk_virtio_fail(device, "it says that something went wrong in it");
}
