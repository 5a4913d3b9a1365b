/*
 * terminal_scenarios.c - the console's line discipline beside a pseudo-terminal's.
 */
#include "calls.h"

size_t strlen(const char *);
void *memset(void *, int, size_t);

static void type(const char *text)
{
	world->type(text, strlen(text));
}

static void note_bytes(const char *what, long count, const char *bytes)
{
	note("%s: %ld ", what, count);
	for (long i = 0; i < count; i++)
		note(bytes[i] < ' ' || bytes[i] == 0x7f ? "<%02x>" : "%c", (unsigned char)bytes[i]);
	note("\n");
}

static void note_read(size_t bytes)
{
	static char text[6000];
	long got = QUIET(read, 0, text, bytes);

	note_bytes("read", got, text);
}

/* The guest edits and echoes when somebody asks for input, Linux when it is typed. */
static void note_screen(void)
{
	struct linux_pollfd entry = { 0, POLLIN, 0 };
	char text[8192];
	size_t got;

	QUIET(poll, &entry, 1, 0);
	got = world->screen(text, sizeof text);
	note_bytes("screen", (long)got, text);
}

static void output(void)
{
	struct linux_winsize window = { 30, 100, 0, 0 };

	DO(write, 1, "plain\n", 6);
	DO(write, 2, "err\r\n\x1b[1m", 9);
	note_screen();
	DO(ioctl, 1, TIOCSWINSZ, &window);
	memset(&window, 0, sizeof window);
	DO(ioctl, 1, TIOCGWINSZ, &window);
	note("%d %d\n", window.ws_row, window.ws_col);
	DO(lseek, 1, 0, SEEK_SET);
	DO(pread64, 0, &window, 1, 0);
	DO(ioctl, 1, 0x9999, 0);
	DO(fsync, 1);
	DO(ftruncate, 1, 0);
}

static void lines(void)
{
	type("one\n");
	note_screen();
	note_read(100);
	type("two\nthree\nfour");
	note_screen();
	note_read(100);
	note_read(3);
	note_read(100);
	type("\r");
	note_read(100);
	note_screen();
	type("\n");
	note_read(100);
}

static void editing(void)
{
	type("abcd\x7f\x7fxy\n");
	note_screen();
	note_read(100);
	type("wrong line\x15right\n");
	note_screen();
	note_read(100);
	type("one two  three\x17" "four\n");
	note_screen();
	note_read(100);
	type("\x7f\x15\x17" "a\n");
	note_screen();
	note_read(100);
	type("h\xc3\xa4\xc3\xb6\x7f\x7fi\n");
	note_screen();
	note_read(100);
	type("ctrl\x01\x7f\x02tab\tend\n");
	note_screen();
	note_read(100);
	type("lit\x16\x7f\x16\x04\n");
	note_screen();
	note_read(100);
}

static void end_of_input(void)
{
	type("\x04");
	note_read(100);
	type("partial\x04");
	note_read(100);
	type("exact\x04next\n");
	note_read(5);
	note_read(100);
	type("line\n\x04");
	note_read(100);
	note_read(100);
}

static void poll_and_count(void)
{
	struct linux_pollfd entry = { 0, POLLIN | POLLOUT, 0 };
	int held;

	QUIET(fcntl, 0, F_SETFL, O_NONBLOCK | O_RDWR);
	DO(poll, &entry, 1, 0);
	note("%x\n", entry.revents);
	note_read(10);
	type("abc");
	DO(poll, &entry, 1, 0);
	note("%x\n", entry.revents);
	DO(ioctl, 0, FIONREAD, &held);
	note("%d\n", held);
	note_read(10);
	type("d\n");
	DO(poll, &entry, 1, 0);
	note("%x\n", entry.revents);
	DO(ioctl, 0, FIONREAD, &held);
	note("%d\n", held);
	DO(ioctl, 0, TCFLSH, 0);
	note_read(10);
}

static void set_modes(uint32_t set, uint32_t clear, uint8_t min, uint8_t tenths)
{
	struct linux_termios settings;

	QUIET(ioctl, 0, TCGETS, &settings);
	settings.c_lflag = (settings.c_lflag | set) & ~clear;
	settings.c_cc[VMIN] = min;
	settings.c_cc[VTIME] = tenths;
	DO(ioctl, 0, TCSETS, &settings);
}

static void without_lines(void)
{
	set_modes(0, ICANON | ECHO, 1, 0);
	type("a");
	note_read(100);
	type("bc\x7f\x04\r");
	note_read(2);
	note_read(100);
	note_screen();
	set_modes(0, 0, 0, 0);
	note_read(100);
	type("x");
	note_read(100);
	set_modes(0, 0, 0, 1);
	note_read(100);
	type("y");
	note_read(100);
	set_modes(0, 0, 3, 0);
	type("12345");
	note_read(100);
	type("123");
	note_read(2);
	note_read(1);
	QUIET(fcntl, 0, F_SETFL, O_NONBLOCK | O_RDWR);
	note_read(10);
	type("z");
	note_read(10);
	QUIET(fcntl, 0, F_SETFL, O_RDWR);
	set_modes(ECHO, 0, 1, 0);
	type("q\n\x01");
	note_read(10);
	note_screen();
}

static void settings(void)
{
	struct linux_termios now;

	memset(&now, 0, sizeof now);
	DO(ioctl, 0, TCGETS, &now);
	note("%o %o %o %o\n", now.c_iflag, now.c_oflag, now.c_cflag, now.c_lflag);
	for (int i = 0; i < 17; i++)
		note("%d ", now.c_cc[i]);
	note("\n");
	now.c_oflag = OPOST | ONLCR;
	now.c_iflag = INLCR;
	DO(ioctl, 0, TCSETSW, &now);
	DO(write, 1, "a\nb\n\n", 5);
	note_screen();
	type("x\ny\r\n");
	type("\x04");
	note_read(100);
	now.c_iflag = IGNCR | ICRNL;
	now.c_oflag = 0;
	DO(ioctl, 0, TCSETSF, &now);
	type("x\ry\r\n");
	note_read(100);
	now.c_cc[VERASE] = 'E';
	now.c_cc[VEOL] = ';';
	now.c_lflag &= ~ECHO;
	DO(ioctl, 0, TCSETS, &now);
	type("abEc;d\n");
	note_read(100);
	note_read(100);
	DO(ioctl, 0, TCSETS, 8);
}

static void long_lines(void)
{
	static char line[5000];

	set_modes(0, ECHO, 1, 0);
	memset(line, 'l', sizeof line);
	line[4000] = 0;
	type(line);
	line[4000] = 'l';
	line[999] = '\n';
	line[1000] = 0;
	type(line);
	note_read(6000);
	type("next\n");
	note_read(6000);
}

static void type_late(void *text)
{
	pause_ms(10);
	type(text);
}

static void waiting_for_a_key(void)
{
	struct linux_pollfd entry = { 0, POLLIN, 0 };
	struct linux_epoll_event event = { POLLIN, 9 }, got;

	beside(type_late, "typed\n");
	note_read(100);
	join_all();
	beside(type_late, "polled\n");
	DO(poll, &entry, 1, 5000);
	join_all();
	note_read(100);
	QUIET(epoll_create1, 0);
	DO(epoll_ctl, 3, EPOLL_CTL_ADD, 0, &event);
	beside(type_late, "epolled\n");
	DO(epoll_wait, 3, &got, 1, 5000);
	join_all();
	note_read(100);
	DO(epoll_wait, 3, &got, 1, 0);
}

const struct scenario terminal_scenarios[] = {
	{ "output", output }, { "lines", lines }, { "editing", editing },
	{ "end_of_input", end_of_input }, { "poll_and_count", poll_and_count },
	{ "without_lines", without_lines }, { "settings", settings },
	{ "long_lines", long_lines }, { "waiting_for_a_key", waiting_for_a_key },
	{ NULL, NULL },
};
