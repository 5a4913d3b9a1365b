"""Boot a guest on this machine and print what it said and how long each phase took."""

import importlib.util
import os
import sys

from kernel_magics.build.image import GuestImage
from kernel_magics.errors import GuestError, LabError
from kernel_magics.lab import Lab

PROGRAM = r"""
#include <stdio.h>
int main(int argc, char **argv) { printf("%s has booted\n", argv[0]); return 7; }
"""
EXPECTED_TEXT, EXPECTED_STATUS = "self-test has booted\n", 7
SLOW_BOOT_NS = 2_000_000_000
TIMEOUT_SECONDS = 60
BAR_WIDTH = 40


def main() -> int:
    """Return 0 if the guest did what its program says."""
    driver = "libvirt" if importlib.util.find_spec("libvirt") else "qemu"
    try:
        with Lab(driver=driver) as lab:
            image = lab.build(PROGRAM, name="self-test")
            phases = boot(lab, image)
            if sum(phases.values()) > SLOW_BOOT_NS:
                print(f"({sum(phases.values()) / 1e6:.0f} ms together: the first boot on a machine "
                      "measures what it can do; once more)")
                phases = boot(lab, image)
    except LabError as error:
        print(error)
        return 1
    print_chart(phases)
    return 0


def boot(lab: Lab, image: GuestImage) -> dict[str, int]:
    """Boot the image, compare what it does with its program, return phase -> nanoseconds."""
    guest = lab.boot(image, name=f"self-test-{os.getpid()}", memory_mib=32)
    status = guest.wait(timeout=TIMEOUT_SECONDS)
    text, phases = guest.console.text, guest.boot_phases
    if (status, text) != (EXPECTED_STATUS, EXPECTED_TEXT):
        raise GuestError(f"the guest ended with status {status}, expected {EXPECTED_STATUS}, "
                         f"and wrote {text!r}, expected {EXPECTED_TEXT!r}",
                         next_step="this is a defect of the lab; please report it")
    print(text, end="")
    lab.stop(guest.name)
    return phases


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
