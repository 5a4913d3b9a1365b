/*
 * tty.c - the console as a file: /dev/console, /dev/tty, and descriptors 0, 1 and 2.
 *
 * Output reaches the console unchanged unless the program turns on OPOST and ONLCR,
 * because the console's reader is the laboratory, not a screen; where the lab says that
 * it is one, they are on from the start.
 */
#include "device.h"
#include "kern.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "tty.h"

#define CHUNK_BYTES 2048 /* on the stack */
#define TENTH_NS 100000000ll

uint8_t vfs_tty_input[TTY_INPUT_BYTES], vfs_tty_marks[TTY_INPUT_BYTES / 8];

/* What a terminal is set to on Linux, save that output is not processed. */
struct tty vfs_tty = {
	.settings = {
		.c_iflag = ICRNL | IXON | IUTF8,
		.c_cflag = B38400 | CS8 | CREAD | HUPCL,
		.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
		.c_cc = {
			[VINTR] = 'C' & 31, [VQUIT] = '\\' & 31, [VERASE] = 0x7f,
			[VKILL] = 'U' & 31, [VEOF] = 'D' & 31, [VMIN] = 1,
			[VSTART] = 'Q' & 31, [VSTOP] = 'S' & 31, [VSUSP] = 'Z' & 31,
			[VREPRINT] = 'R' & 31, [VDISCARD] = 'O' & 31,
			[VWERASE] = 'W' & 31, [VLNEXT] = 'V' & 31,
		},
	},
	.window = { .ws_row = 24, .ws_col = 80 },
};

/* ---- output ----------------------------------------------------------------------------- */

void tty_output(const uint8_t *bytes, size_t count)
{
	size_t i, from = 0;

	if ((vfs_tty.settings.c_oflag & (OPOST | ONLCR)) == (OPOST | ONLCR)) {
		for (i = 0; i < count; i++) {
			if (bytes[i] != '\n')
				continue;
			rumpcomp_console_write(bytes + from, i - from);
			rumpcomp_console_write("\r", 1);
			from = i;
		}
	}
	rumpcomp_console_write(bytes + from, count - from);
}

static long tty_write(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	uint8_t chunk[CHUNK_BYTES];
	size_t done = 0, step, moved;

	(void)file;
	(void)position;
	while (io->left_bytes) {
		step = io->left_bytes < CHUNK_BYTES ? io->left_bytes : CHUNK_BYTES;
		moved = vfs_io_take(io, chunk, step);
		tty_output(chunk, moved);
		done += moved;
		if (moved < step)
			return done ? (long)done : -EFAULT;
	}
	return (long)done;
}

/* ---- input ------------------------------------------------------------------------------ */

static bool is_canonical(void)
{
	return vfs_tty.settings.c_lflag & ICANON;
}

/* Until when a read without canonical mode waits: termios(3), VMIN and VTIME. */
static int64_t byte_deadline(uint8_t min, uint8_t tenths)
{
	if (!tenths || (min && vfs_tty.head == vfs_tty.tail))
		return KERN_FOREVER;
	return kern_monotonic_ns() + tenths * TENTH_NS;
}

/* Wait until a read may return.  -EAGAIN, -EINTR. */
static int wait_for_input(struct vfs_file *file, size_t wanted_bytes)
{
	uint8_t min = vfs_tty.settings.c_cc[VMIN], tenths = vfs_tty.settings.c_cc[VTIME];
	uint64_t enough = wanted_bytes < min ? wanted_bytes : min;
	int64_t deadline_ns = KERN_FOREVER;
	int error;

	if (!is_canonical())
		deadline_ns = byte_deadline(min, tenths);
	for (tty_pull(); !tty_ready(enough ? enough : tenths != 0); tty_pull()) {
		if (file->flags & O_NONBLOCK)
			return is_canonical() || vfs_tty.head == vfs_tty.tail ? -EAGAIN : 0;
		error = vfs_wait(&vfs_tty.queue, deadline_ns);
		if (error)
			return error == -ETIMEDOUT ? 0 : error;
		if (!is_canonical() && min) /* the timer runs between bytes */
			deadline_ns = byte_deadline(min, tenths);
	}
	return 0;
}

/* Move the next byte out.  False at the end of a line or of what there is. */
static bool take(uint8_t *byte, bool *has_byte)
{
	bool marked = is_canonical() && tty_marked(vfs_tty.head);

	*byte = vfs_tty_input[vfs_tty.head % TTY_INPUT_BYTES];
	*has_byte = !(marked && *byte == 0);
	if (tty_marked(vfs_tty.head))
		vfs_tty.lines--;
	tty_set_mark(vfs_tty.head, false);
	vfs_tty.head++;
	return !marked && vfs_tty.head < vfs_tty.tail;
}

static long tty_read(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	int error = wait_for_input(file, io->left_bytes);
	bool more = vfs_tty.head < vfs_tty.tail, has_byte;
	long done = 0;
	uint8_t byte;

	(void)position;
	if (error)
		return error;
	while (more && io->left_bytes) {
		more = take(&byte, &has_byte);
		if (has_byte && vfs_io_put(io, &byte, 1) != 1)
			return done ? done : -EFAULT;
		done += has_byte;
	}
	/* A line that filled the buffer exactly took its ^D along. */
	if (more && is_canonical() && tty_marked(vfs_tty.head) &&
	    vfs_tty_input[vfs_tty.head % TTY_INPUT_BYTES] == 0)
		take(&byte, &has_byte);
	return done;
}

static int tty_poll(struct vfs_file *file)
{
	uint8_t min = vfs_tty.settings.c_cc[VTIME] ? 1 : vfs_tty.settings.c_cc[VMIN];
	int mask = POLLOUT | POLLWRNORM;

	(void)file;
	tty_pull();
	if (tty_ready(min ? min : 1))
		mask |= POLLIN | POLLRDNORM;
	return vfs_tty.hung_up ? mask | POLLHUP : mask;
}

static struct vfs_queue *tty_queue(struct vfs_file *file)
{
	(void)file;
	return &vfs_tty.queue;
}

/* ---- control ------------------------------------------------------------------------------ */

static long set_settings(unsigned command, long argument)
{
	struct linux_termios settings;

	if (kern_copyin((void *)argument, &settings, sizeof settings))
		return -EFAULT;
	if (command == TCSETSF)
		tty_flush_input();
	vfs_tty.settings = settings;
	/* Lines typed so far can be read in either mode; what is being typed as well. */
	if (!is_canonical())
		vfs_tty.line = vfs_tty.tail;
	vfs_wake(&vfs_tty.queue);
	return 0;
}

static int32_t readable_bytes(void)
{
	tty_pull();
	return (int32_t)((is_canonical() ? vfs_tty.line : vfs_tty.tail) - vfs_tty.head);
}

static long put_number(long argument, int32_t number)
{
	return kern_copyout(&number, (void *)argument, sizeof number);
}

static long tty_ioctl(struct vfs_file *file, unsigned command, long argument)
{
	struct linux_winsize window;

	(void)file;
	switch (command) {
	case TCGETS:
		return kern_copyout(&vfs_tty.settings, (void *)argument,
		    sizeof vfs_tty.settings);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_settings(command, argument);
	case TIOCGWINSZ:
		tty_window_look();
		return kern_copyout(&vfs_tty.window, (void *)argument, sizeof vfs_tty.window);
	case TIOCSWINSZ:
		if (kern_copyin((void *)argument, &window, sizeof window))
			return -EFAULT;
		return tty_set_window(&window);
	case FIONREAD:
		return put_number(argument, readable_bytes());
	case TIOCOUTQ:
		return put_number(argument, 0);
	case TIOCGPGRP:
		return put_number(argument, vfs_tty.group ? (int32_t)vfs_tty.group : 1);
	case TIOCSPGRP:
		return kern_copyin((void *)argument, &vfs_tty.group, sizeof vfs_tty.group);
	case TCFLSH:
		if (argument != 1) /* TCOFLUSH: output never waits */
			tty_flush_input();
		return 0;
	case TCSBRK:
	case TCSBRKP:
	case TCXONC:
	case TIOCSCTTY:
	case TIOCNOTTY:
		return 0;
	default:
		return -ENOTTY;
	}
}

const struct vfs_file_ops vfs_tty_ops = {
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.queue = tty_queue,
	.ioctl = tty_ioctl,
};

void vfs_tty_init(void)
{
	if (rumpcomp_console_is_terminal()) {
		vfs_tty.settings.c_oflag = OPOST | ONLCR;
		vfs_tty.eager = true;
	}
	rumpcomp_console_notify(tty_input_arrived);
}
