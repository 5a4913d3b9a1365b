"""Two of a kind side by side as HTML: the sizes of images, the phases of boots, the calls."""

from typing import Any

import pandas as pd

from kernel_magics.inspect.images.layers import LAYERS
from kernel_magics.widgets.foundation.markup import byte_text, duration_text, escape, report, table

__all__ = ["comparison_html", "image_diff_html", "trace_comparison_html"]

_COLOURS = {layer.name: layer.colour for layer in LAYERS}
_MOST_ROWS = 25
_BAR_COLUMNS = 120  # pixels of the longest bar
_SIGNS = {"added": "+\u00a0added", "removed": "−\u00a0removed", "grown": "▲\u00a0grown",
          "shrunk": "▼\u00a0shrunk", "moved": "↔\u00a0moved", "same": "=\u00a0same"}


def image_diff_html(diff: Any) -> str:
    """Return an ImageDiff as HTML: by layer, and the symbols that changed most."""
    title = f"{diff.before.name} → {diff.after.name}"
    if diff.is_same:
        return report(title, f"<header><b>{escape(title)}</b> the same bytes</header>")
    header = (f"<header><b>{escape(title)}</b> <span>{_signed(diff.delta_bytes)}</span> "
              f'<span class="soft">{len(diff.changes)} symbols differ</span></header>')
    layers = [row for row in diff.by("layer") if row.delta_bytes]
    return report(title, header, _changes("by layer", layers, ("layer",)),
                  _changes("by symbol", diff.changes[:_MOST_ROWS],
                           ("layer", "object", "symbol", "status")),
                  _rest(len(diff.changes)))


def _changes(caption: str, rows: list[Any], names: tuple[str, ...]) -> str:
    if not rows:
        return ""
    most = max(abs(row.delta_bytes) for row in rows) or 1
    cells = [(*(_named(name, getattr(row, name)) for name in names),
              byte_text(row.before_bytes), byte_text(row.after_bytes),
              _signed(row.delta_bytes), _bar(row.delta_bytes / most)) for row in rows]
    first = len(names)
    return table((*names, "before", "after", "more", ""), cells,
                 numeric=(first, first + 1, first + 2), caption=caption)


def _named(name: str, value: str) -> str:
    if name == "status":
        return escape(_SIGNS.get(value, value))
    dot = (f'<i class="dot" style="background:{_COLOURS.get(value, "#8a8a8a")}"></i>'
           if name == "layer" else "")
    return f"{dot}<code>{escape(value)}</code>" if value else ""


def comparison_html(title: str, frame: pd.DataFrame, sign_of: str) -> str:
    """Return a table of differences as HTML; the column `sign_of` is drawn as bars too.

    Columns that end in _ns are times, in _bytes sizes.
    """
    whole = len(frame)
    frame = frame.head(_MOST_ROWS)
    if frame.index.name is not None:
        frame = frame.reset_index()
    names = [str(name) for name in frame.columns]
    numeric = tuple(n for n, name in enumerate(names)
                    if pd.api.types.is_numeric_dtype(frame[name].dtype))
    amounts = pd.to_numeric(frame[sign_of], errors="coerce").fillna(0) \
        if sign_of in names else pd.Series([0.0] * len(frame))
    most = float(amounts.abs().max() or 1) if len(frame) else 1.0
    cells = [(*(_amount(name, value, name == sign_of) for name, value
                in zip(names, row, strict=True)), _bar(float(amount) / most))
             for row, amount in zip(frame.itertuples(index=False, name=None), amounts,
                                    strict=True)]
    heads = tuple(name.removesuffix("_ns").removesuffix("_bytes").replace("_", " ")
                  for name in names)
    return report(title, f"<header><b>{escape(title)}</b></header>",
                  table((*heads, ""), cells, numeric=numeric), _rest(whole))


def trace_comparison_html(found: Any) -> str:
    """Return a TraceComparison as HTML: the calls that took longest more, or less, first."""
    shown = found.df[["verdict", "count_before", "count_after", "median_ns_before",
                      "median_ns_after", "ratio", "total_ns_before", "total_ns_after",
                      "total_ns_change"]]
    in_ns = {name: f"{name.replace('_ns', '')}_ns" for name in shown.columns if "_ns_" in name}
    return comparison_html(f"calls of {found.before} → {found.after}",
                           shown.rename(columns=in_ns), "total_change_ns")


def _amount(name: str, value: Any, is_signed: bool) -> str:
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return ""
    plus = "+" if is_signed and isinstance(value, (int, float)) and value > 0 else ""
    if name.endswith("_ns"):
        return plus + duration_text(int(value))
    if name.endswith("_bytes"):
        return _signed(int(value)) if is_signed else byte_text(int(value))
    if isinstance(value, float):
        return f"{plus}{value:.3g}"
    return plus + escape(str(value))


def _signed(size_bytes: int) -> str:
    sign = "+" if size_bytes > 0 else "−" if size_bytes < 0 else "±"
    return f"{sign}{byte_text(abs(size_bytes))}"


def _bar(share: float) -> str:
    """A full bar is more, an empty one less: the sign is in the figure as well."""
    kind = "bar" if share > 0 else "bar less"
    return (f'<span class="{kind}" style="width:{max(1, abs(share) * _BAR_COLUMNS):.0f}px" '
            'aria-hidden="true"></span>') if share else ""


def _rest(count: int) -> str:
    more = count - _MOST_ROWS
    return f'<p class="soft">… and {more} more: .df</p>' if more > 0 else ""
