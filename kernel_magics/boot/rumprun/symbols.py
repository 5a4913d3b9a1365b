"""The few symbols of a Rumprun image that booting it needs, found without an index of all."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kernel_magics.build.elf import ElfFile

__all__ = ["BootSymbols", "boot_symbols", "find_symbols", "count_programs", "idle_code"]

MOST_PROGRAMS = 8
_SYMBOL = struct.Struct("<IBBHQQ")  # Elf64_Sym, gABI chapter 4
_UNWIND_TABLES, _THROW = 0x6474E550, "__cxa_throw"  # PT_GNU_EH_FRAME
_IDLE = "bmk_platform_cpu_block"


@dataclass(frozen=True, slots=True)
class BootSymbols:
    """What booting needs of an image's symbols.

    `programs` is how many programs were baked into it, None if that is not known, and `idle`
    where the processor halts while all threads wait, empty if that is not; `throws_end` says that
    no C++ exception can be caught: there are no tables to unwind the stack by.
    """

    programs: int | None
    idle: range
    throws_end: bool = False


def boot_symbols(path: Path) -> BootSymbols:
    """Return what the symbols in an ELF file tell; raises ImageError if it is none."""
    try:
        facts = path.stat()
    except OSError:
        return _read(path, 0, 0)
    return _read(path, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=16)
def _read(path: Path, _size_bytes: int, _mtime_ns: int) -> BootSymbols:
    elf = ElfFile.read(path)
    has_tables = any(one.type == _UNWIND_TABLES for one in elf.segments)
    throws_end = not has_tables and bool(find_symbols(elf, [_THROW]))
    return BootSymbols(count_programs(elf), idle_code(elf), throws_end)


def find_symbols(elf: ElfFile, names: Iterable[str]) -> dict[str, range]:
    """Return the addresses that each of some symbols covers; those not there are left out."""
    table, strings = elf.section(".symtab"), elf.section(".strtab")
    if table is None or strings is None:
        return {}
    text, raw = elf.section_bytes(strings), elf.section_bytes(table)
    wanted = {text.find(b"\0" + name.encode() + b"\0") + 1: name for name in names}
    wanted.pop(0, None)
    whole = raw[:len(raw) // _SYMBOL.size * _SYMBOL.size]
    return {wanted[row[0]]: range(row[4], row[4] + row[5])
            for row in _SYMBOL.iter_unpack(whole) if row[0] in wanted}


def count_programs(elf: ElfFile) -> int | None:
    """Return how many programs were baked into an image, None if it has no symbols.

    Those that are not there are all one function.  Source: lib/librumprun_base/rumprun.c.
    """
    mains = [f"rumprun_main{number}" for number in range(1, MOST_PROGRAMS + 1)]
    found = find_symbols(elf, ["rumprun_notmain", *mains])
    if "rumprun_notmain" not in found or mains[0] not in found:
        return None
    missing = found["rumprun_notmain"].start
    return next((count for count, name in enumerate(mains)
                 if name not in found or found[name].start == missing), MOST_PROGRAMS) or None


def idle_code(elf: ElfFile) -> range:
    """Return where the processor halts while all threads wait; empty without symbols."""
    return find_symbols(elf, [_IDLE]).get(_IDLE, range(0))
