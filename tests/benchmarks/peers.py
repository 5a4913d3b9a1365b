"""Two guests side by side that run the same file: one of rumpkit's, and a Linux guest.

Both are started by the same command line, from the same archive, with the same machine
type, accelerator, RAM and devices; only the kernel and its own command line differ.
"""

import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.errors import BootError

from .peer_devices import Hardware
from .workloads import Side, Workload, own_program, sides

__all__ = ["Peer", "Peers", "peers", "running_both", "running", "PEER_MIB"]

PEER_MIB = 128
_READY_S = 60
_KEPT_CHARACTERS = 1 << 16


class Peer:
    """A running guest: its console, and `ports`, from the guest's to the host's.

    A thread takes what the guest writes: one whose console nobody reads stands still.
    """

    def __init__(self, name: str, process: subprocess.Popen, ports: Mapping[int, int]) -> None:
        self.name, self.process, self.ports = name, process, ports
        self._said = ""
        self._ended = False
        self._news = threading.Condition()
        threading.Thread(target=self._read, name=f"console of {name}", daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), 65536):
            with self._news:
                self._said = (self._said + data.decode(errors="replace"))[-_KEPT_CHARACTERS:]
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def send(self, line: str) -> None:
        """Write one line to the guest's console; what it said before is forgotten."""
        assert self.process.stdin is not None
        with self._news:
            self._said = ""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def expect(self, pattern: str, timeout_s: float) -> re.Match[str]:
        """Return the match in what the guest has said since the last line sent to it.

        Raises BootError with the output if it does not come in time.
        """
        with self._news:
            self._news.wait_for(lambda: self._ended or re.search(pattern, self._said), timeout_s)
            if found := re.search(pattern, self._said):
                return found
        raise BootError(f"the {self.name} guest did not say {pattern!r} in {timeout_s:g} s",
                        log=self._said, next_step=f"it said {self._said[-500:]!r}")

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


@contextmanager
def peers(program: str, arguments: Sequence[str] = (), *,
          files: Mapping[str, bytes] | None = None, hardware: Hardware | None = None,
          ready: str = "ready") -> Iterator[Peers]:
    """Run a program of the folder `programs` as the only one of two guests, until left.

    `files` are put into their root, and each gets its own of `hardware`.  Both have said
    `ready` when this returns.
    """
    hardware = hardware or Hardware()
    with tempfile.TemporaryDirectory() as name:
        workload = own_program(Path(name), program, arguments, files or {})
        with running_both(workload, hardware, PEER_MIB, ready) as both:
            yield both


@contextmanager
def running_both(workload: Workload, hardware: Hardware, memory_mib: int,
                 ready: str | None) -> Iterator[Peers]:
    """Run a workload in two guests, until left; with `ready` None they are not waited for."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as guests:
        yield Peers(*[guests.enter_context(running(side, Path(folder), memory_mib, ready))
                      for side in sides(workload, hardware, Path(folder))])


@contextmanager
def running(side: Side, folder: Path, memory_mib: int, ready: str | None) -> Iterator[Peer]:
    """Run one guest until left; `folder` is for its copy of a disk."""
    command, devices = side.command(folder, memory_mib)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    try:
        peer = Peer(side.name, process, devices.ports)
        if ready is not None:
            peer.expect(ready, _READY_S)
        yield peer
    finally:
        process.kill()
        process.wait()
