/*
 * virtio.h - virtio devices (OASIS virtio 1.1) over mmio and PCI, for drivers.
 *
 * A driver finds a device, starts it with the features it knows, makes its queues and
 * says that it is ready.  It adds buffers to a queue, kicks the device, and takes them
 * back when they have been used.  Nothing here sleeps.
 *
 * What a device writes is checked.  One that breaks the rules is reset, reported with
 * one line, and, if it was ready, its driver's failed function is called, from wherever it
 * was noticed: after that adding fails and nothing comes back.
 */
#ifndef BMK_VIRTIO_H
#define BMK_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of device, section 5. */
enum bmk_virtio_kind { BMK_VIRTIO_NET = 1, BMK_VIRTIO_BLOCK = 2, BMK_VIRTIO_CONSOLE = 3,
	BMK_VIRTIO_9P = 9 };

/* Features of all devices, section 6; the transport takes care of them. */
#define BMK_VIRTIO_INDIRECT (1ull << 28)
#define BMK_VIRTIO_EVENT_INDEX (1ull << 29)
#define BMK_VIRTIO_VERSION_1 (1ull << 32)

#define BMK_VIRTIO_QUEUES 4  /* of one device */

struct bmk_virtio;

/* --- a device --- */
/* The index-th device of a kind, in the machine's order; NULL if there are fewer. */
struct bmk_virtio *bmk_virtio_find(enum bmk_virtio_kind kind, unsigned index);
/* "virtio-blk at 0xfeb00e00", for messages. */
const char *bmk_virtio_name(const struct bmk_virtio *device);
/*
 * Reset it and agree on features: of wanted, those that it offers.  False, with a line,
 * if the device refuses or another driver has it.
 */
bool bmk_virtio_start(struct bmk_virtio *device, uint64_t wanted, void (*failed)(void *),
    void *argument);
bool bmk_virtio_has(const struct bmk_virtio *device, uint64_t feature);
/* No feature of virtio 1: fields that came with it are missing. */
bool bmk_virtio_is_legacy(const struct bmk_virtio *device);
/* Read the device's own configuration, as of one moment. */
void bmk_virtio_config(struct bmk_virtio *device, size_t offset, void *to, size_t bytes);
/* After the queues were made: the device may work.  False if it has failed already. */
bool bmk_virtio_ready(struct bmk_virtio *device);
/* It broke the rules: reset, report, tell the driver.  At most once. */
void bmk_virtio_fail(struct bmk_virtio *device, const char *what);

/* --- a queue (split virtqueue, section 2.6) --- */
struct bmk_virtio_buffer {
	const void *memory;          /* the image's, or of bmk_pages_alloc or bmk_memory_alloc */
	size_t bytes;                /* below 4 GiB */
};

struct bmk_virtq_slot {
	void *cookie;                /* NULL: no chain of buffers begins here */
	uint32_t writable_bytes;
	uint16_t count;              /* descriptors of the chain */
	uint16_t next;               /* the next descriptor of this chain, or the next free one */
};

struct bmk_virtq {
	struct bmk_virtio *device;
	volatile void *notify;       /* where a kick is written */
	struct virtq_descriptor *descriptors;
	volatile uint16_t *available, *used;
	struct bmk_virtq_slot *slots;
	void (*used_ready)(void *);  /* from interrupt level; NULL: the driver polls */
	void *argument;
	uint16_t index, size;
	uint16_t free_first, free_count;
	uint16_t available_index;    /* chains ever added */
	uint16_t kicked_index;       /* of them, those that the device has been told of */
	uint16_t used_index;         /* chains ever taken back */
};

/*
 * Make queue index with at most this many descriptors; used_ready is called from
 * interrupt level when there is something to take back.  False, with a line, if the
 * device has no such queue or there is no memory.
 */
bool bmk_virtq_create(struct bmk_virtq *queue, struct bmk_virtio *device, unsigned index,
    unsigned most, void (*used_ready)(void *), void *argument);
/*
 * Give the device a chain: buffers that it reads, then buffers that it writes.  The
 * cookie, not NULL, comes back with them.  False if there is no room for all of it.
 */
bool bmk_virtq_add(struct bmk_virtq *queue, const struct bmk_virtio_buffer *buffers,
    unsigned readable, unsigned writable, void *cookie);
/* Tell the device about what was added, if it wants to be told. */
void bmk_virtq_kick(struct bmk_virtq *queue);
/* The cookie of a chain that was used, and how many bytes were written; NULL: none. */
void *bmk_virtq_take(struct bmk_virtq *queue, uint32_t *written);
/* Is there something to take? */
bool bmk_virtq_pending(const struct bmk_virtq *queue);
/* Ask for an interrupt after so many more chains were used; true: there are some now. */
bool bmk_virtq_want(struct bmk_virtq *queue, unsigned chains);
/* Ask for no interrupts; a few may come nevertheless. */
void bmk_virtq_silence(struct bmk_virtq *queue);

#endif
