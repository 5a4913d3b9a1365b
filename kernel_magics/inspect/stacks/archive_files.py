"""The files of a root archive: where each lies in it, found by reading the headers alone.

Source: cpio(5), "New ASCII Format".
"""

from __future__ import annotations

import mmap
from pathlib import Path

__all__ = ["ArchiveFiles"]

MOST_ENTRIES = 1_000_000
MOST_NAME_BYTES = 4096 + 1
_MAGIC, _HEADER_BYTES, _DIGITS = b"070701", 110, 8
_INODE, _MODE, _BYTES, _NAME_BYTES = 0, 1, 6, 11
_FORMAT_BITS, _REGULAR = 0o170000, 0o100000


class ArchiveFiles:
    """The regular files of an archive by path ("/usr/bin/env"); damaged ends are left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[str, tuple[int, int]] | None = None

    def read(self, path: str) -> bytes | None:
        """Return a file's contents, None if the archive has no such file."""
        place = self._read_headers().get(path)
        if place is None:
            return None
        with self._path.open("rb") as stream:
            stream.seek(place[0])
            return stream.read(place[1])

    def __contains__(self, path: object) -> bool:
        return path in self._read_headers()

    def beginning_with(self, magic: bytes) -> list[str]:
        """Return the paths of the files whose first bytes are these."""
        found = []
        try:
            with self._path.open("rb") as stream:
                for path, (start, size) in self._read_headers().items():
                    stream.seek(start)
                    if stream.read(min(size, len(magic))) == magic:
                        found.append(path)
        except OSError:  # it is gone
            return []
        return found

    def _read_headers(self) -> dict[str, tuple[int, int]]:
        if self._places is None:
            try:
                with self._path.open("rb") as stream, \
                        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                    self._places = _places(data)
            except (OSError, ValueError):  # gone, or empty
                self._places = {}
        return self._places


def _places(data: mmap.mmap) -> dict[str, tuple[int, int]]:
    """Return path → offset and size of each regular file."""
    found: dict[str, tuple[int, int]] = {}
    names: dict[int, list[str]] = {}
    at = 0
    for _ in range(MOST_ENTRIES):
        header = data[at:at + _HEADER_BYTES]
        if len(header) < _HEADER_BYTES or header[:6] != _MAGIC:
            break
        try:
            fields = [int(header[start:start + _DIGITS], 16)
                      for start in range(6, _HEADER_BYTES, _DIGITS)]
        except ValueError:
            break
        name = data[at + _HEADER_BYTES:at + _HEADER_BYTES + min(fields[_NAME_BYTES],
                                                                 MOST_NAME_BYTES)]
        start = at + _HEADER_BYTES + fields[_NAME_BYTES]
        start += -start % 4
        if fields[_MODE] & _FORMAT_BITS == _REGULAR and start + fields[_BYTES] <= len(data):
            path = "/" + name.split(b"\0")[0].decode("utf-8", "surrogateescape").lstrip("./")
            # Of several names of one file, the last entry has the data.
            shared = names.setdefault(fields[_INODE], [])
            shared.append(path)
            if fields[_BYTES]:
                found |= dict.fromkeys(shared, (start, fields[_BYTES]))
        at = start + fields[_BYTES]
        at += -at % 4
    return found
