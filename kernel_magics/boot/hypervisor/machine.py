"""What every driver hands out: a started machine, and how to hold it."""

import os
from typing import Protocol

from kernel_magics.boot.process import ProcessId
from kernel_magics.boot.ram import Ram
from kernel_magics.boot.registry import GuestFiles, GuestRecord
from kernel_magics.boot.spec import Launch

__all__ = ["Machine", "Driver", "LOG_TAIL_BYTES", "log_tail"]

LOG_TAIL_BYTES = 2000


class Machine(Protocol):
    """One started QEMU.

    `process` is None if it is not a process of this machine; `exit_code` is QEMU's own,
    known to its parent after the end.
    """

    process: ProcessId | None
    ram: Ram
    exit_code: int | None

    def open_end(self) -> int | None:
        """Return a new descriptor that is readable once the machine is gone; None: it is."""
        ...

    def has_ended(self) -> bool:
        """Whether the machine is gone."""
        ...

    def is_paused(self) -> bool:
        """Whether it is there and its CPU is stopped."""
        ...

    def pause(self) -> None:
        """Stop its CPU; raises GuestError if that cannot be done from here."""
        ...

    def resume(self) -> None:
        """Let its CPU go on; raises GuestError if that cannot be done from here."""
        ...

    def stop(self) -> None:
        """End it, and wait until it is gone."""
        ...

    def monitor(self, line: str) -> str:
        """Run a command of QEMU's human monitor; raises GuestError if that cannot be done."""
        ...

    def write_console(self, data: bytes) -> None:
        """Give it console input, if `streams_console`."""
        ...

    streams_console: bool


class Driver(Protocol):
    """A way to start machines."""

    name: str
    uri: str

    def start(self, launch: Launch, marks: dict[str, int]) -> Machine:
        """Start a guest; adds host times to `marks`.  Raises BootError or HostError."""
        ...

    def attach(self, files: GuestFiles, record: GuestRecord) -> Machine:
        """Hold a machine that another process, or an earlier life of it, started."""
        ...


def log_tail(files: GuestFiles) -> str:
    """Return the end of what QEMU itself said."""
    try:
        with open(files.qemu_log, "rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace").strip()
    except OSError:
        return ""
