"""A tree of amounts as a picture to zoom: bytes by symbol, time by call stack."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import traitlets

from kernel_magics.inspect.images.layers import LAYERS
from kernel_magics.widgets.foundation.markup import byte_text, duration_text
from kernel_magics.widgets.foundation.view import View, bundle

__all__ = ["TreeView", "flattened"]

MOST_NODES = 100_000
MOST_DEPTH = 400
TEXT_ROWS = 12
_COLOURS = {layer.name: layer.colour for layer in LAYERS}
_NO_LAYER = "#80808a"
_AMOUNTS = ("size_bytes", "value", "time_ns", "total_ns", "count")
_TEXTS = {"bytes": byte_text, "ns": duration_text}

Node = tuple[int, str, float, str, str]
"""Position of the parent (-1: none), name, amount, layer, a note."""


class TreeView(View):
    """A tree of amounts: the root at the top, each node as wide as its share.

    root: an object or a mapping with `name`, `children` and an amount (`size_bytes`, `value`,
    …), such as `image.sizes.tree` or the tree of a flame graph.
    unit: "bytes", "ns" or what is counted.
    `focus` is the number of the node that is zoomed to, by position in `df`; it may be set.
    """

    title = traitlets.Unicode().tag(sync=True)
    unit = traitlets.Unicode().tag(sync=True)
    columns = traitlets.Dict().tag(sync=True)
    data = traitlets.Bytes().tag(sync=True)
    focus = traitlets.Int(0).tag(sync=True)

    def __init__(self, root: Any, title: str = "", unit: str = "bytes") -> None:
        self._esm, self._css = bundle("tree.js"), bundle("tree.css")
        self._nodes = flattened(root)
        columns, data = _packed(self._nodes)
        super().__init__(title=title or self._nodes[0][1], unit=unit, columns=columns, data=data)
        self.listen()

    @property
    def df(self) -> pd.DataFrame:
        """A row per node, parents first: parent, name, amount, share (of all), layer."""
        table = pd.DataFrame(self._nodes, columns=["parent", "name", "amount", "layer", "note"])
        table["share"] = table["amount"] / (self._nodes[0][2] or 1)
        return table

    def text(self) -> str:
        said = _TEXTS.get(self.unit, lambda amount: f"{amount:,.0f} {self.unit}")
        lines = [f"{self.title}: {said(int(self._nodes[0][2]))}"]
        table = self.df
        children = table[table["parent"] == 0].sort_values("amount", ascending=False)
        lines += [f"  {row.share:6.1%}  {said(int(row.amount)):>10}  {row.name_}" for row in
                  children.rename(columns={"name": "name_"}).head(TEXT_ROWS).itertuples()]
        more = len(children) - TEXT_ROWS
        return "\n".join([*lines, *([f"  … and {more} more"] if more > 0 else [])])


def flattened(root: Any) -> list[Node]:
    """Return a tree's nodes, parents first; at most MOST_NODES, the largest of each level.

    A cycle ends at MOST_DEPTH.
    """
    found: list[Node] = []
    line: list[tuple[Any, int, str]] = [(root, -1, "")]
    for _ in range(MOST_DEPTH):
        following: list[tuple[Any, int, str]] = []
        for node, parent, above in line:
            if len(found) == MOST_NODES:
                return found
            layer = _layer(node) or above
            found.append((parent, str(_of(node, "name")), _amount(node), layer, _note(node)))
            following += ((child, len(found) - 1, layer) for child in _children(node))
        line = following
        if len(found) + len(line) > MOST_NODES:
            line = sorted(line, key=lambda one: -_amount(one[0]))[:MOST_NODES - len(found)]
            line.sort(key=lambda one: one[1])
    return found


def _of(node: Any, name: str) -> Any:
    return node.get(name) if isinstance(node, Mapping) else getattr(node, name, None)


def _children(node: Any) -> Iterator[Any]:
    children = _of(node, "children") or ()
    return iter(children.values() if isinstance(children, Mapping) else children)


def _amount(node: Any) -> float:
    return next((float(amount) for name in _AMOUNTS
                 if (amount := _of(node, name)) is not None), 0.0)


def _layer(node: Any) -> str:
    if _of(node, "level") == "layer":
        return str(_of(node, "name"))
    return str(_of(node, "layer") or "")


def _note(node: Any) -> str:
    return str(_of(node, "level") or _of(node, "layer") or "")


def _packed(nodes: list[Node]) -> tuple[dict, bytes]:
    """Return names and colours for the browser, and the nodes' numbers as bytes."""
    names, colours, notes = _Numbers(), _Numbers(), _Numbers()
    parent, name, amount, colour, note = [], [], [], [], []
    for above, called, value, layer, told in nodes:
        parent.append(above)
        name.append(names[called])
        amount.append(value)
        colour.append(min(255, colours[_COLOURS.get(layer, _NO_LAYER)]))
        note.append(min(255, notes[told]))
    data = b"".join((np.array(amount, "<f8").tobytes(), np.array(parent, "<i4").tobytes(),
                     np.array(name, "<u4").tobytes(), np.array(colour, "u1").tobytes(),
                     np.array(note, "u1").tobytes()))
    return {"names": list(names), "colours": list(colours), "notes": list(notes)[:256],
            "count": len(nodes)}, data


class _Numbers(dict):
    """Texts numbered as they come."""

    def __missing__(self, text: str) -> int:
        self[text] = number = len(self)
        return number
