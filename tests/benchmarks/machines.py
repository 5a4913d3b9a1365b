"""Starts QEMU and clocks it: a lab guest's command line, and the sides to compare with."""

import os
import select
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernel_magics.boot.console.devices import AUTOMATIC
from kernel_magics.boot.hypervisor.accel import Accelerator
from kernel_magics.boot.hypervisor.qemu import QemuDriver, find_qemu
from kernel_magics.boot.notify import FileChanges
from kernel_magics.boot.registry import GuestFiles
from kernel_magics.boot.spec import BootSpec, Launch, configuration, render
from kernel_magics.build.image import GuestImage
from kernel_magics.errors import BootError
from kernel_magics.places import cache_dir, images_dir, runtime_dir

__all__ = ["MACHINE", "LINUX_MACHINE", "LINUX_DEVICES_MACHINE", "onebyte_image", "bare_qemu",
           "exec_to_output_ns", "exec_to_console_ns"]

# The machine type and devices of a lab guest, without the lab's RAM file and sockets.
MACHINE = "microvm,acpi=off,rtc=on,pit=off,x-option-roms=off"
# Linux calibrates its timer with the PIT when there is no ACPI.
LINUX_MACHINE = MACHINE.replace("pit=off", "pit=on")
# Debian's cloud kernel learns of devices on virtio-mmio from ACPI only.
LINUX_DEVICES_MACHINE = LINUX_MACHINE.replace("acpi=off", "acpi=on")
_EXIT_DEVICE = "isa-debug-exit,iobase=0x501,iosize=4"
_FLAGS = ("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none")


def onebyte_image() -> Path:
    """Assemble images/guests/onebyte; return the ELF."""
    source = images_dir() / "guests" / "onebyte" / "onebyte.S"
    target = cache_dir() / "benchmarks" / "onebyte.elf"
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x100000",
                    "-Wl,--build-id=none", "-Wl,-e,entry32", "-o", target, source], check=True)
    return target


def bare_qemu(kernel: Path, accelerator: Accelerator, memory_mib: int, *more: str,
              machine: str = MACHINE) -> list[str]:
    """Return the arguments of a QEMU with its console on stdout and nothing else."""
    return [find_qemu(), *_FLAGS, "-machine", machine,
            "-accel", accelerator.name, "-cpu", accelerator.cpu, "-m", f"{memory_mib}M",
            "-chardev", "stdio,id=console,signal=off", "-device", "isa-serial,chardev=console",
            "-device", _EXIT_DEVICE, "-kernel", str(kernel), *more]


def exec_to_output_ns(arguments: list[str], marker: bytes, timeout_s: float = 60.0) -> int:
    """Start a process; return the time from before its exec to the first byte of `marker`.

    The process is ended then.  Raises BootError if the marker never comes.
    """
    begun_ns = time.monotonic_ns()
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    try:
        return _until_output(process, marker, begun_ns, timeout_s) - begun_ns
    finally:
        process.kill()
        process.communicate()


def _until_output(process: subprocess.Popen, marker: bytes, begun_ns: int,
                  timeout_s: float) -> int:
    assert process.stdout is not None
    seen, arrivals = b"", []  # where each piece of output ended, and when it came
    deadline_ns = begun_ns + int(timeout_s * 1e9)
    while time.monotonic_ns() < deadline_ns:
        if not select.select([process.stdout], [], [], 0.5)[0]:
            continue
        data = os.read(process.stdout.fileno(), 65536)
        if not data:
            break
        seen += data
        arrivals.append((len(seen), time.monotonic_ns()))
        if marker in seen:
            return _first_arrival(arrivals, seen.index(marker))
    raise BootError(f"QEMU ended or took too long before writing {marker!r}",
                    log=seen.decode(errors="replace"),
                    next_step=f"its output was: {seen[-500:].decode(errors='replace')!r}")


def exec_to_console_ns(image: GuestImage, accelerator: Accelerator, memory_mib: int,
                       marker: bytes, timeout_s: float = 60.0) -> int:
    """Start QEMU by the direct driver; return the time from before its exec until the
    first byte of `marker` is in the console's file.

    What the lab does in Python around it is not in this number.
    """
    with _launch(image, accelerator, memory_mib) as launch:
        marks: dict[str, int] = {}
        machine = QemuDriver().start(launch, marks)
        try:
            arrivals = _arrivals(launch.files.console_log, marker, timeout_s)
        finally:
            machine.stop()
        seen = launch.files.console_log.read_bytes()
        return _first_arrival(arrivals, seen.index(marker)) - marks["spawned"]


def _arrivals(log: Path, marker: bytes, timeout_s: float) -> list[tuple[int, int]]:
    """Return how much output there was when, until all of `marker` is there."""
    arrivals = []
    with FileChanges(log) as changes:
        while True:
            seen = log.read_bytes()
            arrivals.append((len(seen), time.monotonic_ns()))
            if marker in seen:
                return arrivals
            if not changes.wait(timeout_s):
                raise BootError(f"no {marker!r} within {timeout_s:g} s: {seen!r}",
                                next_step="boot the image with lab.boot and look")


def _first_arrival(arrivals: list[tuple[int, int]], position: int) -> int:
    """Return when the byte at `position` was first there: (bytes so far, time) pairs."""
    return next(when_ns for size, when_ns in arrivals if size > position)


@contextmanager
def _launch(image: GuestImage, accelerator: Accelerator, memory_mib: int) -> Iterator[Launch]:
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=runtime_dir()))
    try:
        files = GuestFiles(folder)
        spec = BootSpec(memory_mib=memory_mib).with_image(image.name)
        text = render(configuration(spec, image.name, accelerator.tsc_hz, time.time_ns(),
                                    console=AUTOMATIC))
        yield Launch(name=image.name, uuid=str(uuid.uuid4()), kernel=str(image.stripped_path),
                     configuration=text, memory_mib=memory_mib, machine=spec.machine,
                     accel=accelerator.name, cpu=accelerator.cpu, files=files,
                     console=AUTOMATIC)
    finally:
        shutil.rmtree(folder)
