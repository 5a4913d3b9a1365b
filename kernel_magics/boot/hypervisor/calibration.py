"""One run of the calibration guest: how long its work takes, how fast its clock ticks."""

import os
import signal
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from kernel_magics.boot.abi import State, assembler_defines
from kernel_magics.boot.header import HeaderReader
from kernel_magics.boot.hypervisor.commandline import EXIT_DEVICE, machine_option
from kernel_magics.boot.hypervisor.qemu import find_qemu, spawn
from kernel_magics.boot.process import ProcessId
from kernel_magics.boot.ram import MappedRam
from kernel_magics.build.image import GuestImage
from kernel_magics.errors import HostError
from kernel_magics.places import cache_dir, images_dir

__all__ = ["Measurement", "measure", "assemble", "calibration_image", "clock_hz"]

RAM_BYTES = 16 << 20
RESULT = 2048                # offset behind the header, see calibrate.S
START_PATIENCE_S = 1.5       # a KVM that hangs has lost by then; a busy TCG start has not
TCG_PATIENCE_S = 10.0
WORK_PATIENCE_S = 0.25
HOPELESS = 20                # times the other accelerator's work
CLOCK_SAMPLE_S = 0.06
CLOCK_PATIENCE_S = 2.0       # a busy machine may not run the guest for a whole sample
CLOCK_READINGS = 20          # different ones, before a slope is drawn through them
SAMPLE_WIDTH_NS = 10_000
LOOK_S = 0.0005


@dataclass(frozen=True, slots=True)
class Measurement:
    """One accelerator and CPU model: whether the guest ran, and how fast.

    `work_ns` is the time of the guest's fixed work; `problem` says what went wrong;
    `refused` that QEMU ended before the guest ran an instruction.
    """

    accel: str
    cpu: str
    works: bool
    work_ns: int = 0
    tsc_hz: int = 0
    problem: str = ""
    refused: bool = False

    def __str__(self) -> str:
        result = (f"{self.work_ns / 1e6:.2f} ms, TSC {self.tsc_hz / 1e6:.1f} MHz" if self.works
                  else self.problem)
        return f"  {self.accel} -cpu {self.cpu}: {result}"


def calibration_image() -> GuestImage:
    """Return the calibration guest, assembled when it is not in the cache."""
    return assemble(images_dir() / "guests" / "calibrate" / "calibrate.S")


def assemble(source: Path, *included: Path) -> GuestImage:
    """Return the guest image of one assembly file, from the cache if it is unchanged.

    `included` are the files that it includes, besides longmode.S.  Raises HostError if there
    is no assembler or it refuses.
    """
    folder = images_dir() / "guests" / "calibrate"
    command = ["gcc", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none",
               f"-Wl,-T,{folder / 'guest.ld'}", "-Wl,-z,noexecstack",
               "-Wl,-z,max-page-size=4096", f"-I{folder}", *assembler_defines(), str(source)]
    parts = [path.read_bytes()
             for path in (source, folder / "longmode.S", folder / "guest.ld", *included)]
    key = sha256(b"\0".join([*parts, *(part.encode() for part in command)])).hexdigest()[:16]
    target = cache_dir() / f"{source.stem}-{key}.elf"
    if not target.exists():
        fresh = target.with_suffix(f".{os.getpid()}")
        _run([*command, "-o", str(fresh)])
        os.replace(fresh, target)
    return GuestImage.from_file(target, name=source.stem)


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True,
                       env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError as error:
        raise HostError("there is no compiler: gcc was not found",
                        next_step="install it: sudo apt install gcc") from error
    except subprocess.CalledProcessError as error:
        if "No space left on device" in error.stderr:
            raise HostError(f"no space left on device in {cache_dir()}",
                            next_step="free some space there, or set RUMPLAB_CACHE to a folder on "
                                      "another disk") from error
        raise HostError(f"gcc refused the calibration guest: {error.stderr.strip()}",
                        next_step="check the project's files: git status images/") from error


def measure(folder: Path, accel: str, cpu: str, rival_ns: int | None = None) -> Measurement:
    """Run the calibration guest once under `accel` with CPU model `cpu`.

    `rival_ns` is what the work took under the other accelerator: a run that needs far
    longer is ended early, its question is answered.
    """
    image = calibration_image()
    ram_file = folder / f"ram-{accel}-{len(cpu)}"
    ram = MappedRam(ram_file, create_bytes=RAM_BYTES)
    log = folder / f"log-{accel}-{len(cpu)}"
    assert image.header_address is not None
    run = _Run(ram, image.header_address, log)
    run.start([
        find_qemu(), "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
        "-machine", machine_option("microvm"), "-accel", accel, "-cpu", cpu, "-m", "16M",
        "-object", f"memory-backend-file,id=ram,size=16M,mem-path={ram_file},share=on",
        "-chardev", "null,id=console", "-device", "isa-serial,chardev=console",
        "-device", EXIT_DEVICE, "-kernel", str(image.path)])
    try:
        return run.result(accel, cpu, rival_ns)
    finally:
        run.end()


def clock_hz(samples: list[tuple[int, int]]) -> int:
    """Return the frequency of a counter from (host ns, counter) pairs in order of time.

    A pair can only be late: the guest may have been put aside since it stored the value.
    So the true line runs along the top of the points, and its slope is that of the
    longest edge of their upper hull.  Returns 0 if the counter stood still.
    """
    hull: list[tuple[int, int]] = []
    for point in samples:
        while len(hull) > 1 and _below(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    edges = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(hull)]
    elapsed_ns, ticks = max(edges, default=(0, 0))
    return max(0, ticks * 1_000_000_000 // elapsed_ns) if elapsed_ns else 0


def _below(first: tuple[int, int], middle: tuple[int, int], last: tuple[int, int]) -> bool:
    """Whether `middle` lies on or under the line from `first` to `last`."""
    return ((middle[1] - first[1]) * (last[0] - first[0])
            <= (last[1] - first[1]) * (middle[0] - first[0]))


class _Run:
    """One QEMU with the calibration guest in it."""

    def __init__(self, ram: MappedRam, header_address: int, log: Path) -> None:
        self.ram = ram
        self.header = HeaderReader(ram, header_address)
        self.result_address = header_address + RESULT
        self.log = log
        self.pid = 0

    def start(self, arguments: list[str]) -> None:
        self.pid = spawn(arguments, self.log)

    def result(self, accel: str, cpu: str, rival_ns: int | None) -> Measurement:
        patience_s = TCG_PATIENCE_S if accel == "tcg" else START_PATIENCE_S
        started = self._until(lambda: self.header.state() > State.BOOTING, patience_s)
        if rival_ns is not None:
            patience_s = max(WORK_PATIENCE_S, HOPELESS * rival_ns / 1e9)
        if not (started and self._until(lambda: self._word(0) != 0, patience_s)):
            alive = self._alive()
            return Measurement(accel, cpu, False, refused=not started and not alive,
                               problem=self._problem(started, alive, patience_s))
        ticks, tsc_hz = self._word(0), self._tsc_hz()
        work_ns = ticks * 1_000_000_000 // tsc_hz if tsc_hz else 0
        self.ram.write_u64(self.result_address + 16, 1)
        return Measurement(accel, cpu, bool(tsc_hz), work_ns, tsc_hz,
                           "" if tsc_hz else "its time-stamp counter does not count")

    def _problem(self, started: bool, alive: bool, patience_s: float) -> str:
        said = self.log.read_text(errors="replace").strip() if self.log.exists() else ""
        line = said.splitlines()[0] if said else "no message"
        if alive:
            where = "does not finish its work" if started else "does not begin"
            return f"the calibration guest {where} in {patience_s * 1000:.0f} ms"
        if started:
            return f"it ends the calibration guest ({line})"
        return f"QEMU refuses it ({line})"

    def _until(self, condition: Callable[[], bool], patience_s: float) -> bool:
        deadline = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > deadline or not self._alive():
                return condition()
            time.sleep(LOOK_S)
        return True

    def _word(self, index: int) -> int:
        return int(struct.unpack("<Q", self.ram.read(self.result_address + 8 * index, 8))[0])

    def _tsc_hz(self) -> int:
        """Compare the counter the guest publishes with CLOCK_MONOTONIC; 0: it stands still."""
        samples: list[tuple[int, int]] = []
        readings: set[int] = set()
        began = time.monotonic()
        while (elapsed_s := time.monotonic() - began) < CLOCK_PATIENCE_S:
            if elapsed_s > CLOCK_SAMPLE_S and len(readings) >= CLOCK_READINGS:
                break
            before_ns = time.monotonic_ns()
            tsc = self._word(1)
            if time.monotonic_ns() - before_ns < SAMPLE_WIDTH_NS and tsc:
                samples.append((before_ns, tsc))
                readings.add(tsc)
            time.sleep(LOOK_S)
        return clock_hz(samples)

    def _alive(self) -> bool:
        return ProcessId.of(self.pid).is_alive()

    def end(self) -> None:
        """Take care that QEMU is gone."""
        self._until(lambda: not self._alive(), 0.2)
        if self._alive():
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
