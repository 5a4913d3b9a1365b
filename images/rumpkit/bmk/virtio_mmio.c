/*
 * virtio_mmio.c - virtio over memory-mapped registers, section 4.2, and its legacy
 * form, 4.2.4, which is what QEMU offers unless it is told otherwise.
 *
 * The machine announces each device on the kernel's command line, as Linux documents
 * (kernel-parameters, virtio_mmio.device): <size>@<address>:<interrupt>.
 */
#include "bmk.h"
#include "rumplib.h"
#include "virtio_transport.h"

#define ANNOUNCEMENT "virtio_mmio.device="
/* Devices are mapped, uncached, from here to 4 GiB. */
#define DEVICES_START 0xc0000000ul
#define DEVICES_END 0x100000000ul
#define PINS 24

#define MAGIC 0x74726976u    /* "virt" */
#define REGISTERS_BYTES 0x100
/* Offsets of registers, table 4.1. */
enum {
	REG_MAGIC = 0x000, REG_VERSION = 0x004, REG_DEVICE = 0x008, REG_FEATURES = 0x010,
	REG_FEATURES_SELECT = 0x014, REG_DRIVER_FEATURES = 0x020,
	REG_DRIVER_FEATURES_SELECT = 0x024, REG_LEGACY_PAGE_SIZE = 0x028,
	REG_QUEUE_SELECT = 0x030, REG_QUEUE_MOST = 0x034, REG_QUEUE_SIZE = 0x038,
	REG_LEGACY_ALIGN = 0x03c, REG_LEGACY_PAGE = 0x040, REG_QUEUE_READY = 0x044,
	REG_NOTIFY = 0x050, REG_INTERRUPT = 0x060, REG_ACKNOWLEDGE = 0x064, REG_STATUS = 0x070,
	REG_DESCRIPTORS = 0x080, REG_AVAILABLE = 0x090, REG_USED = 0x0a0, REG_GENERATION = 0x0fc,
	REG_CONFIG = 0x100,
};
#define INTERRUPT_CHANGED 2

static uint32_t get(const struct bmk_virtio *device, unsigned offset)
{
	return *(volatile uint32_t *)(device->registers + offset);
}

static void set(const struct bmk_virtio *device, unsigned offset, uint32_t value)
{
	*(volatile uint32_t *)(device->registers + offset) = value;
}

static void set_address(const struct bmk_virtio *device, unsigned offset,
    const volatile void *memory)
{
	uintptr_t address = bmk_physical((const void *)memory);

	set(device, offset, (uint32_t)address);
	set(device, offset + 4, (uint32_t)(address >> 32));
}

static uint8_t mmio_status(struct bmk_virtio *device)
{
	return (uint8_t)get(device, REG_STATUS);
}

static void mmio_set_status(struct bmk_virtio *device, uint8_t status)
{
	set(device, REG_STATUS, status);
}

static uint64_t mmio_features(struct bmk_virtio *device)
{
	uint64_t high = 0;

	if (!device->legacy) {
		set(device, REG_FEATURES_SELECT, 1);
		high = get(device, REG_FEATURES);
	}
	set(device, REG_FEATURES_SELECT, 0);
	return high << 32 | get(device, REG_FEATURES);
}

static void mmio_set_features(struct bmk_virtio *device, uint64_t features)
{
	if (!device->legacy) {
		set(device, REG_DRIVER_FEATURES_SELECT, 1);
		set(device, REG_DRIVER_FEATURES, (uint32_t)(features >> 32));
	}
	set(device, REG_DRIVER_FEATURES_SELECT, 0);
	set(device, REG_DRIVER_FEATURES, (uint32_t)features);
	if (device->legacy)
		set(device, REG_LEGACY_PAGE_SIZE, BMK_PAGE_BYTES);
}

static uint32_t mmio_generation(struct bmk_virtio *device)
{
	return device->legacy ? 0 : get(device, REG_GENERATION);
}

static unsigned mmio_queue_select(struct bmk_virtio *device, unsigned index)
{
	set(device, REG_QUEUE_SELECT, index);
	return get(device, REG_QUEUE_MOST);
}

static bool mmio_queue_enable(struct bmk_virtio *device, struct bmk_virtq *queue)
{
	queue->notify = device->registers + REG_NOTIFY;
	set(device, REG_QUEUE_SIZE, queue->size);
	if (device->legacy) {
		set(device, REG_LEGACY_ALIGN, BMK_PAGE_BYTES);
		set(device, REG_LEGACY_PAGE,
		    (uint32_t)(bmk_physical(queue->descriptors) / BMK_PAGE_BYTES));
		return true;
	}
	set_address(device, REG_DESCRIPTORS, queue->descriptors);
	set_address(device, REG_AVAILABLE, queue->available);
	set_address(device, REG_USED, queue->used);
	set(device, REG_QUEUE_READY, 1);
	return true;
}

/*
 * The line rises with the first reason and falls when all are acknowledged.  As an edge
 * it needs no second look: we acknowledge before we look at the queues.
 */
static void on_interrupt(void *argument)
{
	struct bmk_virtio *device = argument;
	uint32_t reasons = get(device, REG_INTERRUPT);

	set(device, REG_ACKNOWLEDGE, reasons);
	if (reasons & INTERRUPT_CHANGED)
		bmk_virtio_changed(device);
	bmk_virtio_interrupt(device);
}

static bool mmio_interrupts(struct bmk_virtio *device)
{
	bmk_interrupt_attach(device->pin, false, on_interrupt, device);
	return true;
}

static const struct virtio_transport mmio = {
	.status = mmio_status, .set_status = mmio_set_status, .features = mmio_features,
	.set_features = mmio_set_features, .generation = mmio_generation,
	.queue_select = mmio_queue_select, .queue_enable = mmio_queue_enable,
	.interrupts = mmio_interrupts,
};

/* --- finding --- */

static void device_add(uint64_t address, uint64_t bytes, uint64_t pin)
{
	struct bmk_virtio device = {
		.transport = &mmio, .where = address, .pin = (unsigned)pin,
		.config_bytes = bytes - REGISTERS_BYTES,
	};
	uint32_t version;

	lib_snprintf(device.name, sizeof(device.name), "0x%lx", address);
	device.registers = bmk_at_physical(address);
	device.config = device.registers + REG_CONFIG;
	version = get(&device, REG_VERSION);
	device.kind = get(&device, REG_DEVICE);
	if (get(&device, REG_MAGIC) != MAGIC || version < 1 || version > 2) {
		bmk_printf("rumpkit: no virtio device at 0x%lx, where one was announced\n", address);
		return;
	}
	device.legacy = version == 1;
	if (device.kind)
		bmk_virtio_add(&device);
}

static unsigned digit_of(char character)
{
	if (character >= '0' && character <= '9')
		return (unsigned)(character - '0');
	character |= 32;
	return character >= 'a' && character <= 'f' ? (unsigned)(character - 'a') + 10 : 16;
}

/* A number, decimal or 0x..., with K or M; moves *text behind it. */
static uint64_t number(const char **text)
{
	unsigned base = 10;
	uint64_t value = 0;

	if ((*text)[0] == '0' && (*text)[1] == 'x') {
		base = 16;
		*text += 2;
	}
	for (; digit_of(**text) < base && !(value >> 56); ++*text)
		value = value * base + digit_of(**text);
	if (**text == 'K' || **text == 'M')
		value <<= *(*text)++ == 'K' ? 10 : 20;
	return value;
}

void virtio_mmio_find(const char *announcements)
{
	const char *at = announcements;

	while ((at = strstr(at, ANNOUNCEMENT))) {
		uint64_t bytes, address = 0, pin = PINS;

		at += sizeof(ANNOUNCEMENT) - 1;
		bytes = number(&at);
		if (*at == '@') {
			at++;
			address = number(&at);
		}
		if (*at == ':') {
			at++;
			pin = number(&at);
		}
		if (bytes <= REGISTERS_BYTES || bytes > BMK_PAGE_BYTES || address & 3 || pin >= PINS ||
		    address < DEVICES_START || address > DEVICES_END - bytes)
			bmk_printf("rumpkit: a virtio device is announced where none can be: 0x%lx, "
			    "interrupt %lu\n", address, pin);
		else
			device_add(address, bytes, pin);
	}
}
