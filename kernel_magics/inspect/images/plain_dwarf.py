"""Debugging data of C++ in C's terms, which are those that drgn reads.

drgn 0.3 knows neither references nor base classes: whoever asks for a variable of such a type
gets an error, or a structure that lacks what it inherits.  Both have a twin in C that lies in
memory in the same way: a reference is a pointer, and a base class an unnamed member.  What an
entry is stands once in its abbreviation, so a changed byte there tells all of them.
Source: DWARF 5, sections 7.5.3 (abbreviations) and 7.5.4 (tags).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kernel_magics.build.elf import SHT_NOBITS, ElfFile
from kernel_magics.errors import ImageError
from kernel_magics.inspect.stacks.dwarf_bytes import ByteReader, DwarfError

__all__ = ["plain_tags", "try_file"]

_POINTER, _MEMBER, _BASE = 0x0F, 0x0D, 0x1C
# Reference, rvalue reference, pointer to member; a base class.
_TWINS = {0x10: _POINTER, 0x42: _POINTER, 0x1F: _POINTER, _BASE: _MEMBER}
_VIRTUALITY = 0x4C  # of a base class whose place only the object itself knows
_IMPLICIT = 0x21
_COMPRESSED = 0x800
MOST_ATTRIBUTES = 256
MOST_BYTES = 64 << 20  # of abbreviations: more than the largest of Debian's files has
_MANGLED = b"\0_Z"


def try_file(module: Any, path: Path | str) -> None:
    """Give a drgn.Module the debugging data of a file, C++ in C's terms.

    Raises what drgn raises for a file it cannot read; the file itself is not changed.
    """
    changed = _changed(Path(path))
    if changed is None:
        module.try_file(str(path))
        return
    copy = os.memfd_create(Path(path).name[:200])
    try:
        with open(copy, "wb", closefd=False) as file:
            file.write(changed)
    except OSError:
        os.close(copy)
        raise
    module.try_file(str(path), fd=copy)  # (which is drgn's from now on)


def _changed(path: Path) -> bytearray | None:
    """Return a file's bytes with other tags; None if it needs none, or is not to be read."""
    try:
        elf = ElfFile.read(path)
    except ImageError:
        return None  # drgn says what is wrong with it
    section = elf.section(".debug_abbrev")
    if section is None or section.type == SHT_NOBITS or section.flags & _COMPRESSED \
            or section.size > MOST_BYTES or not _is_cxx(elf):
        return None
    tags = plain_tags(elf.section_bytes(section))
    if not tags:
        return None
    data = bytearray(elf.data)
    for offset, tag in tags.items():
        data[section.offset + offset] = tag
    return data


def _is_cxx(elf: ElfFile) -> bool:
    """Whether names are mangled: what was compiled from C is not worth a walk."""
    for name in (".strtab", ".dynstr", ".debug_str"):
        section = elf.section(name)
        if section is not None and section.type != SHT_NOBITS \
                and _MANGLED in elf.section_bytes(section):
            return True
    return False


def plain_tags(abbreviations: bytes) -> dict[int, int]:
    """Return offset → tag of what is to be changed in a section of abbreviations.

    Damaged data is told up to the damage; nothing is raised.
    """
    reader = ByteReader(abbreviations, 0)
    found: dict[int, int] = {}
    try:
        while reader.position < len(abbreviations):
            if not reader.uleb():  # the end of a unit's table
                continue
            offset = reader.position
            tag = reader.uleb()
            reader.skip(1)  # whether it has children
            is_virtual = _attributes_have(reader, _VIRTUALITY)
            if tag in _TWINS and not (tag == _BASE and is_virtual):
                found[offset] = _TWINS[tag]
    except DwarfError:
        pass
    return found


def _attributes_have(reader: ByteReader, wanted: int) -> bool:
    """Go over an abbreviation's attributes; return whether one is among them."""
    is_there = False
    for _ in range(MOST_ATTRIBUTES):
        attribute, form = reader.uleb(), reader.uleb()
        if form == _IMPLICIT:
            reader.sleb()
        if not attribute and not form:
            return is_there
        is_there = is_there or attribute == wanted
    raise DwarfError("an abbreviation without end")
