"""The files of one guest: what they are called, and making those that QEMU opens."""

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["GuestFiles", "SERIAL", "CONSOLE", "WINDOW"]

# QEMU's chardevs, and the pipes behind them.
SERIAL, CONSOLE, WINDOW = "serial", "console", "window"


@dataclass(frozen=True, slots=True)
class GuestFiles:
    """The files of one guest, all in `folder`."""

    folder: Path

    @property
    def record(self) -> Path:
        """guest.json: the GuestRecord."""
        return self.folder / "guest.json"

    @property
    def ram(self) -> Path:
        """The guest's RAM, when this lab's QEMU made it (libvirt places it elsewhere)."""
        return self.folder / "ram"

    @property
    def console_log(self) -> Path:
        """Everything the guest wrote, on whichever of its consoles: a plain file."""
        return self.folder / "console.log"

    def pipe(self, name: str) -> Path:
        """Return what QEMU's chardev "pipe" is told: it adds .in and .out to it."""
        return self.folder / name

    @property
    def console_input(self) -> Path:
        """Where input for the virtio console goes: a FIFO."""
        return self.folder / f"{CONSOLE}.in"

    @property
    def serial_input(self) -> Path:
        """Where input for the serial port goes: a FIFO."""
        return self.folder / f"{SERIAL}.in"

    @property
    def window_bell(self) -> Path:
        """Where a byte says that the window has another size: a FIFO."""
        return self.folder / f"{WINDOW}.in"

    def make_console(self, *, serial_to_log: bool = False) -> None:
        """Make the files that QEMU's chardevs open; raises OSError.

        What a chardev writes goes to its log, which takes the output of all of them in the
        order in which it comes; the other end of its pipe is nobody.  `serial_to_log`: a
        serial port that has no log of its own writes there itself.
        """
        self.console_log.touch(mode=0o600)
        for name in (SERIAL, CONSOLE, WINDOW):
            is_log = serial_to_log and name == SERIAL
            os.mkfifo(self.folder / f"{name}.in", 0o600)
            os.symlink(self.console_log if is_log else os.devnull, self.folder / f"{name}.out")

    @property
    def qmp_socket(self) -> Path:
        """QEMU's control socket (direct driver)."""
        return self.folder / "qmp.sock"

    @property
    def passt_socket(self) -> Path:
        """Where passt and QEMU meet."""
        return self.folder / "passt.sock"

    @property
    def capture(self) -> Path:
        """The guest's network traffic, written by QEMU: a pcap file."""
        return self.folder / "traffic.pcap"

    @property
    def trace(self) -> Path:
        """The trace of a guest that is traced from outside: a header and a ring."""
        return self.folder / "trace"

    @property
    def pid(self) -> Path:
        """QEMU's process number, written by QEMU (direct driver)."""
        return self.folder / "qemu.pid"

    @property
    def processor_log(self) -> Path:
        """What QEMU says of the processor's resets, for guests that it can tell nothing else."""
        return self.folder / "processor.log"

    @property
    def qemu_log(self) -> Path:
        """What QEMU itself said."""
        return self.folder / "qemu.log"
