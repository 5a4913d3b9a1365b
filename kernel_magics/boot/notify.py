"""Waiting for a file to change, or for a guest to end, without asking again and again."""

import select
import threading
from pathlib import Path

from inotify_simple import INotify, flags

from kernel_magics.boot.process import poll_in_steps

__all__ = ["FileChanges"]


class FileChanges:
    """Waits for writes to one file; inotify(7).

    `end` is a descriptor that becomes readable when no more writes will come, or None.
    """

    def __init__(self, path: Path, end: int | None = None) -> None:
        self._inotify = INotify()
        self._inotify.add_watch(path, flags.MODIFY)
        self._poll = select.poll()
        self._poll.register(self._inotify.fileno(), select.POLLIN)
        if end is not None:
            self._poll.register(end, select.POLLIN)
        self._end = end

    def __enter__(self) -> "FileChanges":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, descriptor: int) -> None:
        """Also wake up when `descriptor` is readable."""
        self._poll.register(descriptor, select.POLLIN)

    def close(self) -> None:
        """Stop watching."""
        self._inotify.close()

    def wait(self, timeout_s: float | None) -> set[int]:
        """Return the readable descriptors (this one's own included), empty at the timeout."""
        if timeout_s is not None and timeout_s < 0:
            return set()
        ready = self._ready(timeout_s)
        found = {descriptor for descriptor, _ in ready}
        if self._inotify.fileno() in found:
            self._inotify.read(timeout=0)
        return found

    def _ready(self, timeout_s: float | None) -> list[tuple[int, int]]:
        """Poll; the main thread looks up now and then, so that Ctrl-C is never missed."""
        if threading.current_thread() is not threading.main_thread():
            return self._poll.poll(None if timeout_s is None else timeout_s * 1000)
        return poll_in_steps(self._poll, timeout_s)
