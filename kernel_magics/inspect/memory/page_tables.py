"""What a level-4 page table maps: ranges of addresses with their pages and permissions.

Source: Intel SDM volume 3, section 4.5, "4-level paging"; images/rumpkit/bmk/map.c.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import unpack

from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.ram import PAGE_BYTES

__all__ = ["MappedRange", "PageTables"]

# No guest of this lab needs more: 64 GiB of RAM in small pages.
MOST_TABLES = 40_000
_PRESENT, _WRITE, _LARGE, _NO_EXECUTE = 1, 2, 1 << 7, 1 << 63
_ADDRESS = 0x000F_FFFF_FFFF_F000
_ENTRIES = 512
_SIGN = 1 << 47


@dataclass(frozen=True, slots=True)
class MappedRange:
    """Addresses that are mapped to physical ones in one run; `permissions` as "r-x"."""

    start: int
    end: int
    physical: int
    permissions: str

    @property
    def size_bytes(self) -> int:
        """Its length."""
        return self.end - self.start


class PageTables:
    """Reads the tables at physical address `root` whole.

    `read(address, size_bytes)` reads physical memory.  Tables that lead out of RAM, or are
    more than a guest can have (a cycle), are reported in `problems`; the rest is read.
    `tables` holds the physical address of each table that was read.
    """

    def __init__(self, read: Callable[[int, int], bytes], root: int) -> None:
        self._read = read
        self.root = root & _ADDRESS
        self.problems: list[str] = []
        self.tables: set[int] = set()

    def ranges(self, start: int = 0, end: int = 1 << 64) -> list[MappedRange]:
        """Return what is mapped in an interval, by address; neighbours are joined."""
        self.tables.clear()
        joined: list[MappedRange] = []
        for part in self._walk(self.root, 39, 0, start, end):
            last = joined[-1] if joined else None
            if last and last.end == part.start and last.permissions == part.permissions \
                    and last.physical + last.size_bytes == part.physical:
                joined[-1] = MappedRange(last.start, part.end, last.physical, last.permissions)
            else:
                joined.append(part)
        return joined

    def _walk(self, table: int, shift: int, base: int, start: int,
              end: int) -> Iterator[MappedRange]:
        entries = self._entries(table)
        span = 1 << shift
        for index, entry in enumerate(entries):
            if not entry:
                continue
            address = base + index * span
            if shift == 39 and address & _SIGN:
                address |= 0xFFFF_0000_0000_0000
            if address >= end or address + span <= start or not entry & _PRESENT:
                continue
            if shift == 12 or (shift < 39 and entry & _LARGE):
                physical = entry & _ADDRESS & -span
                yield MappedRange(address, address + span, physical, _permissions(entry))
            else:
                yield from self._walk(entry & _ADDRESS, shift - 9, address, start, end)

    def _entries(self, table: int) -> tuple[int, ...]:
        if table in self.tables and table != self.root:
            self.problems.append(f"the page table at {table:#x} is used twice")
            return ()
        if len(self.tables) >= MOST_TABLES:
            return ()
        self.tables.add(table)
        if len(self.tables) == MOST_TABLES:
            self.problems.append(f"more than {MOST_TABLES} page tables; the rest is left out")
        try:
            return unpack(f"<{_ENTRIES}Q", self._read(table, PAGE_BYTES))
        except GuestError:
            self.problems.append(f"a page table would be at {table:#x}, outside the RAM")
            return ()


def _permissions(entry: int) -> str:
    return f"r{'w' if entry & _WRITE else '-'}{'-' if entry & _NO_EXECUTE else 'x'}"
