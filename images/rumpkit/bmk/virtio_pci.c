/*
 * virtio_pci.c - virtio over PCI, section 4.1, with interrupts by messages (MSI-X).
 *
 * The registers lie in memory that vendor capabilities name.  Vectors are few: all
 * devices share one for changes of their status, and some share one for their queues.
 */
#include "arch.h"
#include "bmk.h"
#include "pci.h"
#include "rumplib.h"
#include "virtio_transport.h"

#define VENDOR 0x1af4
#define FIRST_TRANSITIONAL 0x1000
#define FIRST_MODERN 0x1040
#define LAST_MODERN 0x107f

/* Vendor capability, 4.1.4: type, register, offset, length. */
enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_DEVICE = 4 };
#define CAP_REGION 4
#define CAP_OFFSET 8
#define CAP_BYTES 12
#define CAP_NOTIFY_STEP 16

/* Common configuration, 4.1.4.3. */
enum {
	COMMON_FEATURES_SELECT = 0, COMMON_FEATURES = 4, COMMON_DRIVER_SELECT = 8,
	COMMON_DRIVER_FEATURES = 12, COMMON_CHANGE_VECTOR = 16, COMMON_STATUS = 20,
	COMMON_GENERATION = 21, COMMON_QUEUE_SELECT = 22, COMMON_QUEUE_SIZE = 24,
	COMMON_QUEUE_VECTOR = 26, COMMON_QUEUE_ENABLE = 28, COMMON_NOTIFY_OFFSET = 30,
	COMMON_DESCRIPTORS = 32, COMMON_AVAILABLE = 40, COMMON_USED = 48, COMMON_BYTES = 56,
};

/* MSI-X, PCI Local Bus 3.0, 6.8.2. */
#define MSIX_TABLE 4
#define MSIX_ENABLE 0x80000000u
#define MSIX_ENTRY_WORDS 4
#define MSIX_ENTRIES(head) (((head) >> 16 & 0x7ff) + 1)
enum { MESSAGE_CHANGE, MESSAGE_QUEUES, MESSAGES };

#define VECTORS 5
static struct bmk_virtio *sharing[VECTORS];   /* the devices of each vector */
static unsigned vectors[VECTORS];             /* their numbers, once they are in use */
static unsigned vector_next, change_vector;

static uint16_t get16(struct bmk_virtio *device, unsigned offset)
{
	return *(volatile uint16_t *)(device->registers + offset);
}

static void set16(struct bmk_virtio *device, unsigned offset, uint16_t value)
{
	*(volatile uint16_t *)(device->registers + offset) = value;
}

static uint32_t get32(struct bmk_virtio *device, unsigned offset)
{
	return *(volatile uint32_t *)(device->registers + offset);
}

static void set32(struct bmk_virtio *device, unsigned offset, uint32_t value)
{
	*(volatile uint32_t *)(device->registers + offset) = value;
}

static void set_address(struct bmk_virtio *device, unsigned offset, const volatile void *memory)
{
	uintptr_t address = bmk_physical((const void *)memory);

	set32(device, offset, (uint32_t)address);
	set32(device, offset + 4, (uint32_t)(address >> 32));
}

static uint8_t pci_status(struct bmk_virtio *device)
{
	return device->registers[COMMON_STATUS];
}

static void pci_set_status(struct bmk_virtio *device, uint8_t status)
{
	device->registers[COMMON_STATUS] = status;
}

static uint64_t pci_features(struct bmk_virtio *device)
{
	uint64_t high;

	set32(device, COMMON_FEATURES_SELECT, 1);
	high = get32(device, COMMON_FEATURES);
	set32(device, COMMON_FEATURES_SELECT, 0);
	return high << 32 | get32(device, COMMON_FEATURES);
}

static void pci_set_features(struct bmk_virtio *device, uint64_t features)
{
	set32(device, COMMON_DRIVER_SELECT, 1);
	set32(device, COMMON_DRIVER_FEATURES, (uint32_t)(features >> 32));
	set32(device, COMMON_DRIVER_SELECT, 0);
	set32(device, COMMON_DRIVER_FEATURES, (uint32_t)features);
}

static uint32_t pci_generation(struct bmk_virtio *device)
{
	return device->registers[COMMON_GENERATION];
}

static unsigned pci_queue_select(struct bmk_virtio *device, unsigned index)
{
	set16(device, COMMON_QUEUE_SELECT, (uint16_t)index);
	return get16(device, COMMON_QUEUE_SIZE);
}

static bool pci_queue_enable(struct bmk_virtio *device, struct bmk_virtq *queue)
{
	size_t offset = (size_t)get16(device, COMMON_NOTIFY_OFFSET) * device->notify_step;

	if (offset + sizeof(uint16_t) > device->notify_bytes)
		return false;
	queue->notify = device->notify + offset;
	set16(device, COMMON_QUEUE_SIZE, queue->size);
	set16(device, COMMON_QUEUE_VECTOR, MESSAGE_QUEUES);
	if (get16(device, COMMON_QUEUE_VECTOR) != MESSAGE_QUEUES)
		return false;
	set_address(device, COMMON_DESCRIPTORS, queue->descriptors);
	set_address(device, COMMON_AVAILABLE, queue->available);
	set_address(device, COMMON_USED, queue->used);
	set16(device, COMMON_QUEUE_ENABLE, 1);
	return true;
}

/* --- interrupts --- */

static void on_queues(void *argument)
{
	struct bmk_virtio **list = argument;

	for (struct bmk_virtio *device = *list; device; device = device->next_message)
		bmk_virtio_interrupt(device);
}

static void on_change(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < VECTORS; i++)
		for (struct bmk_virtio *device = sharing[i]; device; device = device->next_message)
			bmk_virtio_changed(device);
}

static void message_set(struct bmk_virtio *device, unsigned message, unsigned vector)
{
	volatile uint32_t *entry = device->messages + MSIX_ENTRY_WORDS * message;

	entry[0] = ARCH_MESSAGE_ADDRESS;
	entry[1] = 0;
	entry[2] = vector;
	entry[3] = 0; /* not masked */
}

static bool pci_interrupts(struct bmk_virtio *device)
{
	unsigned slot = vector_next++ % VECTORS;

	if (!device->messages)
		return false;
	if (!change_vector)
		change_vector = bmk_interrupt_message(on_change, NULL);
	if (!vectors[slot])
		vectors[slot] = bmk_interrupt_message(on_queues, &sharing[slot]);
	if (!change_vector || !vectors[slot])
		return false;
	device->next_message = sharing[slot];
	sharing[slot] = device;
	message_set(device, MESSAGE_CHANGE, change_vector);
	message_set(device, MESSAGE_QUEUES, vectors[slot]);
	set16(device, COMMON_CHANGE_VECTOR, MESSAGE_CHANGE);
	return get16(device, COMMON_CHANGE_VECTOR) == MESSAGE_CHANGE;
}

static const struct virtio_transport pci = {
	.status = pci_status, .set_status = pci_set_status, .features = pci_features,
	.set_features = pci_set_features, .generation = pci_generation,
	.queue_select = pci_queue_select, .queue_enable = pci_queue_enable,
	.interrupts = pci_interrupts,
};

/* --- finding --- */

/* Part of the memory behind a base address register; NULL if it is not all there. */
static volatile uint8_t *region(pci_function function, unsigned bar, uint64_t offset,
    uint64_t bytes)
{
	uint64_t length, address = pci_memory(function, bar, &length);

	if (!address || offset > length || bytes > length - offset)
		return NULL;
	return bmk_at_physical(address + offset);
}

/* The first capability of a type that we can use; its bytes, and where it is. */
static volatile uint8_t *structure(pci_function function, unsigned type, size_t least,
    size_t *bytes, unsigned *where)
{
	unsigned at = 0;

	for (unsigned tries = 0; tries < 16; tries++) {
		volatile uint8_t *memory;

		at = pci_capability(function, PCI_CAPABILITY_VENDOR, at);
		if (!at)
			return NULL;
		if (pci_read(function, at) >> 24 != type)
			continue;
		*where = at;
		*bytes = pci_read(function, at + CAP_BYTES);
		memory = region(function, pci_read(function, at + CAP_REGION) & 0xff,
		    pci_read(function, at + CAP_OFFSET), *bytes);
		if (memory && *bytes >= least)
			return memory;
	}
	return NULL;
}

static void messages_find(pci_function function, struct bmk_virtio *device)
{
	unsigned at = pci_capability(function, PCI_CAPABILITY_MSIX, 0);
	uint32_t head, table;

	if (!at)
		return;
	head = pci_read(function, at);
	table = pci_read(function, at + MSIX_TABLE);
	if (MSIX_ENTRIES(head) < MESSAGES)
		return;
	device->messages = (volatile uint32_t *)region(function, table & 7, table & ~7u,
	    4 * MSIX_ENTRY_WORDS * MESSAGES);
	if (device->messages)
		pci_write(function, at, (head & 0x3fff0000) | MSIX_ENABLE);
}

static uint32_t kind_of(pci_function function)
{
	uint32_t id = pci_read(function, PCI_ID);
	uint32_t model = id >> 16;

	if ((id & 0xffff) != VENDOR || model < FIRST_TRANSITIONAL || model > LAST_MODERN)
		return 0;
	return model >= FIRST_MODERN ? model - FIRST_MODERN : pci_read(function, PCI_SUBSYSTEM) >> 16;
}

static void function_found(pci_function function)
{
	struct bmk_virtio device = { .transport = &pci, .where = function, .kind = kind_of(function) };
	size_t bytes;
	unsigned at;

	if (!device.kind)
		return;
	lib_snprintf(device.name, sizeof(device.name), "PCI %02x:%02x.%u", function >> 16,
	    function >> 11 & 31, function >> 8 & 7);
	device.registers = structure(function, CAP_COMMON, COMMON_BYTES, &bytes, &at);
	device.config = structure(function, CAP_DEVICE, 0, &device.config_bytes, &at);
	device.notify = structure(function, CAP_NOTIFY, sizeof(uint16_t), &device.notify_bytes, &at);
	if (!device.registers || !device.notify) {
		bmk_printf("rumpkit: the virtio device at %s has no registers in reach\n", device.name);
		return;
	}
	device.notify_step = pci_read(function, at + CAP_NOTIFY_STEP);
	if (!device.config)
		device.config_bytes = 0;
	messages_find(function, &device);
	pci_write(function, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
	    PCI_COMMAND_NO_INTX);
	bmk_virtio_add(&device);
}

void virtio_pci_find(void)
{
	pci_each(function_found);
}
