"""Two guests side by side that run the same file: one of rumpkit's, and a Linux guest.

Both are started by the same command line, from the same archive, with the same machine
type, accelerator, RAM and devices; only the kernel and its own command line differ.
"""

import os
import re
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.boot.accel import accelerator
from kernel_magics.boot.spec import render
from kernel_magics.build.runtime import find_runtime
from kernel_magics.errors import BootError

from .linux_kernel import linux_command_line, linux_image
from .machines import LINUX_DEVICES_MACHINE, LINUX_MACHINE, MACHINE, bare_qemu
from .peer_devices import Devices, Hardware
from .programs import linux_program
from .root_archive import root_archive

__all__ = ["Peer", "Peers", "peers", "rumpkit_kernel", "PEER_MIB"]

PEER_MIB = 128
_READY_S = 60


@dataclass(frozen=True, slots=True)
class Peer:
    """A running guest: its console, and `ports`, from the guest's to the host's."""

    name: str
    process: subprocess.Popen
    ports: Mapping[int, int]

    def send(self, line: str) -> None:
        """Write one line to the guest's console."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def expect(self, pattern: str, timeout_s: float) -> re.Match[str]:
        """Return the match in the next output that has one.

        Raises BootError with the output if it does not come in time.
        """
        assert self.process.stdout is not None
        seen, deadline = "", time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.process.stdout], [], [], left)[0]:
                break
            data = os.read(self.process.stdout.fileno(), 65536)
            seen += data.decode(errors="replace")
            if match := re.search(pattern, seen):
                return match
            if not data:
                break
        raise BootError(f"the {self.name} guest did not say {pattern!r} in {timeout_s:g} s",
                        log=seen, next_step=f"it said {seen[-500:]!r}")

    def cpu_ns(self) -> int:
        """Return the processor time of the guest's QEMU, user and system, so far."""
        return _cpu_ns(Path(f"/proc/{self.process.pid}/stat"))

    def main_thread_ns(self) -> int:
        """Return the same of QEMU's main thread: its devices' back ends and the forwarder."""
        return _cpu_ns(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/stat"))


def _cpu_ns(stat: Path) -> int:
    """Return utime and stime of proc(5) together; behind the name, which may have blanks."""
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Peers:
    """The two guests of a comparison."""

    rumpkit: Peer
    linux: Peer

    def __iter__(self) -> Iterator[Peer]:
        return iter((self.rumpkit, self.linux))


def rumpkit_kernel(target: Path) -> Path:
    """Link the runtime without a program of its own: it starts one from the archive."""
    runtime = find_runtime()
    subprocess.run(["gcc", "-static", "-no-pie", "-nostdlib", f"-Wl,-T,{runtime.link_script}",
                    "-Wl,--defsym=__real_main=0", "-Wl,--build-id=sha1", "-s", "-o", target,
                    runtime.object], check=True)
    return target


@contextmanager
def peers(program: str, arguments: Sequence[str] = (), *,
          files: Mapping[str, bytes] | None = None, hardware: Hardware | None = None,
          ready: str = "ready") -> Iterator[Peers]:
    """Run a program of the folder `programs` as the only one of two guests, until left.

    `files` are put into their root, and each gets its own of `hardware`.  Both have said
    `ready` when this returns.
    """
    hardware = hardware or Hardware()
    with tempfile.TemporaryDirectory() as name, ExitStack() as guests:
        folder = Path(name)
        archive = _archive(folder, program, {**hardware.modules(), **(files or {})})
        found = []
        for side in (_rumpkit(folder, arguments, hardware), _linux(arguments, hardware)):
            devices = hardware.devices(folder / f"{side.name}.disk")
            command = bare_qemu(side.kernel, accelerator(), PEER_MIB, "-initrd", str(archive),
                                "-append", side.line, *devices.arguments, machine=side.machine)
            found.append(guests.enter_context(_running(side.name, command, devices, ready)))
        yield Peers(*found)


@dataclass(frozen=True, slots=True)
class Side:
    """What differs between the guests."""

    name: str
    kernel: Path
    machine: str
    line: str


def _rumpkit(folder: Path, arguments: Sequence[str], hardware: Hardware) -> Side:
    program = {"bin": "/program", "argv": ["program", *arguments]}
    lab = {"tsc_hz": accelerator().tsc_hz, "epoch_ns": time.time_ns()}
    line = render([("rc", [program]), *hardware.configuration(), ("lab", lab)])
    return Side("rumpkit", rumpkit_kernel(folder / "rumpkit.elf"), MACHINE, line)


def _linux(arguments: Sequence[str], hardware: Hardware) -> Side:
    words = [linux_command_line(accelerator().tsc_hz), *hardware.linux_words(), "--", *arguments]
    return Side("Linux", linux_image(hardware.linux_package),
                LINUX_DEVICES_MACHINE if hardware else LINUX_MACHINE, " ".join(words))


def _archive(folder: Path, program: str, files: Mapping[str, bytes]) -> Path:
    init, binary = (linux_program(name, folder / name).read_bytes()
                    for name in ("linux_init", program))
    return root_archive(folder / "root.cpio", {"init": init, "program": binary}, files)


@contextmanager
def _running(name: str, command: list[str], devices: Devices, ready: str) -> Iterator[Peer]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    try:
        peer = Peer(name, process, devices.ports)
        peer.expect(ready, _READY_S)
        yield peer
    finally:
        process.kill()
        process.communicate()
