"""Archives of objects, as ar makes them: which member defines a symbol, and its bytes.

Source: ar(5); the System V layout, with GNU's names.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ArArchive", "Member"]

MAGIC = b"!<arch>\n"
MOST_SYMBOLS, MOST_MEMBER_BYTES, LONGEST_NAME = 1_000_000, 64 << 20, 1024
_HEADER = struct.Struct("16s12s6s6s8s10s2s")
_HEADER_END = b"`\n"
_INDEX, _LONG_NAMES = b"/", b"//"


@dataclass(frozen=True, slots=True)
class Member:
    """One object of an archive: its `name`, and its bytes."""

    name: str
    data: bytes


class ArArchive:
    """One archive; `symbols` is its own index: name → offsets of the members that define it.

    A file that is no archive, or is damaged, has none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.symbols: dict[str, list[int]] = {}
        self._data: mmap.mmap | bytes = b""
        self._long_names = b""
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):    # an empty file cannot be mapped
            return
        if self._data[:len(MAGIC)] == MAGIC:
            self._read_index()

    def _read_index(self) -> None:
        """Read the index of symbols and the table of long names: they come first."""
        at = len(MAGIC)
        while (found := self._header(at)) is not None:
            name, size = found
            body = at + _HEADER.size
            if name == _INDEX:
                self._read_symbols(self._data[body:body + size])
            elif name == _LONG_NAMES:
                self._long_names = self._data[body:body + size]
            else:
                return
            at = body + size + size % 2

    def _header(self, at: int) -> tuple[bytes, int] | None:
        if at < len(MAGIC) or at + _HEADER.size > len(self._data):
            return None
        name, *_, size, end = _HEADER.unpack_from(self._data, at)
        if end != _HEADER_END or not size.strip().isdigit():
            return None
        length = int(size)
        if at + _HEADER.size + length > len(self._data):
            return None
        return name.rstrip(), length

    def _read_symbols(self, data: bytes) -> None:
        count = int.from_bytes(data[:4], "big")
        if count > MOST_SYMBOLS or 4 + 4 * count > len(data):
            return
        offsets = struct.unpack_from(f">{count}I", data, 4)
        names = data[4 + 4 * count:].split(b"\0", count)
        for offset, name in zip(offsets, names, strict=False):
            self.symbols.setdefault(name.decode("utf-8", "replace"), []).append(offset)

    def member(self, offset: int) -> Member | None:
        """Return the member whose header is at `offset`, None if there is none."""
        found = self._header(offset)
        if found is None or found[1] > MOST_MEMBER_BYTES:
            return None
        start = offset + _HEADER.size
        return Member(self._name(found[0]), self._data[start:start + found[1]])

    def _name(self, name: bytes) -> str:
        if name[:1] == b"/" and name[1:].isdigit():
            start = int(name[1:])
            end = self._long_names.find(b"\n", start, start + LONGEST_NAME)
            name = self._long_names[start:end] if end >= 0 else b"?"
        return name.removesuffix(b"/").decode("utf-8", "replace")
