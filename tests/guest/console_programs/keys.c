/* keys.c - a program that wants single keys, and knows the size of its window. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static void say_size(const char *when)
{
	struct winsize size;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	printf("%s %d %d %d %d\n", when, size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
	fflush(stdout);
}

static void on_window(int signal)
{
	(void)signal;
	say_size("changed");
}

static void set_raw(void)
{
	struct termios settings;

	tcgetattr(STDIN_FILENO, &settings);
	cfmakeraw(&settings);
	tcsetattr(STDIN_FILENO, TCSANOW, &settings);
}

int main(int argc, char **argv)
{
	struct sigaction action;
	unsigned char key;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_window;
	action.sa_flags = SA_RESTART;
	sigaction(SIGWINCH, &action, NULL);
	say_size("begun");
	if (argc > 1 && strcmp(argv[1], "compute") == 0)
		for (;;)
			;
	printf("TERM is %s\n", getenv("TERM") ? getenv("TERM") : "not set");
	set_raw();
	printf("ready\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &key, 1) == 1 && key != 'q') {
		printf("%02x ", key);
		fflush(stdout);
	}
	return 0;
}
