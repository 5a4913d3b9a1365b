/*
 * main.c - stands between the C library's start-up and the program's main, to note
 * when main is reached.  The link wraps main (--wrap=main) so that libc calls this.
 */
#include "lab_trace.h"

/* A packaged image has no main of its own. */
__attribute__((weak)) int __real_main(int argc, char **argv, char **environment);
int __wrap_main(int argc, char **argv, char **environment);

int __wrap_main(int argc, char **argv, char **environment)
{
	lab_phase(LAB_PHASE_MAIN);
	return __real_main(argc, argv, environment);
}
