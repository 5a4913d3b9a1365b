"""The layers of an image, with their bytes, and of a guest, with the calls between them."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from kernel_magics.boot.abi import HYPERCALLS, Event
from kernel_magics.boot.call_counters import call_counters, is_counted
from kernel_magics.inspect.images.layer_models import model_of
from kernel_magics.inspect.images.stretches import Stretch, stretches_of

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.build.image import GuestImage

__all__ = ["GuestLayers", "ImageLayers", "uncounted"]


def uncounted(image: Any) -> str:
    """Return why guests of an image do not count their calls, "" if they do."""
    if image.header_address is not None or image.kit != "rumprun":
        return ""
    return f"guests of {image.name} do not count their calls: build it with trace=True (--trace)"


class ImageLayers:
    """What an image has of each layer: its bytes and its symbols, top layer first."""

    def __init__(self, image: GuestImage) -> None:
        self._image = image

    @property
    def df(self) -> pd.DataFrame:
        """A row per layer: title, bytes by kind, number of symbols, components, description."""
        sizes = self._image.sizes.by_layer()
        rows = [layer for layer in model_of(self._image.kit).layers if layer.name in sizes.index]
        table = sizes.loc[[layer.name for layer in rows]]
        counts = self._image.symbols.count_by_layer()
        table.insert(0, "title", [layer.title for layer in rows])
        table["symbols"] = [counts.get(layer.name, 0) for layer in rows]
        parts = self.components.groupby("layer", sort=False)["component"].agg(" ".join)
        table["components"] = [parts.get(layer.name, "") for layer in rows]
        table["description"] = [layer.description for layer in rows]
        return table

    @cached_property
    def stretches(self) -> list[Stretch]:
        """All that is loaded, by address, in stretches of one layer and component."""
        return stretches_of(self._image)

    def at(self, address: int) -> Stretch | None:
        """Return the stretch that an address is in, None if nothing is loaded there."""
        row = bisect_right(self.stretches, address, key=lambda one: one.start) - 1
        found = self.stretches[row] if row >= 0 else None
        return found if found and address < found.end else None

    @property
    def components(self) -> pd.DataFrame:
        """A row per component that has a name, the largest first: layer, component, bytes by
        kind, total."""
        table: pd.DataFrame = self._image.sizes.by_component()
        return table[table["component"] != ""].reset_index(drop=True)

    def __repr__(self) -> str:
        return str(self._image.sizes.bar())


class GuestLayers:
    """Calls across each boundary of a guest, read from its counters while it runs.

    `guest` is a boot.Guest: its `counters` are the guest's own, calls since boot.  A guest of
    Rumprun has counters if its image was built to be traced, or it was booted with a trace.
    """

    def __init__(self, guest: Any) -> None:
        self._guest = guest
        self.model = model_of(guest.image.kit)

    @property
    def counters(self) -> np.ndarray | None:
        """Calls since boot by event number, None if this guest does not count them."""
        counted: np.ndarray | None = call_counters(self._guest)
        return counted

    @property
    def note(self) -> str:
        """Why calls are not counted, and how they would be; "" if they are."""
        return "" if is_counted(self._guest) else uncounted(self._guest.image)

    def snapshot(self) -> dict[str, int]:
        """Return calls since boot by boundary name, for the boundaries that are counted."""
        counters = self.counters
        if counters is None:
            return {}
        return {boundary.name: int(counters[boundary.events.start:boundary.events.stop].sum())
                for boundary in self.model.boundaries if boundary.events}

    @property
    def df(self) -> pd.DataFrame:
        """A row per boundary: between which layers, and calls since boot (NA: not counted)."""
        import pandas as pd

        calls, seams = self.snapshot(), self.model.boundaries
        return pd.DataFrame({
            "title": [boundary.title for boundary in seams],
            "upper": [", ".join(boundary.upper) for boundary in seams],
            "lower": [", ".join(boundary.lower) for boundary in seams],
            "calls": pd.array([calls.get(boundary.name) for boundary in seams], "Int64"),
        }, index=pd.Index([boundary.name for boundary in seams], name="boundary"))

    @property
    def hypercalls(self) -> pd.DataFrame:
        """A row per hypercall of the interface: calls since boot (NA: not counted), and is it
        in this image."""
        import pandas as pd

        counters = self.counters
        names = [call.name for call in HYPERCALLS]
        have = self._guest.image.symbols.names
        calls = [None] * len(names) if counters is None else \
            counters[Event.HYPERCALL:Event.HYPERCALL + len(names)].tolist()
        return pd.DataFrame({"calls": pd.array(calls, "UInt64"),
                             "in_image": [name in have for name in names]},
                            index=pd.Index(names, name="hypercall"))

    def __repr__(self) -> str:
        calls = self.snapshot()
        lines = []
        for layer in self.model.layers:
            lines.append(f"{layer.title:>17}  {layer.name}")
            lines += [f"{'':>17}  ↓ {calls[boundary.name]:,} {boundary.title}"
                      for boundary in self.model.boundaries
                      if boundary.name in calls and layer.name == boundary.upper[-1]]
        return "\n".join([*lines, *([f"({self.note})"] if self.note else [])])
