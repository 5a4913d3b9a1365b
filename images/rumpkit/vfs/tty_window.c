/*
 * tty_window.c - the size of the window the console is seen in: ioctl_tty(2), TIOCGWINSZ.
 */
#include "rumpcomp.h"
#include "rumplib.h"
#include "tty.h"

#define SIGNAL_WINDOW 28

static bool told(struct linux_winsize *window)
{
	struct rumpcomp_window seen;

	if (!rumpcomp_console_window(&seen))
		return false;
	*window = (struct linux_winsize){ .ws_row = seen.rows, .ws_col = seen.columns,
		.ws_xpixel = seen.width_pixels, .ws_ypixel = seen.height_pixels };
	return true;
}

static void window_changed(void)
{
	struct linux_winsize window;

	if (told(&window))
		tty_set_window(&window);
}

/* The first program that asks makes the console listen for changes. */
void tty_window_look(void)
{
	static bool listening;

	if (listening)
		return;
	listening = true;
	rumpcomp_console_on_window(window_changed);
	(void)told(&vfs_tty.window);
}

long tty_set_window(const struct linux_winsize *window)
{
	if (memcmp(window, &vfs_tty.window, sizeof *window) == 0)
		return 0;
	vfs_tty.window = *window;
	tty_signal(SIGNAL_WINDOW);
	return 0;
}
