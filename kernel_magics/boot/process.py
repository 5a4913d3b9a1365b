"""Processes named so that a number used again is not mistaken for the old one."""

import os
import select
import signal
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["ProcessId", "own_process", "poll_in_steps", "wait_readable"]

TERMINATE_PATIENCE_S = 2.0
LOOK_FOR_SIGNALS_S = 0.2


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process: its number and when it started (clock ticks after boot, proc(5))."""

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        """Name the process that has this number now; start_ticks 0 if there is none."""
        return cls(pid, _stat(pid)[1])

    def is_alive(self) -> bool:
        """Whether it is there and no zombie; one whose first thread alone has ended, and which
        still holds its files, is there."""
        state, start_ticks, threads = _stat(self.pid)
        return start_ticks == self.start_ticks != 0 and (state not in "ZX" or threads > 1)

    def command_line(self) -> list[str]:
        """Its arguments; empty if it is gone or not ours to read."""
        try:
            raw = Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:
            return []
        return [os.fsdecode(part) for part in raw.split(b"\0")[:-1]]

    def open(self) -> int | None:
        """Return a pidfd that becomes readable when it ends; None if it has ended."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            return None
        # The number may have been given away before the open, not after it.
        if self.is_alive():
            return descriptor
        os.close(descriptor)
        return None

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended; False if `timeout_s` passed first."""
        descriptor = self.open()
        if descriptor is None:
            return True
        try:
            return wait_readable(descriptor, timeout_s)
        finally:
            os.close(descriptor)

    def terminate(self) -> None:
        """Ask it to end, insist after two seconds, and wait until it has ended."""
        for number, patience_s in ((signal.SIGTERM, TERMINATE_PATIENCE_S),
                                   (signal.SIGKILL, TERMINATE_PATIENCE_S)):
            descriptor = self.open()
            if descriptor is None:
                return
            try:
                signal.pidfd_send_signal(descriptor, number)
                if wait_readable(descriptor, patience_s):
                    return
            except ProcessLookupError:
                return
            finally:
                os.close(descriptor)


def wait_readable(descriptor: int, timeout_s: float | None) -> bool:
    """Wait until a descriptor is readable; False if `timeout_s` passed first.

    A signal handler that raises (Ctrl-C) ends the wait within `LOOK_FOR_SIGNALS_S`, also
    one that came just before poll(2) or to another thread, and leaves the other process
    alone.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll_in_steps(poll, timeout_s))


def poll_in_steps(poll: select.poll, timeout_s: float | None) -> list[tuple[int, int]]:
    """Poll, in steps of `LOOK_FOR_SIGNALS_S`; what is ready, empty after `timeout_s`."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        left = LOOK_FOR_SIGNALS_S
        if deadline is not None:
            left = min(left, max(0.0, deadline - time.monotonic()))
        ready = poll.poll(left * 1000)
        if ready or (deadline is not None and time.monotonic() >= deadline):
            return ready


@cache
def _own(pid: int) -> ProcessId:
    return ProcessId.of(pid)


def own_process() -> ProcessId:
    """Return this process (asked again after a fork)."""
    return _own(os.getpid())


def _stat(pid: int) -> tuple[str, int, int]:
    """Return state letter, start time and number of threads of a process, ("X", 0, 0) if it is
    gone; proc(5)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "X", 0, 0
    fields = text[text.rindex(")") + 2:].split()
    return fields[0], int(fields[19]), int(fields[17])
