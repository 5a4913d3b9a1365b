"""Boot a guest on this machine and print what it said and how long each phase took."""

import importlib.util
import os
import sys

from kernel_magics.errors import LabError
from kernel_magics.lab import Lab

PROGRAM = r"""
#include <stdio.h>
int main(int argc, char **argv) { printf("%s has booted\n", argv[0]); return 7; }
"""
EXPECTED_STATUS = 7
TIMEOUT_SECONDS = 60
BAR_WIDTH = 40


def main() -> int:
    """Return 0 if the guest did what its program says."""
    driver = "libvirt" if importlib.util.find_spec("libvirt") else "qemu"
    name = f"self-test-{os.getpid()}"
    try:
        with Lab(driver=driver) as lab:
            image = lab.build(PROGRAM, name="self-test")
            guest = lab.boot(image, name=name, memory_mib=32)
            status = guest.wait(timeout=TIMEOUT_SECONDS)
            print(guest.console.text.rstrip())
            print_chart(guest.boot_phases)
    except LabError as error:
        print(error)
        return 1
    if status != EXPECTED_STATUS:
        print(f"the guest ended with status {status}, expected {EXPECTED_STATUS}")
        return 1
    return 0


def print_chart(phases: dict[str, int]) -> None:
    """Print each phase in order: its milliseconds, and a bar to the scale of the whole."""
    whole_ns = sum(phases.values())
    start_ns = 0
    for name, length_ns in phases.items():
        begin = min(round(BAR_WIDTH * start_ns / whole_ns), BAR_WIDTH - 1)
        end = max(begin + 1, round(BAR_WIDTH * (start_ns + length_ns) / whole_ns))
        print(f"{name:10} {length_ns / 1e6:9.3f} ms  {' ' * begin}{'#' * (end - begin)}")
        start_ns += length_ns
    print(f"{'together':10} {whole_ns / 1e6:9.3f} ms")


if __name__ == "__main__":
    sys.exit(main())
