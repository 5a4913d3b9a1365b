/*
 * tty_input.c - the line discipline: typed bytes become lines, and are echoed.
 */
#include "rumpcomp.h"
#include "rumplib.h"
#include "tty.h"
#include "vfs.h"

#define SIGNAL_INTERRUPT 2
#define SIGNAL_QUIT 3
#define LOOK_BYTES 256 /* on the stack of an interrupt */

static void (*deliver_signal)(int signal, uint32_t group);

void vfs_tty_on_signal(void (*deliver)(int signal, uint32_t group))
{
	deliver_signal = deliver;
}

void tty_signal(int signal)
{
	if (deliver_signal)
		deliver_signal(signal, vfs_tty.group);
}

static bool has(uint32_t flag)
{
	return vfs_tty.settings.c_lflag & flag;
}

static bool is(uint8_t byte, int character)
{
	return byte && byte == vfs_tty.settings.c_cc[character];
}

bool tty_marked(uint64_t position)
{
	unsigned at = position % TTY_INPUT_BYTES;

	return vfs_tty_marks[at / 8] >> (at % 8) & 1;
}

void tty_set_mark(uint64_t position, bool marked)
{
	unsigned at = position % TTY_INPUT_BYTES;
	uint8_t bit = (uint8_t)(1u << (at % 8));

	if (marked)
		vfs_tty_marks[at / 8] |= bit;
	else
		vfs_tty_marks[at / 8] &= (uint8_t)~bit;
}

static uint8_t byte_at(uint64_t position)
{
	return vfs_tty_input[position % TTY_INPUT_BYTES];
}

/* Control characters show as ^X, except those that move the cursor sensibly. */
static bool shows_as_two(uint8_t byte)
{
	if (byte == '\t' || (byte == '\n' && has(ICANON)))
		return false;
	return has(ECHOCTL) && (byte < ' ' || byte == 0x7f);
}

static void echo(uint8_t byte)
{
	uint8_t pair[2] = { '^', byte ^ 0x40 };

	if (!has(ECHO) && !(byte == '\n' && has(ECHONL) && has(ICANON)))
		return;
	if (shows_as_two(byte))
		tty_output(pair, 2);
	else
		tty_output(&byte, 1);
}

static void append(uint8_t byte, bool mark)
{
	/* An overlong line loses bytes at its end, but never the end itself. */
	if (vfs_tty.tail - vfs_tty.head >= TTY_INPUT_BYTES - (mark ? 0 : 1))
		return;
	vfs_tty_input[vfs_tty.tail % TTY_INPUT_BYTES] = byte;
	tty_set_mark(vfs_tty.tail, mark);
	vfs_tty.tail++;
	if (mark) {
		vfs_tty.lines++;
		vfs_tty.line = vfs_tty.tail;
	}
}

/* ---- editing -------------------------------------------------------------------------- */

static bool can_erase(void)
{
	return vfs_tty.tail > vfs_tty.line;
}

/* Take the last character, of several bytes in UTF-8, from the line and the screen. */
static void erase_character(void)
{
	static const uint8_t blank[] = "\b \b";
	bool utf8 = vfs_tty.settings.c_iflag & IUTF8;
	uint8_t byte;

	do
		byte = byte_at(--vfs_tty.tail);
	while (utf8 && (byte & 0xc0) == 0x80 && can_erase());
	if (!has(ECHO) || !has(ECHOE))
		return;
	if (shows_as_two(byte))
		tty_output(blank, 3);
	tty_output(blank, 3);
}

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

static void erase_word(void)
{
	while (can_erase() && is_blank(byte_at(vfs_tty.tail - 1)))
		erase_character();
	while (can_erase() && !is_blank(byte_at(vfs_tty.tail - 1)))
		erase_character();
}

/* True when the byte was an editing command. */
static bool edit(uint8_t byte)
{
	if (is(byte, VERASE)) {
		if (can_erase())
			erase_character();
	} else if (is(byte, VKILL)) {
		while (can_erase())
			erase_character();
	} else if (is(byte, VWERASE) && has(IEXTEN)) {
		erase_word();
	} else if (is(byte, VLNEXT) && has(IEXTEN)) {
		vfs_tty.literal = true;
		if (has(ECHO) && has(ECHOCTL))
			tty_output((const uint8_t *)"^\b", 2);
	} else if (is(byte, VEOF)) {
		append(0, true);
	} else {
		return false;
	}
	return true;
}

/* The signal that a byte stands for, 0 if none. */
static int signal_of(uint8_t byte)
{
	if (!has(ISIG) || !deliver_signal)
		return 0;
	return is(byte, VINTR) ? SIGNAL_INTERRUPT : is(byte, VQUIT) ? SIGNAL_QUIT : 0;
}

static bool raise_signal(uint8_t byte)
{
	int signal = signal_of(byte);

	if (!signal)
		return false;
	echo(byte);
	if (!has(NOFLSH))
		tty_flush_input();
	tty_signal(signal);
	return true;
}

static void take_byte(uint8_t byte)
{
	uint32_t iflag = vfs_tty.settings.c_iflag;

	if (vfs_tty.literal) {
		vfs_tty.literal = false;
		append(byte, false);
		echo(byte);
		return;
	}
	if (iflag & ISTRIP)
		byte &= 0x7f;
	if (byte == '\r' && (iflag & IGNCR))
		return;
	if (byte == '\r' && (iflag & ICRNL))
		byte = '\n';
	else if (byte == '\n' && (iflag & INLCR))
		byte = '\r';
	if (raise_signal(byte) || (has(ICANON) && edit(byte)))
		return;
	append(byte, has(ICANON) && (byte == '\n' || is(byte, VEOL)));
	echo(byte);
}

/* A full buffer stops the flow at the device, unless it holds no line to be read first. */
static bool has_room(void)
{
	return vfs_tty.tail - vfs_tty.head < TTY_INPUT_BYTES - 1 ||
	    (has(ICANON) && !vfs_tty.lines);
}

/* The console's next byte; a hypercall brings many.  False if there is none now. */
static bool next_byte(uint8_t *byte)
{
	static uint8_t ahead[LOOK_BYTES];
	static int taken, there;

	if (taken == there) {
		taken = there = 0;
		there = rumpcomp_console_read(ahead, sizeof ahead, RUMPCOMP_NONBLOCK);
		if (there <= 0) {
			vfs_tty.hung_up = there != -EAGAIN && there != -EINTR;
			there = 0;
			return false;
		}
	}
	*byte = ahead[taken++];
	return true;
}

void tty_pull(void)
{
	uint8_t byte;

	while (!vfs_tty.hung_up && has_room() && next_byte(&byte))
		take_byte(byte);
}

/*
 * What is typed is looked at by the thread that reads it, so that a program's output has
 * the same echo in the same place in every run.  ^C cannot wait for a thread that computes,
 * and a person at a terminal wants to see what is typed.
 */
void tty_input_arrived(void)
{
	uint8_t bytes[LOOK_BYTES];
	size_t got;
	bool now = vfs_tty.eager;

	while ((got = rumpcomp_console_look(bytes, sizeof bytes)))
		for (size_t i = 0; i < got && !now; i++)
			now = signal_of(bytes[i]);
	if (now)
		tty_pull();
	vfs_wake(&vfs_tty.queue);
}

void tty_flush_input(void)
{
	vfs_tty.head = vfs_tty.line = vfs_tty.tail;
	vfs_tty.lines = 0;
}

bool tty_ready(uint64_t min_bytes)
{
	if (vfs_tty.hung_up)
		return true;
	if (has(ICANON))
		return vfs_tty.lines > 0;
	return vfs_tty.tail - vfs_tty.head >= min_bytes;
}
