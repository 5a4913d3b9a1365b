"""Which source each stretch of code was compiled from, by the debugging data alone.

For images whose linker left no map, and for objects that were joined before they came to the
linker.  It knows code only: data has no such table.
Source: DWARF 5, section 6.1.2, "Lookup by Address".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from kernel_magics.build.elf import ElfFile
from kernel_magics.inspect.images.unit_names import UnitNames

__all__ = ["UnitRange", "unit_ranges"]

# What a table claims is bounded: it is the image author's.
MOST_RANGES, MOST_UNITS = 1_000_000, 50_000
_HEADER = struct.Struct("<IHIBB")
_PAIR = struct.Struct("<QQ")
_LONG_FORMAT = 0xFFFFFFF0


class UnitRange(NamedTuple):
    """Code from `address`, `size_bytes` long, that was compiled from the file `source` in the
    folder `folder`."""

    address: int
    size_bytes: int
    source: str
    folder: str = ""


def unit_ranges(elf: ElfFile) -> list[UnitRange]:
    """Return the code of each compilation unit by address, [] if nothing says.

    Damaged tables give what they have up to the damage.
    """
    section = elf.section(".debug_aranges")
    if section is None or elf.section(".debug_info") is None:
        return []
    names = UnitNames(elf)
    known: dict[int, tuple[str, str] | None] = {}
    found = []
    for unit, address, size in _ranges(elf.section_bytes(section)):
        if unit not in known:
            if len(known) >= MOST_UNITS:
                break
            known[unit] = names.of(unit)
        name = known[unit]
        if name is not None:
            found.append(UnitRange(address, size, *name))
    return sorted(found)


def _ranges(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Give (offset of the unit, address, size) of every range with a size."""
    at = count = 0
    while at + _HEADER.size <= len(data):
        length, version, unit, address_bytes, segment_bytes = _HEADER.unpack_from(data, at)
        end = at + 4 + length
        if length >= _LONG_FORMAT or (version, address_bytes, segment_bytes) != (2, 8, 0) \
                or end > len(data):
            return
        # The first pair lies at a multiple of a pair's size, counted from the header.
        place = at + -(-_HEADER.size // _PAIR.size) * _PAIR.size
        while place + _PAIR.size <= end:
            address, size = _PAIR.unpack_from(data, place)
            place += _PAIR.size
            count += 1
            if count > MOST_RANGES:
                return
            if size:
                yield unit, address, size
        at = end
