/*
 * console.c - the 16550 UART on COM1 (National Semiconductor PC16550D), and a virtio console
 * for more than a little.
 *
 * Where the lab says "console": "virtio" that is used from the start; where it says "auto",
 * once the program has written or been given so much that it pays: finding and starting
 * the device costs more than all a small program says.  The UART stays for what is said
 * before, for a panic, and for input that was given to it before.
 *
 * Output waits for room, so nothing is lost on the way to the host; what no lab reads
 * is dropped and counted beyond LAB_CONSOLE_BACKLOG_BYTES.  Input comes by interrupt
 * into a ring; when the ring is full the interrupt is off until somebody reads, and
 * the host keeps the rest.
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "rumplib.h"
#include "virtio_console.h"

#define UART 0x3f8
#define UART_PIN 4
#define UART_DATA (UART + 0)
#define UART_INTERRUPTS (UART + 1)
#define UART_FIFO (UART + 2)
#define UART_LINE (UART + 3)
#define UART_MODEM (UART + 4)
#define UART_STATUS (UART + 5)
#define UART_ON_DATA 0x01
#define UART_FIFO_ON 0x07        /* enabled, both cleared */
#define UART_8N1 0x03
#define UART_DTR_RTS_OUT2 0x0b
#define UART_HAS_DATA 0x01
#define UART_HAS_ROOM 0x20
#define UART_ABSENT 0xff         /* what reading gives where there is none */
#define UART_FIFO_BYTES 16

#define INPUT_BYTES 4096         /* a power of two */
#define LINE_BYTES 256
#define MUCH_OUTPUT_BYTES 2048   /* what makes a virtio console pay */
#define MUCH_INPUT_BYTES 256

static uint8_t input[INPUT_BYTES];
static uint32_t input_read, input_written, input_looked;
static struct bmk_waitq readers;
static void (*input_notify)(void);
static size_t burst_bytes = 1;   /* what the transmitter takes when it has room */
static bool may_change, on_virtio;

static void emit(const uint8_t *data, size_t bytes)
{
	/* In a panic nothing is sure but the UART. */
	if (on_virtio && lab_header.state != LAB_STATE_PANICKED) {
		size_t sent = virtio_console_write(data, bytes);

		data += sent;
		bytes -= sent;
	}
	while (bytes) {
		size_t burst = bytes < burst_bytes ? bytes : burst_bytes;

		while (!(arch_in8(UART_STATUS) & UART_HAS_ROOM))
			;
		bytes -= burst;
		while (burst--)
			arch_out8(UART_DATA, *data++);
	}
}

void bmk_console_write(const void *data, size_t bytes)
{
	const volatile uint64_t *consumed = &lab_header.console_consumed;

	if (*consumed && lab_header.console_written + bytes - *consumed > LAB_CONSOLE_BACKLOG_BYTES) {
		lab_header.console_dropped += bytes;
		return;
	}
	lab_trace_instant(LAB_EVENT_HOST_EXIT, UART_DATA, bytes, 1);
	lab_header.console_written += bytes;
	emit(data, bytes);
}

/* Input that finds no room waits in the device's buffers. */
static void virtio_drain(void)
{
	while (input_written - input_read < INPUT_BYTES) {
		uint32_t at = input_written % INPUT_BYTES, room = INPUT_BYTES - bmk_console_pending();
		uint32_t part = INPUT_BYTES - at < room ? INPUT_BYTES - at : room;
		size_t got = virtio_console_read(input + at, part);

		if (!got)
			return;
		input_written += got;
	}
}

static void serial_drain(void)
{
	while (input_written - input_read < INPUT_BYTES) {
		uint8_t status = arch_in8(UART_STATUS);

		if (!(status & UART_HAS_DATA) || status == UART_ABSENT)
			return;
		input[input_written++ % INPUT_BYTES] = arch_in8(UART_DATA);
	}
	arch_out8(UART_INTERRUPTS, 0);
}

/* The lab turns to the virtio console when the UART has taken all it was given. */
static void input_drain(void)
{
	serial_drain();
	if (on_virtio)
		virtio_drain();
}

static void on_interrupt(void *unused)
{
	(void)unused;
	input_drain();
	bmk_waitq_wake(&readers, 1);
	if (input_notify)
		input_notify();
}

size_t bmk_console_pending(void)
{
	return input_written - input_read;
}

size_t bmk_console_read(void *data, size_t bytes)
{
	bool was_full = bmk_console_pending() == INPUT_BYTES;
	uint8_t *to = data;
	size_t got = 0;

	while (got < bytes && input_read != input_written)
		to[got++] = input[input_read++ % INPUT_BYTES];
	if (was_full && got) {
		input_drain();
		if (bmk_console_pending() < INPUT_BYTES)
			arch_out8(UART_INTERRUPTS, UART_ON_DATA);
	}
	return got;
}

size_t bmk_console_look(void *data, size_t bytes)
{
	uint8_t *to = data;
	size_t got = 0;

	if ((int32_t)(input_looked - input_read) < 0)
		input_looked = input_read;
	while (got < bytes && input_looked != input_written)
		to[got++] = input[input_looked++ % INPUT_BYTES];
	return got;
}

bool bmk_console_wait(int64_t deadline_ns)
{
	if (bmk_console_pending())
		return true;
	return bmk_waitq_sleep(&readers, deadline_ns);
}

void bmk_console_on_input(void (*notify)(void))
{
	input_notify = notify;
}

void bmk_printf(const char *format, ...)
{
	char line[LINE_BYTES];
	va_list arguments;
	int bytes;

	va_start(arguments, format);
	bytes = lib_vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	bmk_console_write(line, bytes < LINE_BYTES ? (size_t)bytes : LINE_BYTES - 1);
}

static void change(void)
{
	may_change = false;
	on_virtio = virtio_console_create(on_interrupt);
	if (!on_virtio)
		bmk_printf("rumpkit: there is no virtio console; the serial port is used\n");
	else
		__atomic_store_n(&lab_header.console_input, LAB_CONSOLE_VIRTIO, __ATOMIC_RELEASE);
}

void bmk_console_adapt(size_t more_bytes)
{
	if (may_change && (lab_header.console_written + more_bytes >= MUCH_OUTPUT_BYTES ||
	    input_written >= MUCH_INPUT_BYTES))
		change();
}

void bmk_console_create(void)
{
	const struct lib_json_value *kind = bmk_setting(BMK_SETTING_CONSOLE);

	arch_out8(UART_LINE, UART_8N1);
	/*
	 * Turning the FIFO on empties the receiver.  Where somebody is typing already the
	 * console does without: slower, but no byte is lost.
	 */
	input_drain();
	if (!bmk_console_pending()) {
		arch_out8(UART_FIFO, UART_FIFO_ON);
		burst_bytes = UART_FIFO_BYTES;
	}
	arch_out8(UART_MODEM, UART_DTR_RTS_OUT2);
	bmk_interrupt_attach(UART_PIN, false, on_interrupt, NULL);
	arch_out8(UART_INTERRUPTS, UART_ON_DATA);
	may_change = lib_json_is(kind, "auto");
	if (lib_json_is(kind, "virtio"))
		change();
}
