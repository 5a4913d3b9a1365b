"""Symbols and source lines of a program or library that a process has mapped."""

from __future__ import annotations

import re
import tempfile
from bisect import bisect_right
from functools import cached_property
from itertools import count
from pathlib import Path
from weakref import WeakKeyDictionary

from kernel_magics.build.elf import ElfFile, Section
from kernel_magics.errors import LabError
from kernel_magics.inspect.images.lines import LineTable, SourcePlace
from kernel_magics.inspect.images.names import demangle
from kernel_magics.inspect.images.symbol import Symbol

__all__ = ["FileSymbols"]

SHT_SYMTAB, SHT_DYNSYM = 2, 11
MOST_SYMBOLS = 1_000_000
_ENTRY_BYTES = 24
_FUNCTION, _INDIRECT, _OBJECT = 2, 10, 1
_KINDS = {_FUNCTION: "function", _INDIRECT: "function", _OBJECT: "object"}
_LIBC = re.compile(r"^(libc[.-]|ld-|ld\.|libpthread|libm[.-]|librt|libdl|libresolv|libnss_)")

_folders: list[tempfile.TemporaryDirectory[str]] = []
_numbers = count()
_written: WeakKeyDictionary[ElfFile, Path] = WeakKeyDictionary()


class FileSymbols:
    """The functions and objects of one ELF file; what a stripped one exports is enough.

    Addresses are those the file was linked for.
    """

    def __init__(self, elf: ElfFile) -> None:
        self._elf = elf
        self.layer = "libc" if _LIBC.match(elf.path.name) else "app"

    @cached_property
    def _symbols(self) -> list[Symbol]:
        sections = self._elf.sections
        table = next((one for kind in (SHT_SYMTAB, SHT_DYNSYM) for one in sections
                      if one.type == kind and one.link < len(sections)), None)
        if table is None:
            return []
        found: dict[int, Symbol] = {}
        for symbol in self._read(table):
            known = found.get(symbol.address)
            if known is None or _rank(symbol) < _rank(known):
                found[symbol.address] = symbol
        names = demangle([one.name for one in found.values() if one.name.startswith("_Z")])
        return [Symbol(names.get(one.name, one.name).partition("(")[0], one.address,
                       one.size_bytes, one.layer, one.kind)
                for one in sorted(found.values(), key=lambda one: one.address)]

    def _read(self, table: Section) -> list[Symbol]:
        data = self._elf.section_bytes(table)
        strings = self._elf.section_bytes(self._elf.sections[table.link])
        found = []
        for at in range(0, min(len(data), MOST_SYMBOLS * _ENTRY_BYTES) - _ENTRY_BYTES + 1,
                        _ENTRY_BYTES):
            kind = _KINDS.get(data[at + 4] & 15)
            address = int.from_bytes(data[at + 8:at + 16], "little")
            if kind is None or not address or data[at + 6:at + 8] == b"\0\0":
                continue
            offset = int.from_bytes(data[at:at + 4], "little")
            end = strings.find(b"\0", offset)
            name = strings[offset:end].decode("utf-8", "replace") if end > offset else ""
            if name:
                size = int.from_bytes(data[at + 16:at + 24], "little")
                found.append(Symbol(name, address, size, self.layer, kind))
        return found

    @cached_property
    def _starts(self) -> list[int]:
        return [one.address for one in self._symbols]

    def at(self, address: int) -> tuple[Symbol, int] | None:
        """Return the symbol that covers an address and the offset into it, or None."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        symbol = self._symbols[index]
        return (symbol, address - symbol.address) \
            if address < symbol.address + max(symbol.size_bytes, 1) else None

    def search(self) -> list[Symbol]:
        """Return all symbols by address."""
        return list(self._symbols)

    def lines(self, address: int) -> tuple[SourcePlace, ...]:
        """Return where an address is in the source, () if the file does not say."""
        return self._line_table.at(address) if self._line_table is not None else ()

    @cached_property
    def _line_table(self) -> LineTable | None:
        path = self.path_with_lines
        try:
            return LineTable(ElfFile.read(path)) if path is not None else None
        except LabError:
            return None

    @cached_property
    def path_with_lines(self) -> Path | None:
        """A file on this machine with the debugging information, None if there is none."""
        if self._elf.section(".debug_info") is None:
            return None
        if not _folders:
            _folders.append(tempfile.TemporaryDirectory(prefix="rumplab-elf-"))
        if self._elf not in _written:
            # Never written again: who reads it has it mapped.
            path = Path(_folders[0].name) / f"{next(_numbers)}-{self._elf.path.name}"
            path.write_bytes(self._elf.data)
            _written[self._elf] = path
        return _written[self._elf]


def _rank(symbol: Symbol) -> tuple[bool, bool, int]:
    """Order the names of one address: functions first, without underscores, the shortest."""
    return symbol.kind != "function", symbol.name.startswith("_"), len(symbol.name)
