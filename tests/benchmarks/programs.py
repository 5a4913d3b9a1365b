"""The programs that the benchmarks build."""

import subprocess
from pathlib import Path

__all__ = ["HELLO", "HELLO_TEXT", "CALLS", "musl_static"]

HELLO_TEXT = b"hello from ring 0"

HELLO = """\
#include <stdio.h>

int
main(void)
{
	puts("hello from ring 0");
	return 0;
}
"""

# Reads a number of calls, makes them, says how long they took; 0 ends it.  Each call is
# one system call that makes one hypercall, rumpuser_clock_gettime.
CALLS = """\
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000 + now.tv_nsec;
}

int
main(void)
{
	struct timespec unused;
	long calls, begun_ns;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%ld", &calls) == 1 && calls > 0) {
		begun_ns = now_ns();
		for (long i = 0; i < calls; i++)
			syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &unused);
		printf("%ld calls took %ld ns\\n", calls, now_ns() - begun_ns);
	}
	return 0;
}
"""


def musl_static(source: Path, target: Path) -> Path:
    """Build a static Linux program the plain way; return it."""
    subprocess.run(["musl-gcc", "-O2", "-static", "-o", target, source], check=True)
    return target
