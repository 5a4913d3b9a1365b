"""The sections, segments and notes of an image, as readelf would name them.

Source: System V ABI, chapters 4 and 5, and its x86-64 supplement; the notes of GNU, Xen and
SystemTap's probes; images/rumpkit/include/lab_abi.h for the lab's own.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kernel_magics.build.elf import PT_LOAD, SHT_NOBITS, ElfFile, Note, Section, Segment
from kernel_magics.inspect.images.layers import layer_of_section
from kernel_magics.inspect.images.tables import tables_of

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.build.image import GuestImage

__all__ = ["HeaderTable", "notes_of", "sections_of", "segments_of"]

_SECTION_TYPES = {0: "NULL", 1: "PROGBITS", 2: "SYMTAB", 3: "STRTAB", 4: "RELA", 5: "HASH",
                  6: "DYNAMIC", 7: "NOTE", 8: "NOBITS", 9: "REL", 11: "DYNSYM",
                  14: "INIT_ARRAY", 15: "FINI_ARRAY", 16: "PREINIT_ARRAY", 17: "GROUP",
                  0x6FFFFFF6: "GNU_HASH", 0x70000001: "X86_64_UNWIND"}
_SECTION_FLAGS = ((1, "W"), (2, "A"), (4, "X"), (0x10, "M"), (0x20, "S"), (0x40, "I"),
                  (0x80, "L"), (0x200, "G"), (0x400, "T"), (0x800, "C"))
_SEGMENT_TYPES = {0: "NULL", 1: "LOAD", 2: "DYNAMIC", 3: "INTERP", 4: "NOTE", 6: "PHDR", 7: "TLS",
                  0x6474E550: "GNU_EH_FRAME", 0x6474E551: "GNU_STACK", 0x6474E552: "GNU_RELRO",
                  0x6474E553: "GNU_PROPERTY"}
_NOTE_TYPES = {("GNU", 1): "ABI_TAG", ("GNU", 3): "BUILD_ID", ("GNU", 5): "PROPERTY",
               ("rumplab", 1): "HEADER", ("Xen", 18): "PHYS32_ENTRY", ("stapsdt", 3): "PROBE"}
_SHOWN_BYTES = 24


class HeaderTable:
    """Rows of one kind of an image's headers; a sequence of the rows as build.elf reads them."""

    def __init__(self, title: str, rows: Sequence[Any], columns: dict[str, Callable[[Any], Any]],
                 hexadecimal: tuple[str, ...] = ()) -> None:
        self.title = title
        self.rows = tuple(rows)
        self._columns = columns
        self._hexadecimal = hexadecimal

    @property
    def df(self) -> pd.DataFrame:
        """A row per header; addresses, offsets and sizes are numbers of bytes."""
        import pandas as pd

        return pd.DataFrame({name: [read(row) for row in self.rows]
                             for name, read in self._columns.items()})

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __getitem__(self, key: int | str) -> Any:
        """Return a row by its number, or by name where rows have one; KeyError if none has."""
        if isinstance(key, str):
            for row in self.rows:
                if getattr(row, "name", None) == key:
                    return row
            raise KeyError(key)
        return self.rows[key]

    @property
    def cells(self) -> list[list[str]]:
        """The heads, then a list of texts for each row; addresses and offsets in hexadecimal."""
        return [list(self._columns), *([self._text(name, read(row)) for name, read
                                        in self._columns.items()] for row in self.rows)]

    def __repr__(self) -> str:
        cells = self.cells
        widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
                 .rstrip() for row in cells]
        return "\n".join([self.title, *lines])

    def _text(self, column: str, value: Any) -> str:
        return f"{value:#x}" if column in self._hexadecimal and isinstance(value, int) \
            else str(value)


def sections_of(image: GuestImage) -> HeaderTable:
    """Return the section headers: name, type, flags in readelf's letters, address, offset,
    size_bytes, alignment, layer ("" for what is not loaded)."""
    elf = tables_of(image.path).elf
    rows = [section for section in elf.sections if section.type]
    return HeaderTable(f"{len(rows)} sections of {image.name}", rows, {
        "name": lambda one: one.name, "type": lambda one: _word(_SECTION_TYPES, one.type),
        "flags": _section_flags, "address": lambda one: one.address,
        "offset": lambda one: one.offset, "size_bytes": lambda one: one.size,
        "alignment": lambda one: one.alignment,
        "layer": lambda one: layer_of_section(one.name) or "" if one.is_loaded else ""},
        ("address", "offset"))


def segments_of(image: GuestImage) -> HeaderTable:
    """Return the program headers: type, permissions ("r-x"), address, physical_address,
    offset, file_bytes, memory_bytes, alignment, and the sections in each."""
    elf = tables_of(image.path).elf
    return HeaderTable(f"{len(elf.segments)} segments of {image.name}", elf.segments, {
        "type": lambda one: _word(_SEGMENT_TYPES, one.type),
        "permissions": permissions, "address": lambda one: one.virtual_address,
        "physical_address": lambda one: one.physical_address,
        "offset": lambda one: one.offset, "file_bytes": lambda one: one.file_bytes,
        "memory_bytes": lambda one: one.memory_bytes, "alignment": lambda one: one.alignment,
        "sections": lambda one: " ".join(section.name for section in elf.sections
                                         if _is_in(section, one))},
        ("address", "physical_address", "offset"))


def notes_of(image: GuestImage) -> HeaderTable:
    """Return the notes: owner, type, size_bytes, and what each says."""
    elf = tables_of(image.path).elf
    return HeaderTable(f"{len(elf.notes)} notes of {image.name}", elf.notes, {
        "owner": lambda one: one.owner,
        "type": lambda one: _NOTE_TYPES.get((one.owner, one.type), str(one.type)),
        "size_bytes": lambda one: len(one.data), "says": lambda one: _note_text(one, elf)})


def permissions(segment: Segment) -> str:
    """Return a segment's permissions as three letters: "r-x"."""
    return "".join(letter if segment.flags & bit else "-"
                   for letter, bit in (("r", 4), ("w", 2), ("x", 1)))


def _word(words: dict[int, str], number: int) -> str:
    return words.get(number, f"{number:#x}")


def _section_flags(section: Section) -> str:
    return "".join(letter for bit, letter in _SECTION_FLAGS if section.flags & bit)


def _is_in(section: Section, segment: Segment) -> bool:
    """Whether a segment holds a section; a thread's zeroed block is only in the TLS segment."""
    if not section.is_loaded:
        return False
    is_template = bool(section.flags & 0x400) and section.type == SHT_NOBITS
    if is_template and segment.type == PT_LOAD:
        return False
    start = section.address - segment.virtual_address
    return start >= 0 and start + section.size <= segment.memory_bytes and \
        (section.size > 0 or start < segment.memory_bytes)


def _note_text(note: Note, elf: ElfFile) -> str:
    data, kind = note.data, _NOTE_TYPES.get((note.owner, note.type))
    if kind == "BUILD_ID":
        return data.hex()
    if kind == "PHYS32_ENTRY" and len(data) >= 4:
        return f"a PVH loader enters at {int.from_bytes(data[:8], 'little'):#x}"
    if kind == "HEADER" and len(data) >= 16:
        version, size, address = struct.unpack_from("<IIQ", data)
        return f"lab ABI {version}: a header of {size} bytes at {address:#x}"
    if kind == "ABI_TAG" and len(data) >= 16:
        system, *release = struct.unpack_from("<IIII", data)
        name = {0: "Linux", 1: "Hurd", 2: "Solaris", 3: "FreeBSD"}.get(system, f"system {system}")
        return f"for {name} {'.'.join(map(str, release))} and later"
    return data[:_SHOWN_BYTES].hex(" ") + (" …" if len(data) > _SHOWN_BYTES else "")
