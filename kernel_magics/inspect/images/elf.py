"""Tables of an ELF file as arrays: its symbols, ten thousand at a time.

Source: System V ABI, chapter 4, "Symbol Table".
"""

from dataclasses import dataclass

import numpy as np

from kernel_magics.build.elf import ElfFile, Section
from kernel_magics.errors import ImageError

__all__ = ["SymbolTable", "read_symbol_files", "read_symbol_table"]

SHT_SYMTAB, _FILE = 2, 4
MOST_SYMBOLS = 4_000_000
# Names share the tails of others, so together they may be longer than the string table; a
# damaged table whose names overlap without end must not fill the memory.
_NAMES_PER_STRING_BYTE, LONGEST_NAME = 8, 64 * 1024
_SHN_LORESERVE = 0xFF00
_ENTRY = np.dtype([("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"),
                   ("value", "<u8"), ("size", "<u8")])
_TYPES = {0: "label", 1: "object", 2: "function", 6: "tls", 10: "function"}


@dataclass(frozen=True)
class SymbolTable:
    """The defined, named symbols of a file, sorted by address; all columns equally long.

    `kinds` are "function", "object", "label" (no type: assembly) and "tls" (its address
    is an offset into each thread's block); `sections` are indices of section headers.
    """

    names: list[str]
    addresses: np.ndarray
    sizes: np.ndarray
    sections: np.ndarray
    kinds: list[str]
    is_global: np.ndarray


def read_symbol_table(elf: ElfFile) -> SymbolTable:
    """Return the symbols of `elf`, none if it was stripped.

    Raises ImageError if the table is damaged.
    """
    section = next((one for one in elf.sections if one.type == SHT_SYMTAB), None)
    if section is None:
        return _table(np.empty(0, _ENTRY), b"", elf)
    data = elf.section_bytes(section)
    if len(data) % _ENTRY.itemsize or section.link >= len(elf.sections) \
            or len(data) // _ENTRY.itemsize > MOST_SYMBOLS:
        raise _damaged(elf)
    entries = np.frombuffer(data, _ENTRY)
    return _table(entries[_is_named_definition(entries, elf.sections)],
                  elf.section_bytes(elf.sections[section.link]), elf)


def read_symbol_files(elf: ElfFile) -> dict[tuple[str, int], str]:
    """Return (name, address) → source file, for symbols that only their own file knows.

    The files stand in the table, each before its symbols; {} if `elf` was stripped.
    """
    section = next((one for one in elf.sections if one.type == SHT_SYMTAB), None)
    if section is None or section.link >= len(elf.sections):
        return {}
    data = elf.section_bytes(section)
    entries = np.frombuffer(data[:len(data) - len(data) % _ENTRY.itemsize], _ENTRY)
    entries = entries[:min(section.info, MOST_SYMBOLS)]    # those are local
    names = _names(entries["name"], elf.section_bytes(elf.sections[section.link]), elf)
    found: dict[tuple[str, int], str] = {}
    file = ""
    for name, kind, address in zip(names, (entries["info"] & 15).tolist(),
                                   entries["value"].tolist(), strict=True):
        if kind == _FILE:
            file = name
        elif name and file:
            found[name, address] = file
    return found


def _damaged(elf: ElfFile) -> ImageError:
    return ImageError(f"{elf.path} is damaged: its symbol table cannot be read",
                      next_step="build the image again", path=elf.path)


def _is_named_definition(entries: np.ndarray, sections: tuple[Section, ...]) -> np.ndarray:
    known_type = np.isin(entries["info"] & 15, list(_TYPES))
    index = entries["section"]
    loaded = np.array([section.is_loaded for section in sections], bool)
    defined = (index > 0) & (index < len(sections)) & (index < _SHN_LORESERVE)
    defined[defined] = loaded[index[defined]]
    return known_type & defined & (entries["name"] > 0)


def _table(entries: np.ndarray, strings: bytes, elf: ElfFile) -> SymbolTable:
    entries = entries[np.argsort(entries["value"], kind="stable")]
    kinds = [_TYPES[kind] for kind in (entries["info"] & 15).tolist()]
    return SymbolTable(_names(entries["name"], strings, elf), entries["value"].copy(),
                       entries["size"].copy(), entries["section"].copy(), kinds,
                       (entries["info"] >> 4) != 0)


def _names(offsets: np.ndarray, strings: bytes, elf: ElfFile) -> list[str]:
    """Return the name at each offset; the ends of all are found at once."""
    ends = np.flatnonzero(np.frombuffer(strings, np.uint8) == 0)
    ends = np.append(ends, len(strings))
    stops = ends[np.searchsorted(ends, np.minimum(offsets, len(strings)))]
    lengths = np.clip(stops - offsets.astype(np.int64), 0, LONGEST_NAME)
    if int(lengths.sum()) > _NAMES_PER_STRING_BYTE * (len(strings) + 1024):
        raise _damaged(elf)
    return [strings[start:start + length].decode("utf-8", "replace")
            for start, length in zip(offsets.tolist(), lengths.tolist(), strict=True)]
