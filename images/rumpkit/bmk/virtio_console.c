/*
 * virtio_console.c - the virtio console's first port, section 5.3 of virtio 1.1.
 *
 * Output is with the host before a write returns, so that nothing is lost when the guest
 * ends; a page goes out with one exit.  (QEMU has it: where its other end is no file, it
 * may throw away what that end does not take.)  Input stays in its buffers until somebody
 * has room for it, and the host keeps what comes after.
 */
#include "bmk.h"
#include "rumplib.h"
#include "virtio.h"
#include "virtio_console.h"

#define QUEUE_RECEIVE 0
#define QUEUE_SEND 1
#define BUFFERS 4
#define BUFFER_BYTES 512

static struct bmk_virtq receive, send;
static char output[BMK_PAGE_BYTES];
static char input[BUFFERS][BUFFER_BYTES];
static char *reading;            /* a buffer that is not read to its end */
static size_t reading_at, reading_bytes;
static void (*input_arrived)(void *);
static bool working;

static void on_failure(void *unused)
{
	(void)unused;
	working = false;
}

static void input_offer(char *memory)
{
	struct bmk_virtio_buffer buffer = { memory, BUFFER_BYTES };

	bmk_virtq_add(&receive, &buffer, 0, 1, memory);
	bmk_virtq_kick(&receive);
}

static void on_received(void *unused)
{
	(void)unused;
	input_arrived(NULL);
}

bool virtio_console_create(void (*arrived)(void *))
{
	struct bmk_virtio *device = bmk_virtio_find(BMK_VIRTIO_CONSOLE, 0);

	input_arrived = arrived;
	if (!device || !bmk_virtio_start(device, 0, on_failure, NULL) ||
	    !bmk_virtq_create(&receive, device, QUEUE_RECEIVE, BUFFERS, on_received, NULL) ||
	    !bmk_virtq_create(&send, device, QUEUE_SEND, BUFFERS, NULL, NULL) ||
	    !bmk_virtio_ready(device))
		return false;
	working = true;
	bmk_virtq_silence(&send);
	for (unsigned i = 0; i < BUFFERS; i++)
		input_offer(input[i]);
	bmk_virtq_want(&receive, 1);
	return true;
}

size_t virtio_console_write(const void *data, size_t bytes)
{
	size_t sent = 0;

	while (sent < bytes && working) {
		size_t part = bytes - sent < sizeof(output) ? bytes - sent : sizeof(output);
		struct bmk_virtio_buffer buffer = { output, part };
		uint32_t written;

		memcpy(output, (const char *)data + sent, part);
		bmk_virtq_add(&send, &buffer, 1, 0, output);
		bmk_virtq_kick(&send);
		while (working && !bmk_virtq_take(&send, &written))
			__builtin_ia32_pause();
		if (working)
			sent += part;
	}
	return sent;
}

/* The next buffer with input; false if there is none, and then an interrupt will come. */
static bool reading_next(void)
{
	uint32_t written;

	do {
		reading = bmk_virtq_take(&receive, &written);
	} while (!reading && working && bmk_virtq_want(&receive, 1));
	reading_at = 0;
	reading_bytes = reading ? written : 0;
	return reading;
}

size_t virtio_console_read(void *data, size_t bytes)
{
	size_t got = 0;

	while (got < bytes && (reading || reading_next())) {
		size_t left = reading_bytes - reading_at;
		size_t part = bytes - got < left ? bytes - got : left;

		memcpy((char *)data + got, reading + reading_at, part);
		got += part;
		reading_at += part;
		if (reading_at == reading_bytes) {
			input_offer(reading);
			reading = NULL;
		}
	}
	return got;
}
