"""The layer view: a guest as a stack, with the calls across each boundary, live."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import traitlets

from kernel_magics.errors import LabError
from kernel_magics.inspect.images.layers import BOUNDARIES, LAYERS, Boundary, Layer
from kernel_magics.trace.coverage import STUBS
from kernel_magics.trace.events import NAMES
from kernel_magics.widgets.view import Pump, View, bundle

__all__ = ["LayerView", "boundary_calls", "layer_picture"]

SYMBOLS_SENT = 60       # of each layer; the others are searched for in Python
SYMBOLS_FOUND = 200
PERIOD_S = 0.25


class LayerView(View):
    """The layers of an image or, with the calls it makes, of a guest.

    `df` is the table behind the picture; `selected` names the layer or boundary that is
    shown at the right, and may be set.
    """

    picture = traitlets.Dict().tag(sync=True)
    sample = traitlets.Dict().tag(sync=True)
    selected = traitlets.Unicode("app").tag(sync=True)

    def __init__(self, image: Any, guest: Any = None) -> None:
        self._esm, self._css = bundle("layers.js"), bundle("layers.css")
        self._image, self._guest = image, guest
        self._last: tuple = ()
        name = guest.name if guest is not None else image.name
        super().__init__(picture=layer_picture(image, name), sample=self._sample(),
                         selected="app" if guest is None else "hypercalls")
        if guest is not None:
            self.pump = Pump(self._tick, name, PERIOD_S)
        self.listen()

    @property
    def df(self) -> pd.DataFrame:
        """A row per boundary of a guest, with its calls; per layer of an image."""
        return self._image.layers.df if self._guest is None else self._guest.layers.df

    def text(self) -> str:
        source = self._image if self._guest is None else self._guest
        return repr(source.layers)

    def answer(self, message: dict) -> None:
        if message["kind"] == "search":
            rows = symbol_rows(self._search(str(message["text"]), str(message["layer"])))
            self.send({"kind": "found", "layer": message["layer"], "text": message["text"],
                       "symbols": rows[:SYMBOLS_FOUND], "count": len(rows)})

    def _search(self, text: str, layer: str) -> list:
        try:
            return self._image.symbols.search(text, layer=layer)
        except LabError:  # half a regular expression: there is more to be typed
            return []

    def _sample(self) -> dict:
        if self._guest is None:
            return {"state": "", "time_ms": 0, "live": False, "calls": None}
        state = self._guest.state
        return {"state": state, "time_ms": time.monotonic_ns() // 1_000_000,
                "live": state == "running", "calls": boundary_calls(self._guest.counters)}

    def _tick(self) -> bool:
        sample = self._sample()
        news = sample["state"], sample["calls"]
        # A second sample without news brings the rates to zero; more would say nothing.
        if self._last != (news, news):
            self.sample = sample
        self._last = (*self._last[-1:], news)
        return sample["live"]


def layer_picture(image: Any, name: str) -> dict:
    """Return what the browser draws: layers from the top, boundaries, symbols."""
    sizes = image.sizes.by_layer()
    by_layer: dict[str, list] = {}
    for symbol in image.symbols.search("*"):
        by_layer.setdefault(symbol.layer, []).append(symbol)
    return {
        "name": name, "size_bytes": image.size_bytes,
        "layers": [_layer(layer, sizes, by_layer.get(layer.name, [])) for layer in LAYERS],
        "boundaries": [_boundary(b, image.symbols.names) for b in BOUNDARIES],
    }


def boundary_calls(counters: np.ndarray) -> dict[str, dict[str, int]]:
    """Return calls since boot, by boundary and by name; only what was called at all."""
    calls = np.asarray(counters)
    return {b.name: {NAMES[n]: int(calls[n]) for n in b.events if calls[n]}
            for b in BOUNDARIES if b.events}


def symbol_rows(symbols: list) -> list[list]:
    """Return symbols for the browser, largest first: name, bytes, address, kind."""
    ordered = sorted(symbols, key=lambda s: (-s.size_bytes, s.name))
    return [[s.name, s.size_bytes, f"{s.address:#x}", s.kind] for s in ordered]


def _layer(layer: Layer, sizes: pd.DataFrame, symbols: list) -> dict:
    inside = layer.name in sizes.index
    parts: Mapping[str, int] = sizes.loc[layer.name].to_dict() if inside else {}
    return {
        "name": layer.name, "title": layer.title, "colour": layer.colour,
        "description": layer.description,
        "bytes": int(parts["total"]) if inside else None,
        "parts": {kind: int(size) for kind, size in parts.items() if kind != "total"},
        "symbols": symbol_rows(symbols)[:SYMBOLS_SENT], "symbol_count": len(symbols),
    }


def _boundary(boundary: Boundary, in_image: frozenset[str]) -> dict:
    names = [NAMES[number] for number in boundary.events]
    hypercalls = boundary.name == "hypercalls"
    if not in_image.intersection(names):  # a stripped image cannot tell
        in_image = frozenset(names)
    return {
        "key": boundary.name, "title": boundary.title, "description": boundary.description,
        "lower": boundary.lower[0], "counted": bool(boundary.events),
        "names": [n for n in names if n in in_image] if hypercalls else [],
        "missing": [n for n in names if n not in in_image] if hypercalls else [],
        "stubs": [n for n in names if n in STUBS] if hypercalls else [],
    }
