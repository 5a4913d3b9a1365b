/* checks.c - what each driver still has to promise of a device that lies. */
#include <stdlib.h>
#include <string.h>

#include "bmk.h"
#include "device.h"
#include "disk.h"
#include "virtif.h"
#include "virtio_transport.h"

#define ROUNDS 400

/* Some devices lie soon, some late: each seed has its own temper. */
static enum lie some_lie(uint64_t seed)
{
	return device_random(30 + 37 * (uint32_t)(seed % 16)) ? LIE_NONE : (enum lie)device_random(LIES);
}

/* --- a queue: what comes back was given, once; after a report nothing does --- */

static unsigned failures;

static void on_failure(void *argument)
{
	(void)argument;
	failures++;
}

int check_queue(uint64_t seed)
{
	static struct bmk_virtq queue;
	static char memory[64][256];
	bool out[64] = { false };
	struct bmk_virtio *device;

	device_seed(seed);
	device_offers = device_random(2) ? BMK_VIRTIO_EVENT_INDEX : 0;
	device_create(BMK_VIRTIO_CONSOLE);
	device = bmk_virtio_find(BMK_VIRTIO_CONSOLE, 0);
	HOLDS(bmk_virtio_start(device, 0, on_failure, NULL));
	HOLDS(bmk_virtq_create(&queue, device, 0, 64, NULL, NULL));
	HOLDS(bmk_virtio_ready(device));
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned which = device_random(64);
		uint32_t written;
		char (*back)[256];
		bool lied = false;

		if (!out[which]) {
			struct bmk_virtio_buffer buffers[] = { { memory[which], 16 },
				{ memory[which] + 16, 100 }, { memory[which] + 116, 140 } };
			unsigned readable = device_random(3);

			out[which] = bmk_virtq_add(&queue, buffers + (readable ? 0 : 1), readable,
			    1 + device_random(2) - (readable == 2), &memory[which]);
			HOLDS(!out[which] || !failures);
			bmk_virtq_kick(&queue);
		}
		if (!device->failed)
			lied = device_use(&queue, device_random(4), some_lie(seed), NULL);
		while ((back = bmk_virtq_take(&queue, &written))) {
			size_t number = (size_t)(back - memory);

			HOLDS(number < 64 && out[number] && written <= 240);
			out[number] = false;
		}
		bmk_virtq_want(&queue, 1);
		HOLDS(!lied || failures);
		HOLDS(failures == device->failed && device_reports == failures);
	}
	return 0;
}

/* --- network: frames lie within the buffers they came in --- */

static unsigned ready_calls;

static void input_ready(void *argument)
{
	(void)argument;
	ready_calls++;
}

static uint32_t header_fill(uint8_t *memory, uint32_t bytes)
{
	struct virtif_header header = {
		.flags = (uint8_t)device_random(4), .segmentation = (uint8_t)device_random(8),
		.checksum_start = (uint16_t)device_random(70000),
		.checksum_offset = (uint16_t)device_random(70000),
		.buffers = (uint16_t)device_random(device_random(4) ? 4 : device_random(9) ? 30 : 65536),
	};

	if (bytes < sizeof(header))
		return bytes;
	memcpy(memory, &header, sizeof(header));
	return device_random(5) ? bytes - device_random(bytes) : device_random(20);
}

int check_network(uint64_t seed)
{
	struct rumpcomp_virtif *interface;
	void *held[8] = { NULL };
	uint8_t mac[6];
	unsigned mtu;

	device_seed(seed);
	device_offers = VIRTIF_CSUM | VIRTIF_GUEST_CSUM | VIRTIF_MAC | VIRTIF_GUEST_TSO4 |
	    (device_random(2) ? VIRTIF_MERGEABLE : 0) | (device_random(2) ? VIRTIF_HOST_TSO4 : 0) |
	    (device_random(2) ? BMK_VIRTIO_EVENT_INDEX : 0);
	device_create(BMK_VIRTIO_NET);
	HOLDS(rumpcomp_virtif_open(0, mac, &mtu, input_ready, NULL, &interface) == 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		static uint8_t data[66000];
		struct rumpcomp_segment segments[] = { { data, device_random(64) },
			{ data, device_random(device_random(8) ? 1460 : 66000) } };
		struct rumpcomp_offload offload = { .segment_bytes = (uint16_t)device_random(2000),
			.kind = RUMPCOMP_SEGMENT_TCP4 };
		unsigned which = device_random(8);
		void *frame;
		long bytes;

		rumpcomp_virtif_send(interface, segments, 2, device_random(3) ? NULL : &offload);
		rumpcomp_virtif_notify(interface, device_random(2));
		if (!interface->device->failed) {
			device_use(&interface->send, device_random(6), some_lie(seed), NULL);
			device_use(&interface->receive, device_random(device_random(8) ? 6 : 40),
			    some_lie(seed), header_fill);
		}
		device_interrupt();
		bytes = rumpcomp_virtif_receive(interface, &frame, &offload);
		HOLDS(bytes >= 0 || interface->device->failed);
		if (bytes <= 0)
			continue;
		HOLDS(bytes <= 17 * 4096 && (!offload.needs_checksum ||
		    offload.checksum_start + offload.checksum_offset + 2 <= bytes));
		for (long i = 0; i < bytes; i++)
			mac[0] += ((uint8_t *)frame)[i];
		if (held[which])
			rumpcomp_virtif_release(interface, held[which]);
		held[which] = frame;
	}
	HOLDS(device_reports == interface->device->failed);
	return 0;
}

/* --- a disk: each transfer ends, once --- */

#define TRANSFERS 2000

static uint8_t ended[TRANSFERS];

static void on_done(void *argument, size_t bytes, int error)
{
	uint8_t *end = argument;

	(void)bytes, (void)error;
	HOLDS(!*end);
	*end = 1;
}

static uint32_t status_fill(uint8_t *memory, uint32_t bytes)
{
	if (bytes == 1)
		*memory = (uint8_t)(device_random(4) ? 0 : device_random(256));
	return bytes;
}

int check_disk(uint64_t seed)
{
	static uint8_t data[65536];
	struct rumpuser_disk *disk;
	unsigned started = 0;
	int error;

	device_seed(seed);
	device_offers = DISK_FLUSH | (device_random(2) ? DISK_SIZE_MAX : 0) |
	    (device_random(2) ? BMK_VIRTIO_EVENT_INDEX : 0);
	device_create(BMK_VIRTIO_BLOCK);
	disk = rumpuser_disk_find("blk0", &error);
	HOLDS(disk && disk->bytes == 256 * 512);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = device_random(5); i && started < TRANSFERS; i--) {
			size_t bytes = device_random(device_random(8) ? 8 : 129) * 512;

			rumpuser_disk_bio(disk, (int)(device_random(2) ? RUMPUSER_BIO_READ :
			    RUMPUSER_BIO_WRITE | (device_random(2) ? RUMPUSER_BIO_SYNC : 0)), data, bytes,
			    (int64_t)device_random(200) * 512, on_done, &ended[started++]);
		}
		if (!disk->device->failed)
			device_use(&disk->queue, device_random(8), some_lie(seed), status_fill);
		device_interrupt();
	}
	for (unsigned i = 0; i < 10 * TRANSFERS && !disk->device->failed; i++) {
		device_use(&disk->queue, 4, LIE_NONE, status_fill);
		device_interrupt();
	}
	for (unsigned i = 0; i < started; i++)
		HOLDS(ended[i]);
	HOLDS(device_reports == disk->device->failed);
	return 0;
}

/* --- 9P: a reply is one, or an error; late ones go nowhere --- */

static uint32_t reply_fill(uint8_t *memory, uint32_t bytes)
{
	uint32_t size = device_random(3) ? 8 + device_random(16) : device_random(400);

	bytes -= device_random(3) ? 0 : device_random(bytes);
	for (uint32_t i = 0; i < bytes; i++)
		memory[i] = i < 4 ? (uint8_t)(size >> 8 * i) : device_request[i % 16];
	return bytes;
}

int check_ninep(uint64_t seed)
{
	struct rumpcomp_9p *server;
	char tag[64] = "";

	device_seed(seed);
	device_offers = device_random(2) ? BMK_VIRTIO_EVENT_INDEX : 0;
	device_sleep_fill = reply_fill;
	device_create(BMK_VIRTIO_9P);
	/* The tag is whatever the configuration happens to hold. */
	bmk_virtio_config(bmk_virtio_find(BMK_VIRTIO_9P, 0), 2, tag, 1);
	if (rumpcomp_9p_open(tag, &server))
		return 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint8_t message[64] = { (uint8_t)(8 + device_random(56)), 0, 0, 0, 100, 1, 1,
			(uint8_t)round };
		size_t room = 7 + device_random(300);
		uint8_t *reply = malloc(room);
		long bytes = rumpcomp_9p_request(server, message, message[0], reply, room,
		    device_random(2) ? INT64_MAX : 1);

		HOLDS(bytes <= (long)room && (bytes >= 7 || bytes < 0));
		HOLDS(bytes < 8 || reply[7] == message[7]);
		free(reply);
	}
	return 0;
}
