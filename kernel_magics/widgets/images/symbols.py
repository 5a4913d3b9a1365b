"""A list of symbols as text, table and HTML."""

from typing import Any

import pandas as pd

from kernel_magics.inspect.images.layers import LAYERS
from kernel_magics.inspect.images.lines import shown_file
from kernel_magics.widgets.foundation.markup import byte_text, escape, report, table

__all__ = ["SymbolTable"]

_WIDEST_NAME = 80
_COLOURS = {layer.name: layer.colour for layer in LAYERS}


class SymbolTable:
    """The symbols that a search found, the largest first; `df` holds all of them."""

    def __init__(self, image: Any, symbols: list, limit: int = 30) -> None:
        self.image = image
        self.symbols = sorted(symbols, key=lambda s: (-s.size_bytes, s.name))
        self.limit = limit

    @property
    def df(self) -> pd.DataFrame:
        """A row per symbol: name, address, size_bytes, layer, kind, component."""
        rows = [(s.name, s.address, s.size_bytes, s.layer, s.kind, s.component)
                for s in self.symbols]
        return pd.DataFrame(rows, columns=["name", "address", "size_bytes", "layer", "kind",
                                           "component"])

    def __len__(self) -> int:
        return len(self.symbols)

    def __iter__(self) -> Any:
        return iter(self.symbols)

    def __repr__(self) -> str:
        shown = self.symbols[:self.limit]
        names = [_shortened(s.demangled) for s in shown]
        wide = max(map(len, names), default=0)
        parts = _components(shown)
        width = max(map(len, parts), default=0) + 2 if any(parts) else 0
        rows = [f"  {name:<{wide}}  {s.kind:<8} {s.layer:<9}{part:<{width}}{s.size_bytes:>8} B"
                f"  {s.address:#x}{self._line(s)}"
                for name, s, part in zip(names, shown, parts, strict=True)]
        return "\n".join([self._title(), *rows, *self._rest()])

    def _repr_html_(self) -> str:
        shown = self.symbols[:self.limit]
        parts = _components(shown)
        several = any(parts)
        rows = [(f"<code>{escape(_shortened(s.demangled))}</code>", s.kind, _layer_html(s.layer),
                 *([f"<code>{escape(part)}</code>"] if several else []),
                 byte_text(s.size_bytes), f"<code>{s.address:#x}</code>",
                 escape(self._line(s).strip()))
                for s, part in zip(shown, parts, strict=True)]
        columns = ("symbol", "kind", "layer", *(["component"] if several else []), "size",
                   "address", "source")
        first = columns.index("size")
        rest = "".join(f'<p class="soft">{escape(line.strip())}</p>' for line in self._rest())
        return report(f"symbols of {self.image.name}",
                      f"<header><b>{escape(self._title())}</b></header>",
                      table(columns, rows, numeric=(first, first + 1)), rest)

    def _title(self) -> str:
        noun = "symbol" if len(self) == 1 else "symbols"
        return f"{len(self)} {noun} of {self.image.name}"

    def _rest(self) -> list[str]:
        more = len(self) - self.limit
        return [f"  … and {more} more: --limit, or .df"] if more > 0 else []

    def _line(self, symbol: Any) -> str:
        """Where the source is; only functions have a line."""
        place = self.image.symbols.line(symbol.address) if symbol.kind == "function" else None
        return f"  {shown_file(place[0])}:{place[1]}" if place else ""


def _components(symbols: list) -> list[str]:
    """Return the component of each, "" where it is called as the layer."""
    return ["" if one.component == one.layer else one.component for one in symbols]


def _shortened(name: str) -> str:
    return name if len(name) <= _WIDEST_NAME else f"{name[:_WIDEST_NAME - 1]}…"


def _layer_html(layer: str) -> str:
    colour = _COLOURS.get(layer, "#8a8a8a")
    return (f'<span style="display:inline-block;width:9px;height:9px;border-radius:2px;'
            f'margin-right:5px;background:{colour}"></span>{escape(layer)}')
