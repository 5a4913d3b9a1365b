"""Whose code each entry of the unwind tables is about.

Linkers join the tables of all objects and drop what repeats, so that no map of an object's own
link fits them; but each entry says where the code begins that it is about.
Source: Linux Standard Base core 5.0, section 10.6, "Exception Frames".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from kernel_magics.build.elf import SHT_NOBITS, ElfFile

__all__ = ["unwind_entries"]

MOST_ENTRIES = 1_000_000
_HEAD = struct.Struct("<II")
_START = struct.Struct("<i")
_LONG_FORMAT = 0xFFFFFFF0


def unwind_entries(elf: ElfFile, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Give (address, size, code) of each entry of .eh_frame from `start` to `end`, addresses.

    `code` is where the code begins; of an entry that others share, that of the next one that
    has its own.  Pointers are read as compilers for x86-64 write them: 32 bits, relative.
    """
    section = elf.section(".eh_frame")
    if section is None or section.type == SHT_NOBITS or start < section.address:
        return
    data = elf.section_bytes(section)
    at, stop = start - section.address, min(end - section.address, len(data))
    shared = at    # where the first entry that waits for an owner begins
    for _ in range(MOST_ENTRIES):
        if at + _HEAD.size > stop:
            return
        length, kind = _HEAD.unpack_from(data, at)
        following = at + 4 + length
        if length >= _LONG_FORMAT or following > stop:
            return
        if length and kind and at + 12 <= stop:
            code = section.address + at + 8 + _START.unpack_from(data, at + 8)[0]
            yield section.address + shared, following - shared, code
            shared = following
        at = following
