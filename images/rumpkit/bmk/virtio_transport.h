/* virtio_transport.h - between virtio devices and how they are reached; inside bmk. */
#ifndef BMK_VIRTIO_TRANSPORT_H
#define BMK_VIRTIO_TRANSPORT_H

#include "virtio.h"

/* Device status bits, section 2.1. */
#define VIRTIO_ACKNOWLEDGE 1
#define VIRTIO_DRIVER 2
#define VIRTIO_DRIVER_OK 4
#define VIRTIO_FEATURES_OK 8
#define VIRTIO_NEEDS_RESET 64
#define VIRTIO_FAILED 128

struct virtio_transport {
	uint8_t (*status)(struct bmk_virtio *device);
	void (*set_status)(struct bmk_virtio *device, uint8_t status);
	uint64_t (*features)(struct bmk_virtio *device);
	void (*set_features)(struct bmk_virtio *device, uint64_t features);
	/* Changes whenever the configuration does. */
	uint32_t (*generation)(struct bmk_virtio *device);
	/* Select a queue: the most descriptors it may have, 0 if there is no such queue. */
	unsigned (*queue_select)(struct bmk_virtio *device, unsigned index);
	/* The selected queue is at these addresses and in use; false if there is no way. */
	bool (*queue_enable)(struct bmk_virtio *device, struct bmk_virtq *queue);
	/* Interrupts arrive, from now on. */
	bool (*interrupts)(struct bmk_virtio *device);
};

struct bmk_virtio {
	const struct virtio_transport *transport;
	struct bmk_virtio *next;     /* in the machine's order */
	struct bmk_virtio *next_message; /* of those that share a vector */
	uint32_t kind;
	bool legacy, started, failed;
	uint8_t status;
	uint64_t features;
	uint64_t where;              /* mmio address, or PCI bus, device, function */
	char name[40];
	volatile uint8_t *registers; /* mmio, or the common configuration of PCI */
	volatile uint8_t *config;
	size_t config_bytes;
	volatile uint8_t *notify;    /* PCI */
	uint32_t notify_step;
	size_t notify_bytes;
	volatile uint32_t *messages; /* PCI: the MSI-X table */
	unsigned pin;                /* mmio */
	struct bmk_virtq *queues[BMK_VIRTIO_QUEUES];
	unsigned queue_count;
	void (*on_failure)(void *);
	void *argument;
};

/* A device was found; virtio.c keeps a copy. */
void bmk_virtio_add(const struct bmk_virtio *device);
/* From an interrupt: look at the queues; or at the status, after a change of it. */
void bmk_virtio_interrupt(struct bmk_virtio *device);
void bmk_virtio_changed(struct bmk_virtio *device);

/* The ways to find devices: announcements on the command line, and the PCI buses. */
void virtio_mmio_find(const char *announcements);
void virtio_pci_find(void);

#endif
