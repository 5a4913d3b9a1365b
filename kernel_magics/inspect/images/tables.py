"""What is read from an image once and shared by all that look at it.

A notebook opens the same image many times: each build that finds it unchanged, each guest,
each panic.  The tables are kept by path, size and time of the file's last change.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cached_property
from pathlib import Path
from typing import Any

from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import ImageError
from kernel_magics.inspect.images.elf import SymbolTable, read_symbol_table
from kernel_magics.inspect.images.lines import LineTable
from kernel_magics.inspect.images.names import demangle, spellings
from kernel_magics.inspect.images.units import UnitRange, unit_ranges

__all__ = ["ImageTables", "forget_tables", "tables_of"]

KEPT_IMAGES = 8

_kept: OrderedDict[tuple[Path, int, int], ImageTables] = OrderedDict()
_lock = threading.Lock()


class ImageTables:
    """The tables of one file; each is made when it is first asked for."""

    def __init__(self, path: Path) -> None:
        self.elf = ElfFile.read(path)
        self._made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` returned when it was first called for this file and `key`."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    @cached_property
    def symbols(self) -> SymbolTable:
        """The symbol table, sorted by address."""
        return read_symbol_table(self.elf)

    @cached_property
    def rows(self) -> dict[str, list[int]]:
        """Name → rows of the symbol table."""
        rows: dict[str, list[int]] = {}
        for row, name in enumerate(self.symbols.names):
            rows.setdefault(name, []).append(row)
        return rows

    @cached_property
    def names(self) -> frozenset[str]:
        """Every symbol's name."""
        return frozenset(self.rows)

    @cached_property
    def demangled(self) -> dict[str, str]:
        """Mangled name → name in the source, for C++ and Rust."""
        return demangle(self.symbols.names)

    @cached_property
    def source_rows(self) -> dict[str, list[int]]:
        """Name in the source, with and without arguments → rows of the symbol table."""
        rows: dict[str, list[int]] = {}
        for mangled, name in self.demangled.items():
            for spelling in spellings(name):
                rows.setdefault(spelling, []).extend(self.rows[mangled])
        return rows

    @cached_property
    def starts(self) -> list[int]:
        """The address of each symbol."""
        return [int(address) for address in self.symbols.addresses.tolist()]

    @cached_property
    def units(self) -> list[UnitRange]:
        """The source of each stretch of code, by address, as far as debugging data says."""
        return unit_ranges(self.elf)

    @cached_property
    def lines(self) -> LineTable:
        """Address → source line."""
        return LineTable(self.elf)


def tables_of(path: Path) -> ImageTables:
    """Return the tables of the image at `path`; raises ImageError if it cannot be read."""
    try:
        stat = path.stat()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ImageError(f"cannot read {path}: {reason}", path=path,
                         next_step="build the image again") from error
    key = (path, stat.st_size, stat.st_mtime_ns)
    with _lock:
        if key not in _kept:
            _kept[key] = ImageTables(path)
            if len(_kept) > KEPT_IMAGES:
                _kept.popitem(last=False)
        _kept.move_to_end(key)
        return _kept[key]


def forget_tables() -> None:
    """Let go of everything that was read, so that it is read again."""
    with _lock:
        _kept.clear()
