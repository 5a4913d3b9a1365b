"""The line tables of an ELF file: names of source files at once, rows when they are asked for.

A kernel's table has hundreds of units, of which a question about one line needs one.

Source: DWARF 5, sections 6.2.4 and 6.2.5, and 7.22; DWARF 4, section 6.2.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from posixpath import join, normpath

from kernel_magics.build.elf import ElfFile
from kernel_magics.inspect.stacks.dwarf_bytes import ByteReader, DwarfError

__all__ = ["LineUnit", "read_units"]

MOST_UNITS = 20_000
MOST_FILES = 100_000
MOST_ROWS = 2_000_000
_EXTENDED_LENGTH = 0xFFFF_FFFF
_PATH, _DIRECTORY = 0x1, 0x2
# DW_LNS_*: how many numbers each standard operation has that is not told apart below.
_COPY, _ADVANCE_PC, _ADVANCE_LINE, _SET_FILE, _NEGATE, _CONST_ADD, _FIXED_ADVANCE = \
    1, 2, 3, 4, 6, 8, 9
_END_SEQUENCE, _SET_ADDRESS = 1, 2


@dataclass(frozen=True, slots=True)
class LineUnit:
    """The table of one unit: `files` by their index in it, "" where there is none."""

    files: list[str]
    program: bytes = field(repr=False)
    instruction_bytes: int
    is_statement: bool
    line_base: int
    line_range: int
    opcode_base: int
    lengths: tuple[int, ...]

    def statements(self, file: str) -> Iterator[tuple[int, int]]:
        """Yield (line, address) of the statements of a file, one for each run of code.

        Raises DwarfError where the table is damaged.
        """
        before: tuple[str, int] | None = None
        for address, index, line, is_statement, is_end in self._rows():
            if is_end:
                before = None
                continue
            here = (self.files[index] if index < len(self.files) else "", line)
            if here != before and here[0] == file and is_statement and line:
                yield line, address
            before = here

    def _rows(self) -> Iterator[tuple[int, int, int, bool, bool]]:
        """Run the program: yield address, file, line, whether a statement begins, the end."""
        reader = ByteReader(self.program)
        address, file, line, is_statement = 0, 1, 1, self.is_statement
        for _ in range(MOST_ROWS):
            if not reader.more():
                return
            code = reader.u8()
            if code >= self.opcode_base:
                step = code - self.opcode_base
                address += step // self.line_range * self.instruction_bytes
                line += self.line_base + step % self.line_range
                yield address, file, line, is_statement, False
            elif code == 0:
                operation = reader.part(reader.uleb())
                kind = operation.u8()
                if kind == _END_SEQUENCE:
                    yield address, file, line, is_statement, True
                    address, file, line, is_statement = 0, 1, 1, self.is_statement
                elif kind == _SET_ADDRESS:
                    address = int.from_bytes(operation.rest(), "little")
            elif code == _COPY:
                yield address, file, line, is_statement, False
            elif code == _ADVANCE_PC:
                address += reader.uleb() * self.instruction_bytes
            elif code == _ADVANCE_LINE:
                line += reader.sleb()
            elif code == _SET_FILE:
                file = reader.uleb()
            elif code == _NEGATE:
                is_statement = not is_statement
            elif code == _CONST_ADD:
                step = 255 - self.opcode_base
                address += step // self.line_range * self.instruction_bytes
            elif code == _FIXED_ADVANCE:
                address += reader.fixed(2)
            else:
                for _ in range(self.lengths[code - 1]):
                    reader.uleb()


def read_units(elf: ElfFile) -> list[LineUnit]:
    """Return the units of a file's line table, as far as it can be read."""
    section = elf.section(".debug_line")
    if section is None:
        return []
    data = elf.section_bytes(section)
    texts = {form: elf.section_bytes(found) if (found := elf.section(name)) else b""
             for form, name in ((0x1F, ".debug_line_str"), (0x0E, ".debug_str"))}
    units: list[LineUnit] = []
    reader = ByteReader(data)
    with suppress(DwarfError):
        while reader.more() and len(units) < MOST_UNITS:
            length = reader.fixed(4)
            if length == _EXTENDED_LENGTH:  # (nobody has 4 GiB of it)
                break
            with suppress(DwarfError, ZeroDivisionError):
                units.append(_unit(reader.part(length), texts))
    return units


def _unit(reader: ByteReader, texts: dict[int, bytes]) -> LineUnit:
    version = reader.fixed(2)
    if not 2 <= version <= 5:
        raise DwarfError(f"version {version}")
    if version >= 5:
        reader.skip(2)  # sizes of an address and of a segment selector
    header = reader.part(reader.fixed(4))
    instruction_bytes = header.u8()
    if version >= 4:
        header.skip(1)  # operations an instruction: 1 on this machine
    is_statement = bool(header.u8())
    line_base, line_range, opcode_base = header.fixed(1, True), header.u8(), header.u8()
    if not line_range or not opcode_base:
        raise DwarfError("a table without lines")
    lengths = tuple(header.u8() for _ in range(opcode_base - 1))
    files = _files(header, texts) if version >= 5 else _old_files(header)
    return LineUnit(files, reader.rest(), instruction_bytes, is_statement, line_base, line_range,
                    opcode_base, lengths)


def _files(header: ByteReader, texts: dict[int, bytes]) -> list[str]:
    folders = [name for name, _ in _entries(header, texts)]
    return [_path(folders[index] if index < len(folders) else "", name)
            for name, index in _entries(header, texts)]


def _entries(header: ByteReader, texts: dict[int, bytes]) -> list[tuple[str, int]]:
    """Return name and folder of the entries of a table of DWARF 5."""
    forms = [(header.uleb(), header.uleb()) for _ in range(header.u8())]
    found = []
    for _ in range(min(header.uleb(), MOST_FILES)):
        name, folder = "", 0
        for content, form in forms:
            value = _value(header, form, texts)
            if content == _PATH:
                name = str(value)
            elif content == _DIRECTORY and isinstance(value, int):
                folder = value
        found.append((name, folder))
    return found


def _value(header: ByteReader, form: int, texts: dict[int, bytes]) -> int | str:
    """Return an attribute in one of the forms that line tables may use (DWARF 5, 7.22.3)."""
    if form in texts:
        return ByteReader(texts[form], header.fixed(4)).text()
    if form == 0x08:
        return header.text()
    if form == 0x0F:
        return header.uleb()
    if form == 0x09:
        header.skip(header.uleb())
        return 0
    sizes = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}
    if form not in sizes:
        raise DwarfError(f"a form {form:#x}")
    return header.fixed(sizes[form])


def _old_files(header: ByteReader) -> list[str]:
    """Return the files of a table before DWARF 5, which count from 1."""
    folders = [""]
    while name := header.text():
        folders.append(name)
    files = [""]
    while name := header.text():
        folder = header.uleb()
        header.uleb(), header.uleb()  # when it was changed, and its size
        files.append(_path(folders[folder] if folder < len(folders) else "", name))
    return files


def _path(folder: str, name: str) -> str:
    path = join(folder, name)
    return normpath(path) if path else ""
