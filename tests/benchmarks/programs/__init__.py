"""The programs that the benchmarks build."""

import subprocess
from pathlib import Path

from kernel_magics.build.toolchain import find_toolchain

__all__ = ["HELLO", "HELLO_TEXT", "CALLS", "musl_static", "linux_program"]

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

# Reads a number of batches and of calls in each, makes them, and says how long the
# fastest batch took: the one in which the host left the guest alone.  0 ends it.  Each
# call is one system call that makes one hypercall, rumpuser_clock_gettime.
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

static long
batch_ns(long calls)
{
	struct timespec unused;
	long begun_ns = now_ns();

	for (long i = 0; i < calls; i++)
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &unused);
	return now_ns() - begun_ns;
}

int
main(void)
{
	long batches, calls, best_ns, taken_ns;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%ld %ld", &batches, &calls) == 2 && batches > 0) {
		best_ns = 0;
		for (long i = 0; i < batches; i++) {
			taken_ns = batch_ns(calls);
			if (!best_ns || taken_ns < best_ns)
				best_ns = taken_ns;
		}
		printf("%ld calls took %ld ns\\n", calls, best_ns);
	}
	return 0;
}
"""


def musl_static(source: Path, target: Path) -> Path:
    """Build a static Linux program the plain way; return it."""
    subprocess.run(["musl-gcc", "-O2", "-static", "-o", target, source], check=True)
    return target


def linux_program(name: str, target: Path) -> Path:
    """Build the program in the folder `name` beside this file: static, and position-
    independent, so that a kernel may put it anywhere; return it.

    It is the same file in a Linux guest and in a guest of rumpkit's.
    """
    sources = sorted((Path(__file__).parent / name).glob("*.c"))
    libraries = find_toolchain().musl_lib
    subprocess.run(["musl-gcc", "-O2", "-Wall", "-Wextra", "-fPIE", "-nostdlib", "-static-pie",
                    "-Wl,--no-dynamic-linker", "-o", target, libraries / "rcrt1.o",
                    libraries / "crti.o", *sources, libraries / "libc.a", "-lgcc", "-lgcc_eh",
                    libraries / "crtn.o"], check=True)
    return target
