"""The symbols of an image: by name, by pattern, by address, and the source line of one."""

from __future__ import annotations

import difflib
import fnmatch
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import UsageError
from kernel_magics.inspect.elf import SymbolTable, read_symbol_table
from kernel_magics.inspect.layers import LAYERS, OTHER, layer_of_section, layer_of_symbol
from kernel_magics.inspect.lines import LineTable, SourcePlace

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.build.image import GuestImage

__all__ = ["Symbol", "SymbolIndex"]

KINDS = ("function", "object", "label", "tls")
# An address this far behind a symbol that has no size is in nothing's range.
_LABEL_REACH_BYTES = 4096
# Labels inside a function come after it in the table; more than this many do not.
_ROWS_BACK = 256


@dataclass(frozen=True, slots=True)
class Symbol:
    """One symbol: where it is, how long, in which layer, and what kind of thing it is."""

    name: str
    address: int
    size_bytes: int
    layer: str
    kind: str
    is_global: bool = True

    def __repr__(self) -> str:
        size = f", {self.size_bytes} bytes" if self.size_bytes else ""
        return f"{self.name}: {self.kind} at {self.address:#x}{size}, layer {self.layer}"


class SymbolIndex:
    """Every symbol of an image; read when first asked for."""

    def __init__(self, image: GuestImage) -> None:
        self._image = image
        self._elf = ElfFile.read(image.path)

    @cached_property
    def _table(self) -> SymbolTable:
        return read_symbol_table(self._elf)

    @cached_property
    def _layers(self) -> list[str]:
        by_section = [layer_of_section(section.name) for section in self._elf.sections]
        return [by_section[section] or layer_of_symbol(name)
                for section, name in zip(self._table.sections.tolist(), self._table.names,
                                         strict=True)]

    @cached_property
    def _rows(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for row, name in enumerate(self._table.names):
            rows.setdefault(name, []).append(row)
        return rows

    @property
    def names(self) -> frozenset[str]:
        """Every symbol's name."""
        return frozenset(self._rows)

    def _symbol(self, row: int) -> Symbol:
        table = self._table
        return Symbol(table.names[row], int(table.addresses[row]), int(table.sizes[row]),
                      self._layers[row], table.kinds[row], bool(table.is_global[row]))

    def find(self, name: str) -> Symbol:
        """Return the symbol called `name`; of several, the one another file could call.

        Raises UsageError with the nearest names if there is none.
        """
        rows = self._rows.get(name)
        if not rows:
            raise self._unknown(name)
        return self._symbol(min(rows, key=self._preference))

    def _preference(self, row: int) -> tuple[bool, bool, bool, int]:
        table = self._table
        name = table.names[row]
        return (not table.is_global[row], table.kinds[row] != "function",
                name.startswith("_"), len(name))

    def _unknown(self, name: str) -> UsageError:
        if not self._rows:
            return UsageError(f"{self._image.name} has no symbols: {self._image.path} "
                              "is stripped", next_step="open the image from before stripping")
        near = difflib.get_close_matches(name, self._rows, n=5, cutoff=0.6)
        hint = f"did you mean {', '.join(near)}?" if near else \
            f'look for one: image.symbols.search("*{name[:4]}*")'
        return UsageError(f"no symbol {name!r} in {self._image.name}", next_step=hint, near=near)

    def search(self, pattern: str | re.Pattern[str] = "*", *, layer: str | None = None,
               kind: str | None = None) -> list[Symbol]:
        """Return the symbols whose name matches, in the order of their addresses.

        `pattern` is a glob ("rumpuser_*"), a part of the name ("mutex"), or a regular
        expression, compiled or between slashes ("/^sys_(open|close)$/"); `layer` and
        `kind` ("function", "object", "label", "tls") narrow the result.
        Raises UsageError if the pattern, layer or kind is none.
        """
        _check_choice("layer", layer, [*(one.name for one in LAYERS), OTHER])
        _check_choice("kind", kind, list(KINDS))
        matches = _matcher(pattern)
        return [self._symbol(row) for row, name in enumerate(self._table.names)
                if matches(name)
                and (layer is None or self._layers[row] == layer)
                and (kind is None or self._table.kinds[row] == kind)]

    def at(self, address: int) -> tuple[Symbol, int] | None:
        """Return the symbol that covers `address` and the offset into it, or None.

        Assembly labels, which have no size, are taken to reach to the next symbol.
        """
        row = bisect_right(self._starts, address) - 1
        covering: int | None = None
        label: int | None = None
        for one in range(row, max(row - _ROWS_BACK, -1), -1):
            start, size = self._starts[one], int(self._table.sizes[one])
            if covering is not None and start != self._starts[covering]:
                break
            if self._table.kinds[one] == "tls":
                continue
            if address < start + size:
                covering = self._better(covering, one)
            elif not size and start == self._starts[row] and address < start + _LABEL_REACH_BYTES:
                label = self._better(label, one)
        chosen = label if covering is None else covering
        if chosen is None:
            return None
        return self._symbol(chosen), address - self._starts[chosen]

    def _better(self, known: int | None, other: int) -> int:
        """Return the row whose name says more, of two for one address."""
        return other if known is None else min(known, other, key=self._preference)

    @cached_property
    def _starts(self) -> list[int]:
        return [int(address) for address in self._table.addresses]

    def lines(self, address: int) -> tuple[SourcePlace, ...]:
        """Return where `address` is in the source: innermost inlined function first."""
        return self._line_table.at(address)

    def line(self, address: int) -> tuple[str, int] | None:
        """Return file and line of the code at `address`, None if no debugging data has it."""
        places = self.lines(address)
        return (places[0].file, places[0].line) if places else None

    @cached_property
    def _line_table(self) -> LineTable:
        return LineTable(self._elf)

    @cached_property
    def df(self) -> pd.DataFrame:
        """A row per symbol: name, address, size_bytes, layer, kind, is_global."""
        import pandas as pd

        table = self._table
        return pd.DataFrame({
            "name": table.names, "address": table.addresses, "size_bytes": table.sizes,
            "layer": pd.Categorical(self._layers, [*(one.name for one in LAYERS), OTHER]),
            "kind": pd.Categorical(table.kinds, list(KINDS)), "is_global": table.is_global})

    def count_by_layer(self) -> dict[str, int]:
        """Return the number of symbols by layer name."""
        return dict(Counter(self._layers))

    def __len__(self) -> int:
        return len(self._table.names)

    def __repr__(self) -> str:
        counts = self.count_by_layer()
        shown = [f"{name} {counts[name]}" for name in
                 [*(layer.name for layer in LAYERS), OTHER] if name in counts]
        return f"{self._image.name}: {len(self)} symbols: {', '.join(shown)}"


def _check_choice(what: str, value: str | None, choices: list[str]) -> None:
    if value is not None and value not in choices:
        raise UsageError(f"no such {what}: {value!r}", next_step=f"use {', '.join(choices)}")


def _matcher(pattern: str | re.Pattern[str]) -> Callable[[str], object]:
    if isinstance(pattern, re.Pattern):
        return pattern.search
    try:
        if len(pattern) > 1 and pattern[0] == pattern[-1] == "/":
            return re.compile(pattern[1:-1]).search
    except re.error as error:
        raise UsageError(f"not a regular expression: {pattern}: {error}",
                         next_step="write a glob such as sys_* instead") from error
    if any(character in pattern for character in "*?["):
        return re.compile(fnmatch.translate(pattern)).match
    return lambda name: pattern in name
