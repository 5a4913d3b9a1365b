/*
 * main.c - stands between the C library's start-up and the program's main, to note
 * when main is reached.  The link wraps main (--wrap=main) so that libc calls this.
 */
#include "lab_trace.h"

/* The link of an image without a program of its own defines this as 0. */
int __real_main(int argc, char **argv, char **environment);
int __wrap_main(int argc, char **argv, char **environment);

int __wrap_main(int argc, char **argv, char **environment)
{
	lab_phase(LAB_PHASE_MAIN);
	return __real_main(argc, argv, environment);
}
