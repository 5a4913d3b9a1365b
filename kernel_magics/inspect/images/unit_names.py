"""The source file and the folder of a compilation unit, read from its first entry alone.

A reader of all debugging data takes seconds for what an image of six hundred units has; the
first entry of each is read here in milliseconds.
Source: DWARF 5, sections 7.5.1 (unit headers), 7.5.3 (abbreviations) and 7.5.6 (forms).
"""

from __future__ import annotations

from kernel_magics.build.elf import SHT_NOBITS, ElfFile
from kernel_magics.inspect.stacks.dwarf_bytes import ByteReader, DwarfError

__all__ = ["UnitNames"]

LONGEST_NAME = 4096
_MOST_ATTRIBUTES = 256
_COMPRESSED = 0x800
_COMPILE_UNIT = b"\x11"    # DW_TAG_compile_unit
_NAME, _FOLDER = 0x03, 0x1B
_UNIT_TYPES = (1, 3)    # DW_UT_compile, DW_UT_partial
_STRING, _IMPLICIT = 0x08, 0x21
# Forms that are an offset into a section of texts: DW_FORM_strp and DW_FORM_line_strp.
_TEXTS = {0x0E: ".debug_str", 0x1F: ".debug_line_str"}
_SIZES = {0x01: 8, 0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x0E: 4, 0x10: 4, 0x11: 1,
          0x12: 2, 0x13: 4, 0x14: 8, 0x17: 4, 0x19: 0, 0x1C: 4, 0x1D: 4, 0x1E: 16, 0x1F: 4,
          0x20: 8, _IMPLICIT: 0, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2,
          0x2B: 3, 0x2C: 4}
_NUMBERS = frozenset((0x0D, 0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23))
_BLOCKS = {0x03: 2, 0x04: 4, 0x0A: 1, 0x09: 0, 0x18: 0}    # bytes of the length, 0: LEB128


class UnitNames:
    """Reads the names of the compilation units of one file.

    Damaged or unknown units have none; nothing is raised.
    """

    def __init__(self, elf: ElfFile) -> None:
        self._info, self._abbreviations = (_bytes(elf, name)
                                           for name in (".debug_info", ".debug_abbrev"))
        self._texts = {form: _bytes(elf, name) for form, name in _TEXTS.items()}
        self._shapes: dict[tuple[int, bytes], list[tuple[int, int]]] = {}

    def of(self, offset: int) -> tuple[str, str] | None:
        """Return (source, folder) of the unit at `offset` in .debug_info, None if not known."""
        try:
            found = self._attributes(ByteReader(self._info, offset))
        except DwarfError:
            return None
        return (found[_NAME], found.get(_FOLDER, "")) if found.get(_NAME) else None

    def _attributes(self, reader: ByteReader) -> dict[int, str]:
        """Return the texts of a unit's first entry by attribute."""
        length = reader.fixed(4)
        if length >= 0xFFFFFFF0:
            raise DwarfError("64-bit units")
        reader = reader.part(length)
        version = reader.fixed(2)
        if version == 5:
            if reader.u8() not in _UNIT_TYPES:
                raise DwarfError("no unit of code")
            reader.skip(1)
            place = reader.fixed(4)
        else:
            place = reader.fixed(4)
            reader.skip(1)
        found: dict[int, str] = {}
        start = reader.position
        reader.uleb()
        for attribute, form in self._shape(place, self._info[start:reader.position]):
            text = self._read(form, reader)
            if attribute in (_NAME, _FOLDER):
                found[attribute] = text
                if len(found) == 2:
                    break
        return found

    def _shape(self, place: int, code: bytes) -> list[tuple[int, int]]:
        """Return (attribute, form) of the entries with an abbreviation code."""
        if (place, code) not in self._shapes:
            self._shapes[place, code] = _abbreviation(self._abbreviations, place, code)
        return self._shapes[place, code]

    def _read(self, form: int, reader: ByteReader) -> str:
        """Go over one value; return it if it is a text."""
        if form in _TEXTS:
            return _text(self._texts[form], reader.fixed(4))
        if form == _STRING:
            start = reader.position
            reader.text()
            return _text(self._info, start)
        if form in _SIZES:
            reader.skip(_SIZES[form])
        elif form in _NUMBERS:
            reader.uleb()
        elif form in _BLOCKS:
            size = _BLOCKS[form]
            reader.skip(reader.fixed(size) if size else reader.uleb())
        else:
            raise DwarfError(f"form {form:#x}")
        return ""


def _abbreviation(data: bytes, place: int, code: bytes) -> list[tuple[int, int]]:
    """Return the (attribute, form) pairs of a compilation unit's abbreviation.

    Compilers put it anywhere in the unit's table; the two zeros that end the one before it,
    its code and its tag together stand nowhere else, so it is searched for.
    """
    start = code + _COMPILE_UNIT
    if data.startswith(start, place):
        at = place
    else:
        at = data.find(b"\0\0" + start, place) + 2
        if at < 2:
            raise DwarfError("a unit without abbreviation")
    return _pairs(ByteReader(data, at + len(start) + 1))    # behind "has children"


def _pairs(reader: ByteReader) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    for _ in range(_MOST_ATTRIBUTES):
        attribute, form = reader.uleb(), reader.uleb()
        if not attribute and not form:
            return pairs
        if form == _IMPLICIT:
            reader.sleb()
        pairs.append((attribute, form))
    raise DwarfError("an abbreviation without end")


def _bytes(elf: ElfFile, name: str) -> bytes:
    section = elf.section(name)
    if section is None or section.type == SHT_NOBITS or section.flags & _COMPRESSED:
        return b""
    return elf.section_bytes(section)


def _text(data: bytes, start: int) -> str:
    end = data.find(b"\0", start, start + LONGEST_NAME)
    if end < 0:
        raise DwarfError("a text without end")
    return data[start:end].decode("utf-8", "replace")
