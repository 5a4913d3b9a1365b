"""One symbol of an image, and a list of them that is also a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.inspect.images.disassembly import Disassembly
    from kernel_magics.inspect.images.symbols import SymbolIndex

__all__ = ["Symbol", "SymbolList"]

SHOWN_ROWS = 30
_WIDEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Symbol:
    """One symbol: where it is, how long, in which layer, and what kind of thing it is."""

    name: str
    address: int
    size_bytes: int
    layer: str
    kind: str
    is_global: bool = True
    index: SymbolIndex | None = field(default=None, repr=False, compare=False)

    @property
    def demangled(self) -> str:
        """The name as C++ or Rust source has it; `name` where it is not mangled."""
        return self.index.demangled(self.name) if self.index else self.name

    @property
    def line(self) -> tuple[str, int] | None:
        """File and line where a function begins, None if no debugging data says."""
        if self.index is None or self.kind not in ("function", "label"):
            return None
        return self.index.line(self.address)

    @property
    def object(self) -> str:
        """The object it was linked from, as "libc.a(printf.lo)"; "" if no map says."""
        piece = self.index.image.link.at(self.address) if self.index else None
        return piece.named if piece else ""

    @property
    def component(self) -> str:
        """The library that it is of, as "rumpnet_net" or "libc"; "" if nothing says."""
        if self.index is None:
            return ""
        places = self.index.places
        return places.component(places.piece_at(self.address, self.kind))

    def disassemble(self) -> Disassembly:
        """Return its machine code beside its source lines.

        Raises UsageError for a symbol that is no code.
        """
        assert self.index
        disassembly: Disassembly = self.index.image.code(self)
        return disassembly

    def callers(self) -> SymbolList:
        """Return the functions that call or jump to it directly."""
        assert self.index
        callers: SymbolList = self.index.image.code.callers(self)
        return callers

    def __repr__(self) -> str:
        size = f", {self.size_bytes} bytes" if self.size_bytes else ""
        name = self.demangled
        mangled = f" ({self.name})" if name != self.name else ""
        component = f" ({self.component})" if self.component not in ("", self.layer) else ""
        return (f"{name}{mangled}: {self.kind} at {self.address:#x}{size}, "
                f"layer {self.layer}{component}")


class SymbolList(list[Symbol]):
    """Symbols, shown as lines of text; `df` is the same as a table."""

    @property
    def df(self) -> pd.DataFrame:
        """A row per symbol: name, address, size_bytes, layer, kind, is_global, object,
        demangled, component."""
        import pandas as pd

        return pd.DataFrame([_row(symbol) for symbol in self],
                            columns=["name", "address", "size_bytes", "layer", "kind",
                                     "is_global", "object", "demangled", "component"])

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return SymbolList(found) if isinstance(key, slice) else found

    def __repr__(self) -> str:
        if not self:
            return "no symbols"
        shown = self[:SHOWN_ROWS]
        names = [_shortened(symbol.demangled) for symbol in shown]
        wide = max(map(len, names))
        rows = [f"{name:<{wide}}  {symbol.kind:<8} {symbol.layer:<9}{symbol.size_bytes:>8} B"
                f"  {symbol.address:#x}" for name, symbol in zip(names, shown, strict=True)]
        more = len(self) - len(shown)
        return "\n".join([*rows, *([f"… and {more} more: .df has all"] if more else [])])


def _row(symbol: Symbol) -> tuple[object, ...]:
    return (symbol.name, symbol.address, symbol.size_bytes, symbol.layer, symbol.kind,
            symbol.is_global, symbol.object, symbol.demangled, symbol.component)


def _shortened(name: str) -> str:
    return name if len(name) <= _WIDEST_NAME else f"{name[:_WIDEST_NAME - 1]}…"
