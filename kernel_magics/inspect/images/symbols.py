"""The symbols of an image: by name, by pattern, by address, and the source line of one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from kernel_magics.errors import UsageError, meant, nearest_names
from kernel_magics.inspect.images.lines import SourcePlace
from kernel_magics.inspect.images.patterns import check_choice, matcher
from kernel_magics.inspect.images.symbol import Symbol, SymbolList
from kernel_magics.inspect.images.symbol_places import SymbolPlaces
from kernel_magics.inspect.images.tables import ImageTables, tables_of

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.build.elf import ElfFile
    from kernel_magics.build.image import GuestImage

__all__ = ["Symbol", "SymbolIndex", "SymbolList"]

KINDS = ("function", "object", "label", "tls")
# An address this far behind a symbol that has no size is in nothing's range.
_LABEL_REACH_BYTES = 4096
# Labels inside a function come after it in the table; more than this many do not.
_ROWS_BACK = 256
_REMEMBERED = 65536


class SymbolIndex:
    """Every symbol of an image; read when first asked for, and once for all its copies."""

    def __init__(self, image: GuestImage) -> None:
        self.image = image
        self._tables: ImageTables = tables_of(image.path)
        self.places = SymbolPlaces(image)
        self._table = self._tables.symbols
        self._at: dict[int, tuple[Symbol, int] | None] = {}

    @property
    def elf(self) -> ElfFile:
        """The image's ELF file."""
        return self._tables.elf

    @property
    def names(self) -> frozenset[str]:
        """Every symbol's name."""
        return self._tables.names

    def demangled(self, name: str) -> str:
        """Return a symbol's name as C++ or Rust source has it."""
        return self._tables.demangled.get(name, name)

    def _symbol(self, row: int) -> Symbol:
        table = self._table
        return Symbol(table.names[row], int(table.addresses[row]), int(table.sizes[row]),
                      self.places.layers[row], table.kinds[row], bool(table.is_global[row]),
                      self)

    def find(self, name: str) -> Symbol:
        """Return the symbol called `name`; of several, the one another file could call.

        `name` may be as the linker has it or, in C++ and Rust, as the source has it, with or
        without the arguments; "main" and the rump kernel's names may be as the source has them,
        too.  Raises UsageError with the nearest names if there is none.
        """
        rows = self._tables.rows.get(name) or self._tables.source_rows.get(name) \
            or self._tables.rows.get(_baked_name(name))
        if not rows:
            raise self._unknown(name)
        return self._symbol(min(rows, key=self._preference))

    def _preference(self, row: int) -> tuple[bool, bool, bool, int]:
        table = self._table
        name = table.names[row]
        return (not table.is_global[row], table.kinds[row] != "function",
                name.startswith("_"), len(name))

    def _unknown(self, name: str) -> UsageError:
        if not self._table.names:
            return UsageError(f"{self.image.name} has no symbols: {self.image.path} "
                              "is stripped", next_step="open the image from before stripping")
        if self._tables.lines.is_inlined(name):
            return UsageError(f"{name} is no function of its own in {self.image.name}: the "
                              "compiler put it into those that call it",
                              next_step="use a line of it, as file.c:12, or build with "
                                        "--cflags -fno-inline")
        near = nearest_names(name, [*self._tables.rows, *self._tables.source_rows])
        hint = meant(near) or f'look for one: image.symbols.search("*{name[:4]}*")'
        return UsageError(f"no symbol {name!r} in {self.image.name}", next_step=hint, near=near)

    def search(self, pattern: str | re.Pattern[str] = "*", *, layer: str | None = None,
               kind: str | None = None, object: str | None = None, min_bytes: int = 0,
               max_bytes: int | None = None, component: str | None = None) -> SymbolList:
        """Return the symbols whose name matches, in the order of their addresses.

        `pattern` is a glob ("rumpuser_*"), a part of the name ("mutex"), or a regular
        expression, compiled or between slashes ("/^sys_(open|close)$/"); C++ and Rust names
        match as the source or as the linker has them.  `layer`, `kind` ("function", "object",
        "label", "tls"), `object` (a pattern of the object linked from, "libc.a(*"), `component`
        ("rumpnet_net") and the sizes `min_bytes` and `max_bytes` narrow the result.
        Raises UsageError if the pattern, layer or kind is none.
        """
        check_choice("layer", layer, self.places.model.names)
        check_choice("kind", kind, list(KINDS))
        matches, tables, places = matcher(pattern), self._tables, self.places
        demangled = {} if pattern == "*" else tables.demangled
        sizes, kinds, layers = self._table.sizes.tolist(), self._table.kinds, self.places.layers
        found = SymbolList(
            self._symbol(row) for row, name in enumerate(self._table.names)
            if (matches(name) or (name in demangled and matches(demangled[name])))
            and (layer is None or layers[row] == layer)
            and (component is None or places.component(places.piece(row)) == component)
            and (kind is None or kinds[row] == kind)
            and sizes[row] >= min_bytes and (max_bytes is None or sizes[row] <= max_bytes))
        if object is None:
            return found
        fits = matcher(object)
        return SymbolList(symbol for symbol in found if symbol.object and fits(symbol.object))

    def at(self, address: int) -> tuple[Symbol, int] | None:
        """Return the symbol that covers `address` and the offset into it, or None.

        Assembly labels, which have no size, are taken to reach to the next symbol.
        """
        if address not in self._at:
            if len(self._at) >= _REMEMBERED:
                self._at.clear()
            row = self._row_at(address)
            self._at[address] = None if row is None else \
                (self._symbol(row), address - self._tables.starts[row])
        return self._at[address]

    def _row_at(self, address: int) -> int | None:
        starts, table = self._tables.starts, self._table
        row = bisect_right(starts, address) - 1
        covering: int | None = None
        label: int | None = None
        for one in range(row, max(row - _ROWS_BACK, -1), -1):
            start, size = starts[one], int(table.sizes[one])
            if covering is not None and start != starts[covering]:
                break
            if table.kinds[one] == "tls":
                continue
            if address < start + size:
                covering = self._better(covering, one)
            elif not size and start == starts[row] and address < start + _LABEL_REACH_BYTES:
                label = self._better(label, one)
        return label if covering is None else covering

    def _better(self, known: int | None, other: int) -> int:
        """Return the row whose name says more, of two for one address."""
        return other if known is None else min(known, other, key=self._preference)

    def code_and_data(self) -> list[tuple[int, int, str]]:
        """Return (start, end, name in the source) of all that takes room, by address, one at each.

        A label without a size reaches to the next symbol.
        """
        best: dict[int, int] = {}
        table, starts = self._table, self._tables.starts
        sizes, kinds = table.sizes.tolist(), table.kinds
        for row, start in enumerate(starts):
            if kinds[row] != "tls":
                known = best.get(start)
                longer = known is not None and sizes[row] != sizes[known]
                best[start] = row if known is None or (longer and sizes[row] > sizes[known]) \
                    else known if longer else self._better(known, row)
        return [(start, start + (sizes[row] or _LABEL_REACH_BYTES),
                 self.demangled(table.names[row])) for start, row in sorted(best.items())]

    def lines(self, address: int) -> tuple[SourcePlace, ...]:
        """Return where `address` is in the source: innermost inlined function first."""
        return self._tables.lines.at(address)

    def line(self, address: int) -> tuple[str, int] | None:
        """Return file and line of the code at `address`, None if no debugging data has it."""
        places = self.lines(address)
        return (places[0].file, places[0].line) if places else None

    @property
    def note(self) -> str:
        """What is known to be lost: "" or a sentence on symbols or debugging data."""
        if not self._table.names:
            return f"{self.image.path.name} is stripped: it has no symbols and no lines"
        damage = self._tables.lines.damage
        return f"the debugging data of {self.image.path.name} is damaged ({damage}): some lines " \
            "are lost" if damage else ""

    @cached_property
    def df(self) -> pd.DataFrame:
        """A row per symbol: name, address, size_bytes, layer, kind, is_global, component."""
        import pandas as pd

        table = self._table
        return pd.DataFrame({
            "name": table.names, "address": table.addresses, "size_bytes": table.sizes,
            "layer": pd.Categorical(self.places.layers, self.places.model.names),
            "kind": pd.Categorical(table.kinds, list(KINDS)), "is_global": table.is_global,
            "component": pd.Categorical(self.places.components)})

    def count_by_layer(self) -> dict[str, int]:
        """Return the number of symbols by layer name."""
        return dict(Counter(self.places.layers))

    def __getitem__(self, name: str) -> Symbol:
        """Return the symbol called `name`; see `find`."""
        return self.find(name)

    def __contains__(self, name: object) -> bool:
        return name in self._tables.rows or name in self._tables.source_rows

    def __iter__(self) -> Iterator[Symbol]:
        return (self._symbol(row) for row in range(len(self)))

    def __len__(self) -> int:
        return len(self._table.names)

    def __repr__(self) -> str:
        counts = self.count_by_layer()
        shown = [f"{name} {counts[name]}" for name in self.places.model.names if name in counts]
        if not counts:
            return f"{self.image.name}: no symbols; {self.note}"
        note = f"\n{self.note}" if self.note else ""
        return f"{self.image.name}: {len(self)} symbols: {', '.join(shown)}{note}"


def _baked_name(name: str) -> str:
    """Return what upstream's build calls a function: main of the first program, or one of the
    rump kernel's."""
    return "rumprun_main1" if name == "main" else f"rumpns_{name}"
