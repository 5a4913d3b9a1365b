/* device.c - the device, and what the drivers need of the core: memory, lines, sleep. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "bmk.h"
#include "device.h"
#include "virtio_transport.h"

struct lab_header lab_header = { .ram_bytes = 64 << 20 };
uint64_t lab_counters[LAB_EVENTS];
const char *bmk_announcements = "";
struct bmk_thread *bmk_current;
const struct rumpuser_hyperup *rumpuser_upcalls;

unsigned device_reports;
uint8_t device_request[16];
fill_fn device_sleep_fill;
uint64_t device_offers;
void (*device_at_order)(void);

static uint64_t state;
static struct bmk_virtio *the_device;
static enum bmk_virtio_kind the_kind;
static bool sleeping_device_lies;

/* --- the core --- */

void *bmk_memory_alloc(size_t bytes, size_t alignment)
{
	(void)alignment;
	return malloc(bytes);
}

void bmk_memory_free(void *memory, size_t bytes)
{
	(void)bytes;
	free(memory);
}

void *bmk_pages_alloc(size_t count)
{
	return aligned_alloc(BMK_PAGE_BYTES, count * BMK_PAGE_BYTES);
}

void bmk_pages_free(void *pages, size_t count)
{
	(void)count;
	free(pages);
}

uintptr_t bmk_physical(const void *address)
{
	return (uintptr_t)address;
}

void arch_order_memory(void)
{
	void (*act)(void) = device_at_order;

	device_at_order = NULL;
	if (act)
		act();
}

uintptr_t bmk_map_lowest(void)
{
	return UINTPTR_MAX;
}

void bmk_printf(const char *format, ...)
{
	device_reports += strstr(format, "not used any more") != NULL;
}

void bmk_panic(enum lab_panic_kind kind, int signal, const struct arch_trap *trap,
    uint64_t fault_address, const char *reason)
{
	(void)kind, (void)signal, (void)trap, (void)fault_address;
	puts(reason);
	abort();
}

void bmk_random(void *to, size_t bytes)
{
	memset(to, 7, bytes);
}

/* Whoever sleeps is woken by the device's interrupt, or in the end by the deadline. */
bool bmk_waitq_sleep(struct bmk_waitq *queue, int64_t deadline_ns)
{
	static unsigned turns;

	(void)queue;
	if (!the_device->failed)
		device_use(the_device->queues[0], device_random(3),
		    sleeping_device_lies && !device_random(50) ? device_random(LIES) : LIE_NONE,
		    device_sleep_fill);
	device_interrupt();
	return deadline_ns == BMK_FOREVER || ++turns % 4;
}

int bmk_waitq_wake(struct bmk_waitq *queue, int count)
{
	(void)queue, (void)count;
	return 0;
}

size_t lib_strlcpy(char *to, const char *from, size_t bytes)
{
	snprintf(to, bytes, "%s", from);
	return strlen(from);
}

int lib_snprintf(char *to, size_t bytes, const char *format, ...)
{
	va_list arguments;
	int written;

	va_start(arguments, format);
	written = vsnprintf(to, bytes, format, arguments);
	va_end(arguments);
	return written;
}

void lab_trace_record(unsigned event, unsigned kind, uint64_t a0, uint64_t a1, uint64_t a2,
    uint64_t a3, uint64_t caller)
{
	(void)event, (void)kind, (void)a0, (void)a1, (void)a2, (void)a3, (void)caller;
}

/* --- the device: a transport that says yes --- */

static uint8_t status, config[64];
static uint32_t notified;

static uint8_t get_status(struct bmk_virtio *device)
{
	(void)device;
	return status;
}

static void set_status(struct bmk_virtio *device, uint8_t value)
{
	(void)device;
	status = value;
}

static uint64_t get_features(struct bmk_virtio *device)
{
	(void)device;
	return device_offers | BMK_VIRTIO_VERSION_1;
}

static void set_features(struct bmk_virtio *device, uint64_t features)
{
	(void)device;
	HOLDS(!(features & ~(device_offers | BMK_VIRTIO_VERSION_1)));
}

static uint32_t generation(struct bmk_virtio *device)
{
	(void)device;
	return 0;
}

static unsigned queue_select(struct bmk_virtio *device, unsigned index)
{
	(void)device;
	return index < 2 ? 64 + device_random(100) : 0;
}

static bool queue_enable(struct bmk_virtio *device, struct bmk_virtq *queue)
{
	(void)device;
	queue->notify = &notified;
	return true;
}

static bool interrupts(struct bmk_virtio *device)
{
	(void)device;
	return true;
}

static const struct virtio_transport transport = {
	.status = get_status, .set_status = set_status, .features = get_features,
	.set_features = set_features, .generation = generation, .queue_select = queue_select,
	.queue_enable = queue_enable, .interrupts = interrupts,
};

/* What virtio.c looks for is our one device. */
void virtio_mmio_find(const char *announcements)
{
	struct bmk_virtio device = { .transport = &transport, .kind = the_kind, .config = config,
		.config_bytes = sizeof(config), .name = "here" };

	(void)announcements;
	bmk_virtio_add(&device);
}

void virtio_pci_find(void)
{
}

void device_create(enum bmk_virtio_kind kind)
{
	the_kind = kind;
	for (size_t i = 0; i < sizeof(config); i++)
		config[i] = (uint8_t)device_random(kind == BMK_VIRTIO_9P ? 3 : 256);
	if (kind == BMK_VIRTIO_BLOCK)
		memset(config, 0, 8), config[1] = 1; /* 256 sectors */
	the_device = bmk_virtio_find(kind, 0);
	sleeping_device_lies = kind != BMK_VIRTIO_BLOCK || device_random(2);
}

void device_seed(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15ull + 1;
}

uint32_t device_random(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % below;
}

void device_interrupt(void)
{
	if (the_device->started)
		bmk_virtio_interrupt(the_device);
}

/* --- using buffers --- */

struct descriptor {
	uint64_t address;
	uint32_t bytes;
	uint16_t flags, next;
};

static uint32_t chain_fill(struct bmk_virtq *queue, uint16_t head, fill_fn fill)
{
	struct descriptor *table = (struct descriptor *)queue->descriptors;
	uint32_t written = 0;

	for (unsigned at = head, left = queue->size; left-- && at < queue->size; at = table[at].next) {
		uint8_t *memory = (uint8_t *)table[at].address;

		/* A device touches all that it was given; the sanitizer knows whether it may. */
		if (table[at].flags & 2) {
			memset(memory, (int)device_random(3), table[at].bytes);
			written += fill ? fill(memory, table[at].bytes) : table[at].bytes;
		} else {
			for (uint32_t i = 0; i < table[at].bytes; i++)
				notified += memory[i];
			if (table[at].bytes) /* a head that was never offered has neither */
				memcpy(device_request, memory, table[at].bytes < 16 ? table[at].bytes : 16);
		}
		if (!(table[at].flags & 1))
			break;
	}
	return written;
}

static void element_write(struct bmk_virtq *queue, uint16_t at, uint32_t id, uint32_t written)
{
	volatile uint32_t *element =
	    (volatile uint32_t *)&queue->used[2 + 4 * (at & (queue->size - 1))];

	element[0] = id;
	element[1] = written;
}

/* An id that is within the table, of a descriptor no chain begins with. */
static uint32_t id_not_given(const struct bmk_virtq *queue)
{
	for (uint32_t tries = 0; tries < 1000; tries++) {
		uint32_t id = device_random(queue->size);

		if (!queue->slots[id].cookie)
			return id;
	}
	return queue->size;
}

/* The last chain that is used, with a lie about it; where the index is then. */
static uint16_t element_lie(struct bmk_virtq *queue, uint16_t at, enum lie lie, fill_fn fill)
{
	uint16_t head = queue->available[2 + (at & (queue->size - 1))];
	uint32_t written = chain_fill(queue, head, fill);

	switch (lie) {
	case LIE_NO_SUCH:
		element_write(queue, at, queue->size + device_random(1u << 30), written);
		break;
	case LIE_NOT_GIVEN:
		element_write(queue, at, id_not_given(queue), 0);
		break;
	case LIE_TWICE:
		element_write(queue, at++, head, written);
		element_write(queue, at, head, 0);
		break;
	case LIE_TOO_LONG:
		element_write(queue, at, head, queue->slots[head].writable_bytes + 1 +
		    device_random(1u << 30));
		break;
	case LIE_DESCRIPTORS: /* which nobody but the device reads again */
		for (unsigned i = 0; i < queue->size; i++)
			((struct descriptor *)queue->descriptors)[i].next = 0xffff;
		/* fallthrough */
	default:
		element_write(queue, at, head, written);
	}
	return (uint16_t)(at + 1);
}

bool device_use(struct bmk_virtq *queue, unsigned count, enum lie lie, fill_fn fill)
{
	uint16_t at = queue->used[1];
	bool lied = false;

	while (count-- && at != queue->available[1]) {
		lied |= !count && lie != LIE_NONE && lie != LIE_DESCRIPTORS;
		at = element_lie(queue, at, count ? LIE_NONE : lie, fill);
	}
	if (lie == LIE_INDEX_AHEAD)
		at = (uint16_t)(queue->available[1] + 1 + device_random(1000));
	else if (lie == LIE_INDEX_BACK)
		at = (uint16_t)(queue->used_index - 1 - device_random(1000));
	queue->used[1] = at;
	return lied || lie == LIE_INDEX_AHEAD || lie == LIE_INDEX_BACK;
}
