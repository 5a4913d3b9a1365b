"""What the link sets of a Rumprun image name: the modules and protocol families in it.

They are what is left to tell of an image without symbols, since sections keep their names.
Source: sys/sys/{cdefs_elf,module,domain}.h of NetBSD 7 (__link_set_add_rodata, struct modinfo,
struct domain).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from kernel_magics.build.elf import ElfFile

__all__ = ["named_in_link_sets"]

# Section → what its entries point to, and where in that the pointer to a name is, in bytes.
_SETS = {"link_set_modules": ("modules", 16), "link_set_domains": ("protocol families", 8)}
_MOST_ENTRIES, _MOST_NAME_BYTES = 256, 32
_WORD = struct.Struct("<Q")


def named_in_link_sets(elf: ElfFile) -> dict[str, tuple[str, ...]]:
    """Return the names of modules ("ext2fs", "ffs" …) and of protocol families ("internet" …)
    that are linked in, by what they are; a damaged entry is left out."""
    found = {}
    for section_name, (what, offset) in _SETS.items():
        section = elf.section(section_name)
        data = elf.section_bytes(section)[:_MOST_ENTRIES * _WORD.size] if section else b""
        entries = [place for (place,) in _WORD.iter_unpack(data[:len(data) // 8 * 8])]
        if names := sorted(set(_names(elf, entries, offset))):
            found[what] = tuple(names)
    return found


def _names(elf: ElfFile, entries: list[int], offset: int) -> Iterator[str]:
    for entry in entries:
        pointer = _bytes_at(elf, entry + offset, _WORD.size)
        if len(pointer) == _WORD.size:
            text = _bytes_at(elf, _WORD.unpack(pointer)[0], _MOST_NAME_BYTES).partition(b"\0")[0]
            if text and text.isascii() and text.decode().isprintable():
                yield text.decode()


def _bytes_at(elf: ElfFile, address: int, size_bytes: int) -> bytes:
    section = elf.section_at(address)
    if section is None:
        return b""
    at = address - section.address
    return elf.section_bytes(section)[at:at + size_bytes]
