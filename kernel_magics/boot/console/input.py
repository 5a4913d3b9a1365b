"""Giving a guest input: FIFOs that its QEMU reads, one for each of its consoles."""

import errno
import fcntl
import os
import struct
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.errors import GuestError, GuestTimeout

__all__ = ["ConsoleInput", "ring"]

OPEN_PATIENCE_S = 10.0
LOOK_S, SLOW_LOOK_S = 0.001, 0.05
PIECE_BYTES = 512  # to the slow port at a time: after some of it, guests turn to the other


@dataclass(frozen=True, slots=True)
class ConsoleInput:
    """The FIFOs of one guest.

    `serial` is what a guest reads at first, `virtio` what it reads once `on_virtio()` says so,
    after all that was given to the serial port.
    """

    serial: Path
    virtio: Path
    name: str
    has_ended: Callable[[], bool]
    on_virtio: Callable[[], bool]

    def send(self, data: bytes, timeout_s: float) -> None:
        """Write `data` and wait until QEMU has taken all of it.

        Raises GuestError if the guest ends first, GuestTimeout if it takes nothing for so long.
        """
        serial = self._open(self.serial)
        virtio = -1
        try:
            self._lock(serial, timeout_s)
            data = self._send_to(serial, data, timeout_s, PIECE_BYTES, self.on_virtio)
            if data:
                virtio = self._open(self.virtio)
                self._send_to(virtio, data, timeout_s, len(data), lambda: False)
        except BrokenPipeError as error:
            raise self._ended() from error
        finally:
            os.close(serial)
            if virtio >= 0:
                os.close(virtio)

    def _lock(self, serial: int, timeout_s: float) -> None:
        """Be the only sender, so that lines do not interleave."""
        deadline = time.monotonic() + timeout_s
        while True:
            with suppress(BlockingIOError):
                return fcntl.flock(serial, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.monotonic() > deadline:
                raise GuestTimeout(f"{self.name} does not read its input, and others wait to "
                                   "send some", name=self.name,
                                   next_step="let it reach the point where it reads")
            time.sleep(LOOK_S)

    def _open(self, path: Path) -> int:
        """Open a FIFO; QEMU, which may have been started this instant, must have it open."""
        deadline = time.monotonic() + OPEN_PATIENCE_S
        while True:
            try:
                return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                if error.errno not in (errno.ENXIO, errno.ENOENT):
                    raise
                if self.has_ended() or time.monotonic() > deadline:
                    raise self._ended() from error
            time.sleep(LOOK_S)

    def _send_to(self, pipe: int, data: bytes, timeout_s: float, piece: int,
                 elsewhere: Callable[[], bool]) -> bytes:
        """Send until all is taken, or, once this pipe is empty, the rest goes elsewhere."""
        left, deadline, pause_s = 0, time.monotonic() + timeout_s, LOOK_S
        while True:
            ended = self.has_ended()  # asked first: what it read before is gone then
            before, unread = left, _unread_bytes(pipe)
            if data and unread == 0 and elsewhere():
                return data
            if data and (unread == 0 or piece > PIECE_BYTES):
                with suppress(BlockingIOError):  # full
                    data = data[os.write(pipe, data[:piece]):]
                unread = _unread_bytes(pipe)
            left = len(data) + unread
            if not left:
                return b""
            if ended:
                raise self._ended()
            if left != before:
                deadline, pause_s = time.monotonic() + timeout_s, LOOK_S
            elif time.monotonic() > deadline:
                raise self._stuck(left)
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.1, SLOW_LOOK_S)

    def _stuck(self, left_bytes: int) -> GuestTimeout:
        return GuestTimeout(f"{self.name} does not read its input: it left {left_bytes} bytes",
                            name=self.name, next_step="what is in QEMU's pipe stays there; let "
                                                      "it reach the point where it reads")

    def _ended(self) -> GuestError:
        return GuestError(f"{self.name} ended and did not read its input", name=self.name,
                          next_step="look at guest.console.tail()")


def ring(bell: Path) -> None:
    """Write a byte to a FIFO for the interrupt it makes; a QEMU that is gone hears nothing."""
    try:
        pipe = os.open(bell, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # QEMU has not opened it yet, or never will
        return
    try:
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(pipe, b"\n")
    finally:
        os.close(pipe)


def _unread_bytes(pipe: int) -> int:
    """Return how much is in a pipe; pipe(7), FIONREAD."""
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0])
