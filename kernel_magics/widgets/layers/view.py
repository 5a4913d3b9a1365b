"""The layer view: a guest as a stack, with the calls across each boundary, live."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import traitlets

from kernel_magics.errors import LabError
from kernel_magics.inspect.images.layer_facets import uncounted
from kernel_magics.inspect.images.layer_models import model_of
from kernel_magics.inspect.images.layers import Boundary, Layer
from kernel_magics.trace.calls.coverage import hypercall_table
from kernel_magics.trace.records.events import NAMES
from kernel_magics.widgets.foundation.view import Pump, View, bundle

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
        picture = layer_picture(image, name)
        if guest is not None:
            picture["note"] = guest.layers.note
        super().__init__(picture=picture, sample=self._sample(),
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
            component = str(message.get("component") or "")
            rows = symbol_rows(self._search(str(message["text"]), str(message["layer"]),
                                            component))
            self.send({"kind": "found", "layer": message["layer"], "text": message["text"],
                       "component": component, "symbols": rows[:SYMBOLS_FOUND],
                       "count": len(rows)})

    def _search(self, text: str, layer: str, component: str) -> list:
        try:
            return self._image.symbols.search(text or "*", layer=layer,
                                              component=component or None)
        except LabError:  # half a regular expression: there is more to be typed
            return []

    def _sample(self) -> dict:
        if self._guest is None:
            return {"state": "", "time_ms": 0, "live": False, "calls": None}
        state = self._guest.state
        return {"state": state, "time_ms": time.monotonic_ns() // 1_000_000,
                "live": state == "running", "calls": self._calls()}

    def _calls(self) -> dict[str, dict[str, int]] | None:
        counters = self._guest.layers.counters
        return None if counters is None else boundary_calls(counters, self._image.kit)

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
    model, sizes = model_of(image.kit), image.sizes.by_layer()
    parts = image.layers.components
    by_layer: dict[str, list] = {}
    for symbol in image.symbols.search("*"):
        by_layer.setdefault(symbol.layer, []).append(symbol)
    return {
        "name": name, "size_bytes": image.size_bytes, "note": uncounted(image),
        "lost": image.sizes.note,
        "layers": [_layer(layer, sizes, by_layer.get(layer.name, []), _components(parts, layer))
                   for layer in model.layers],
        "boundaries": [_boundary(b, image) for b in model.boundaries],
    }


def _components(parts: pd.DataFrame, layer: Layer) -> list[list]:
    """Return [component, bytes] of a layer, the largest first; none where it is one alone."""
    own = parts[parts["layer"] == layer.name]
    return [] if len(own) < 2 else [[name, int(size)] for name, size
                                    in zip(own["component"], own["total"], strict=True)]


def boundary_calls(counters: np.ndarray, kit: str = "rumpkit") -> dict[str, dict[str, int]]:
    """Return calls since boot, by boundary and by name; only what was called at all."""
    calls = np.asarray(counters)
    return {b.name: {NAMES[n]: int(calls[n]) for n in b.events if calls[n]}
            for b in model_of(kit).boundaries if b.events}


def symbol_rows(symbols: list) -> list[list]:
    """Return symbols for the browser, largest first: name, bytes, address, kind, component."""
    ordered = sorted(symbols, key=lambda s: (-s.size_bytes, s.name))
    return [[s.name, s.size_bytes, f"{s.address:#x}", s.kind, s.component] for s in ordered]


def _layer(layer: Layer, sizes: pd.DataFrame, symbols: list, components: list[list]) -> dict:
    inside = layer.name in sizes.index
    parts: Mapping[str, int] = sizes.loc[layer.name].to_dict() if inside else {}
    return {
        "name": layer.name, "title": layer.title, "colour": layer.colour,
        "description": layer.description,
        "bytes": int(parts["total"]) if inside else None,
        "parts": {kind: int(size) for kind, size in parts.items() if kind != "total"},
        "components": components,
        "symbols": symbol_rows(_largest(symbols)), "symbol_count": len(symbols),
    }


def _largest(symbols: list) -> list:
    return sorted(symbols, key=lambda one: (-one.size_bytes, one.name))[:SYMBOLS_SENT]


def _boundary(boundary: Boundary, image: Any) -> dict:
    states = hypercall_table({}, image)["status"].astype(str) \
        if boundary.name == "hypercalls" else pd.Series(dtype=str)
    return {
        "key": boundary.name, "title": boundary.title, "description": boundary.description,
        "lower": boundary.lower[0], "counted": bool(boundary.events),
        "names": list(states[states != "absent"].index),
        "missing": list(states[states == "absent"].index),
        "stubs": list(states[states == "stubbed"].index),
    }
