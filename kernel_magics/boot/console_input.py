"""Giving a guest input: a FIFO that its QEMU reads."""

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

__all__ = ["ConsoleInput"]

OPEN_PATIENCE_S = 10.0
LOOK_S = 0.001


@dataclass(frozen=True, slots=True)
class ConsoleInput:
    """The FIFO of one guest."""

    path: Path
    name: str
    has_ended: Callable[[], bool]

    def send(self, data: bytes, timeout_s: float) -> None:
        """Write `data` and wait until QEMU has taken all of it.

        Raises GuestError if the guest ends first, GuestTimeout if it does not read in time.
        """
        pipe = self._open()
        try:
            fcntl.flock(pipe, fcntl.LOCK_EX)  # one sender at a time: lines do not interleave
            self._send(pipe, data, time.monotonic() + timeout_s)
        except BrokenPipeError as error:
            raise self._ended() from error
        finally:
            os.close(pipe)

    def _open(self) -> int:
        """Open the FIFO; QEMU, which may have been started this instant, must have it open."""
        deadline = time.monotonic() + OPEN_PATIENCE_S
        while True:
            try:
                return os.open(self.path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                if error.errno not in (errno.ENXIO, errno.ENOENT):
                    raise
                if self.has_ended() or time.monotonic() > deadline:
                    raise self._ended() from error
            time.sleep(LOOK_S)

    def _send(self, pipe: int, data: bytes, deadline: float) -> None:
        while True:
            ended = self.has_ended()  # asked first: what it read before is gone then
            with suppress(BlockingIOError):  # full
                data = data[os.write(pipe, data):] if data else data
            left = len(data) + _unread_bytes(pipe)
            if not left:
                return
            if ended:
                raise self._ended()
            if time.monotonic() > deadline:
                raise GuestTimeout(
                    f"{self.name} does not read its input: it left {left} bytes",
                    name=self.name, next_step="what is in QEMU's pipe stays there; let it "
                                              "reach the point where it reads")
            time.sleep(LOOK_S)

    def _ended(self) -> GuestError:
        return GuestError(f"{self.name} ended and did not read its input", name=self.name,
                          next_step="look at guest.console.tail()")


def _unread_bytes(pipe: int) -> int:
    """Return how much is in a pipe; pipe(7), FIONREAD."""
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0])
