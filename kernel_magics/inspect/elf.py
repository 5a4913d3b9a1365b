"""Tables of an ELF file as arrays: its symbols, ten thousand at a time.

Source: System V ABI, chapter 4, "Symbol Table".
"""

from dataclasses import dataclass

import numpy as np

from kernel_magics.build.elf import ElfFile, Section
from kernel_magics.errors import ImageError

__all__ = ["SymbolTable", "read_symbol_table"]

SHT_SYMTAB = 2
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
        return _table(np.empty(0, _ENTRY), b"")
    data = elf.section_bytes(section)
    if len(data) % _ENTRY.itemsize or section.link >= len(elf.sections):
        raise ImageError(f"{elf.path} is damaged: its symbol table cannot be read",
                         next_step="build the image again", path=elf.path)
    entries = np.frombuffer(data, _ENTRY)
    return _table(entries[_is_named_definition(entries, elf.sections)],
                  elf.section_bytes(elf.sections[section.link]))


def _is_named_definition(entries: np.ndarray, sections: tuple[Section, ...]) -> np.ndarray:
    known_type = np.isin(entries["info"] & 15, list(_TYPES))
    index = entries["section"]
    loaded = np.array([section.is_loaded for section in sections], bool)
    defined = (index > 0) & (index < len(sections)) & (index < _SHN_LORESERVE)
    defined[defined] = loaded[index[defined]]
    return known_type & defined & (entries["name"] > 0)


def _table(entries: np.ndarray, strings: bytes) -> SymbolTable:
    entries = entries[np.argsort(entries["value"], kind="stable")]
    names = [_string(strings, offset) for offset in entries["name"].tolist()]
    kinds = [_TYPES[kind] for kind in (entries["info"] & 15).tolist()]
    return SymbolTable(names, entries["value"].copy(), entries["size"].copy(),
                       entries["section"].copy(), kinds, (entries["info"] >> 4) != 0)


def _string(strings: bytes, offset: int) -> str:
    end = strings.find(b"\0", offset)
    return strings[offset:end if end >= 0 else len(strings)].decode("utf-8", "replace")
