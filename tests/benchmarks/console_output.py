"""What a guest's console carries: against the serial port alone, and a pipe of this machine."""

import subprocess
import tempfile
import threading
from pathlib import Path

from kernel_magics import Lab
from kernel_magics.boot.devices.disks import Disk
from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.build.image import GuestImage
from kernel_magics.places import project_dir

from .measuring import Report, interleave

__all__ = ["run"]

_PROGRAM = project_dir() / "tests" / "guest" / "console_programs" / "flood.c"
_PART_BYTES = 4096
_FULL = 8  # devices on a microvm, which leave no place for a virtio console


def run(quick: bool) -> Report:
    """Measure a flood of lines: the program's write(2)s, and all of it in a Python callback."""
    report = Report("console_output", quick)
    size = 3_000_000 if quick else 10_000_000
    report.note(f"{accelerator().name}, microvm, {size / 1e6:g} MB in writes of {_PART_BYTES}"
                " bytes; MB/s as the program sees it; host: the same program, read by cat")
    with tempfile.TemporaryDirectory() as name, Lab(driver="qemu") as lab:
        image = lab.build(_PROGRAM.read_text(), name="flood")
        here = Path(name) / "flood"
        subprocess.run(["gcc", "-O2", "-o", here, _PROGRAM], check=True)
        disks = [lab.disk(Path(name) / f"{number}.img", size_mib=1) for number in range(_FULL)]
        samples = interleave(
            3 if quick else 10, virtio=lambda: _guest(lab, image, size, []),
            serial=lambda: _guest(lab, image, size // 10, disks),
            host=lambda: _here(here, size))
    virtio = report.measure("virtio console", "MB/s", samples["virtio"])
    serial = report.measure("serial port alone", "MB/s", samples["serial"])
    host = report.measure("a pipe of this machine", "MB/s", samples["host"])
    report.ratio("serial / virtio", serial, virtio)
    report.ratio("host / virtio", host, virtio)
    return report


def _guest(lab: Lab, image: GuestImage, size_bytes: int, disks: list[Disk]) -> float:
    """Return MB/s; every byte has to arrive in a subscriber."""
    arrived, ended = [0], threading.Event()

    def take(data: bytes) -> None:
        arrived[0] += len(data)
        if not data:
            ended.set()

    guest = lab.boot(image, argv=["flood", str(size_bytes), str(_PART_BYTES)], disks=disks)
    guest.console.subscribe(take)
    guest.wait(timeout=120)
    ended.wait(timeout=10)
    last = guest.console.tail(1)
    assert arrived[0] == size_bytes + len(last) + 1 and not guest.console.lost_bytes
    return _rate(size_bytes, last)


def _here(program: Path, size_bytes: int) -> float:
    command = f"{program} {size_bytes} {_PART_BYTES} | cat"
    said = subprocess.run(command, shell=True, check=True, capture_output=True).stdout
    return _rate(size_bytes, said[-40:].decode().splitlines()[-1])


def _rate(size_bytes: int, last: str) -> float:
    return size_bytes / 1e6 / (int(last.removesuffix(" ns")) / 1e9)
