"""The same program in a Linux guest: exec to its first byte, smallest RAM, side by side."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.errors import LabError

from .linux_kernel import linux_command_line, linux_image
from .machines import (
    LINUX_MACHINE,
    bare_qemu,
    exec_to_console_ns,
    exec_to_output_ns,
)
from .measuring import Report, interleave
from .programs import HELLO, HELLO_TEXT, musl_static
from .root_archive import root_archive

__all__ = ["run", "smallest_mib", "boots_in"]

_LINUX_MIB = 128
_MOST_MIB = 256


def run(quick: bool) -> Report:
    """Compare hello as a guest with hello as /init of Debian's cloud kernel."""
    report = Report("linux_guest", quick)
    chosen = accelerator()
    report.note(f"{chosen.name}, microvm; exec → first byte of the program's output")
    report.note(f"Linux: Debian's {linux_image().name}, initramfs of one static program,"
                f" {_LINUX_MIB} MiB, the PIT added; rumpkit: the direct driver's arguments, 32 MiB")
    with Lab(driver="qemu") as lab, tempfile.TemporaryDirectory() as folder:
        image = lab.build(HELLO, name="hello")
        linux = _linux_arguments(Path(folder))
        samples = interleave(2 if quick else 8,
                             linux=lambda: exec_to_output_ns(linux(_LINUX_MIB), HELLO_TEXT) / 1e6,
                             hello=lambda: exec_to_console_ns(image, chosen, 32, HELLO_TEXT) / 1e6)
        slow = report.measure("Linux guest", "ms", samples["linux"])
        fast = report.measure("rumpkit guest", "ms", samples["hello"])
        report.ratio("rumpkit / Linux", fast, slow, at_most=1)
        if not quick:
            linux_mib = smallest_mib(lambda mib: _says_hello(linux(mib)), most=_MOST_MIB)
            rumpkit_mib = smallest_mib(partial(boots_in, lab, image), most=32)
            big = report.measure("Linux: smallest RAM", "MiB", [linux_mib])
            small = report.measure("rumpkit: smallest RAM", "MiB", [rumpkit_mib])
            report.ratio("rumpkit / Linux, RAM", small, big, at_most=1)
    return report


def _linux_arguments(folder: Path) -> Callable[[int], list[str]]:
    source = folder / "hello.c"
    source.write_text(HELLO)
    program = musl_static(source, folder / "hello")
    archive = root_archive(folder / "initramfs.cpio", {"init": program.read_bytes()})
    line = linux_command_line(accelerator().tsc_hz)
    return lambda mib: bare_qemu(linux_image(), accelerator(), mib, "-initrd", str(archive),
                                 "-append", line, machine=LINUX_MACHINE)


def _says_hello(arguments: list[str]) -> bool:
    try:
        exec_to_output_ns(arguments, HELLO_TEXT, timeout_s=30)
    except LabError:
        return False
    return True


def boots_in(lab: Lab, image: object, memory_mib: int) -> bool:
    """Whether hello boots in that much RAM, says its line and exits with 0."""
    try:
        guest = lab.boot(image, memory_mib=memory_mib)
        return guest.wait(timeout=20) == 0 and HELLO_TEXT in guest.console.bytes
    except LabError:
        return False


def smallest_mib(works: Callable[[int], bool], most: int) -> int:
    """Return by bisection the least MiB that works, given that `most` does."""
    least = 0  # does not work
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if works(middle) else (middle, most)
    return most
