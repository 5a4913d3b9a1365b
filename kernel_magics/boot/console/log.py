"""The plain file that holds a console's output; QEMU writes it.

It is bounded: behind the retained tail its blocks are given back to the system (a hole), which
every process can see, and counts as lost.
"""

import ctypes
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["ConsoleLog"]

CHUNK_BYTES = 64 << 10
HELD_BYTES = 64 << 20  # retained for a follower that is behind
_FALLOC_FL_KEEP_SIZE, _FALLOC_FL_PUNCH_HOLE = 1, 2  # linux/falloc.h
_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


class ConsoleLog:
    """One guest's log, open as long as this object is there."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    @property
    def path(self) -> Path:
        """This very file: another guest may have taken over the name, and the path with it."""
        return Path(f"/proc/self/fd/{self._file}")

    @property
    def size_bytes(self) -> int:
        """How many bytes it ever took."""
        return os.fstat(self._file).st_size

    @property
    def start_bytes(self) -> int:
        """Where the retained output begins: the first data behind the hole."""
        try:
            return os.lseek(self._file, 0, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # no data: empty, or all hole
                return self.size_bytes
            raise

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes [start, end), or as many of them as there are."""
        while start < end:
            data = os.pread(self._file, min(CHUNK_BYTES, end - start), start)
            if not data:
                return
            yield data
            start += len(data)

    def since(self, position: int, most_bytes: int) -> tuple[int, bytes]:
        """Return bytes from `position` on, and where they begin: later if those are lost."""
        while True:
            start = max(position, self.start_bytes)
            data = b"".join(self.chunks(start, min(self.size_bytes, start + most_bytes)))
            if start >= self.start_bytes or not data:  # not trimmed while it was read
                return start, data

    def trim(self, retained_bytes: int, wanted: Sequence[int] = ()) -> None:
        """Give back what is behind the tail, and before each of the `wanted` positions."""
        size, start = self.size_bytes, self.start_bytes
        if size - start < retained_bytes * 5 // 4:  # seldom, and much at once
            return
        page = os.sysconf("SC_PAGE_SIZE")
        end = min([size - retained_bytes, *(max(at, size - HELD_BYTES) for at in wanted)])
        end = end // page * page
        if end > start:
            _libc.fallocate(self._file, _FALLOC_FL_KEEP_SIZE | _FALLOC_FL_PUNCH_HOLE, 0, end)
