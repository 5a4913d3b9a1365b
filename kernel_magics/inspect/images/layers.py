"""The layer model: what a guest is made of, from the application down to the host.

One table, used by symbols, sizes, panic reports and the picture in the notebook.  The
link script of the runtime puts each layer into sections of its own (`.text.vfs`), so a
section name says which layer a byte belongs to; images of other kits are sorted by the
prefixes of their symbols.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kernel_magics.boot.abi import HYPERCALLS, Event

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.build.image import GuestImage

__all__ = ["BOUNDARIES", "LAYERS", "OTHER", "Boundary", "GuestLayers", "ImageLayers", "Layer",
           "find_layer", "layer_of_section", "layer_of_symbol"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: `prefixes` start its symbols, `colour` reads on white and on black."""

    name: str
    title: str
    prefixes: tuple[str, ...]
    colour: str
    description: str


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where calls pass from `upper` down to `lower` (names of layers).

    `events` is the range of counters that count them, empty where nothing does:
    ordinary function calls cost nothing, and so leave no trace.
    """

    name: str
    title: str
    upper: tuple[str, ...]
    lower: tuple[str, ...]
    events: range
    description: str


LAYERS = (
    Layer("app", "application", (), "#c2650a",
          "Your program: what you wrote in the cell, compiled."),
    Layer("libc", "C library", (), "#a0790a",
          "musl's printf, malloc, pthreads …, the same code a Linux program uses."),
    Layer("sys", "system calls", ("sys_",), "#4f8a10",
          "Answers Linux system calls by plain function calls, with no kernel to enter."),
    Layer("kern", "kern faction", ("kern_",), "#0b8a6a",
          "The rump kernel's processes, threads, futexes, signals and time."),
    Layer("vfs", "vfs faction", ("vfs_",), "#0a87a0",
          "The rump kernel's files: paths, directories, the in-memory root, pipes, /dev."),
    Layer("net", "net faction", ("net_",), "#c94f4f",
          "The rump kernel's network: sockets, and lwIP's TCP/IP beneath them."),
    Layer("rumpuser", "hypercalls", ("rumpuser_", "rumpcomp_"), "#3478d4",
          "The seam: the only functions of a host that kernel code may call."),
    Layer("bmk", "bare-metal core", ("bmk_",), "#7a68d8",
          "Pages, the thread scheduler, interrupts, the clock and the console."),
    Layer("arch", "processor", ("arch_", "_rumpkit_"), "#a855b5",
          "Entry from the machine, traps, context switch and page tables, in part assembly."),
    Layer("lib", "runtime library", ("lib_",), "#b85580",
          "The runtime's own string and printf code, shared by the layers above."),
    Layer("host", "host", (), "#80808a",
          "The machine outside: QEMU with KVM or TCG, libvirt, and this computer."),
)

OTHER = "other"
"""The layer of bytes that no layer claims: notes, tables for the linker and unwinder."""

_BY_NAME = {layer.name: layer for layer in LAYERS}
_FACTIONS = ("kern", "vfs", "net")

BOUNDARIES = (
    Boundary("library_calls", "library calls", ("app",), ("libc",), range(0),
             "Ordinary function calls; the trace does not see them."),
    Boundary("syscalls", "system calls", ("libc",), ("sys",),
             range(Event.SYSCALL, Event.SYSCALL + 512),
             "What libc would ask a Linux kernel for."),
    Boundary("faction_calls", "faction calls", ("sys",), _FACTIONS, range(0),
             "Ordinary function calls into the rump kernel."),
    Boundary("hypercalls", "hypercalls", _FACTIONS, ("rumpuser",),
             range(Event.HYPERCALL, Event.HYPERCALL + len(HYPERCALLS)),
             "What a rump kernel asks its host for, as in NetBSD's rumpuser(3)."),
    Boundary("core_calls", "core calls", ("rumpuser",), ("bmk", "arch"), range(0),
             "Ordinary function calls into the bare-metal core."),
    Boundary("exits", "exits to the host", ("bmk", "arch"), ("host",),
             range(Event.HOST_EXIT, Event.HOST_EXIT + 1),
             "The guest stops and QEMU acts for it: device registers, the expensive kind."),
)


def find_layer(name: str) -> Layer:
    """Return the layer called `name`; raises KeyError if there is none."""
    return _BY_NAME[name]


def layer_of_section(section: str) -> str | None:
    """Return the layer whose code or data a section name says it holds, or None.

    `.text.app` is "app"; input sections of the runtime's objects (`.vfs.bss`) count too.
    """
    parts = section.split(".")
    for part in (parts[2:3], parts[1:2]):
        if part and part[0] in _BY_NAME:
            return part[0]
    return None


def layer_of_symbol(name: str) -> str:
    """Return the layer a symbol's prefix puts it in; `OTHER` if none does."""
    for layer in LAYERS:
        if name.startswith(layer.prefixes):
            return layer.name
    return OTHER


class ImageLayers:
    """What an image has of each layer: its bytes and its symbols, top layer first."""

    def __init__(self, image: GuestImage) -> None:
        self._image = image

    @property
    def df(self) -> pd.DataFrame:
        """A row per layer: title, bytes by kind, number of symbols, description."""
        sizes = self._image.sizes.by_layer()
        rows = [layer for layer in LAYERS if layer.name in sizes.index]
        table = sizes.loc[[layer.name for layer in rows]]
        counts = self._image.symbols.count_by_layer()
        table.insert(0, "title", [layer.title for layer in rows])
        table["symbols"] = [counts.get(layer.name, 0) for layer in rows]
        table["description"] = [layer.description for layer in rows]
        return table

    def __repr__(self) -> str:
        return str(self._image.sizes.bar())


class GuestLayers:
    """Calls across each boundary of a guest, read from its counters while it runs.

    `guest` is a boot.Guest: its `counters` are the guest's own, calls since boot.
    """

    def __init__(self, guest: Any) -> None:
        self._guest = guest

    def snapshot(self) -> dict[str, int]:
        """Return calls since boot by boundary name, for the boundaries that are counted."""
        counters = np.asarray(self._guest.counters)
        return {boundary.name: int(counters[boundary.events.start:boundary.events.stop].sum())
                for boundary in BOUNDARIES if boundary.events}

    @property
    def df(self) -> pd.DataFrame:
        """A row per boundary: between which layers, and calls since boot (NA: not counted)."""
        import pandas as pd

        calls = self.snapshot()
        return pd.DataFrame({
            "title": [boundary.title for boundary in BOUNDARIES],
            "upper": [", ".join(boundary.upper) for boundary in BOUNDARIES],
            "lower": [", ".join(boundary.lower) for boundary in BOUNDARIES],
            "calls": pd.array([calls.get(boundary.name) for boundary in BOUNDARIES], "Int64"),
        }, index=pd.Index([boundary.name for boundary in BOUNDARIES], name="boundary"))

    @property
    def hypercalls(self) -> pd.DataFrame:
        """A row per hypercall of the interface: calls since boot, and is it in this image."""
        import pandas as pd

        counters = np.asarray(self._guest.counters)
        names = [call.name for call in HYPERCALLS]
        have = self._guest.image.symbols.names
        return pd.DataFrame({
            "calls": counters[Event.HYPERCALL:Event.HYPERCALL + len(names)].astype("uint64"),
            "in_image": [name in have for name in names],
        }, index=pd.Index(names, name="hypercall"))

    def __repr__(self) -> str:
        calls = self.snapshot()
        lines = []
        for layer in LAYERS:
            lines.append(f"{layer.title:>16}  {layer.name}")
            lines += [f"{'':>16}  ↓ {calls[boundary.name]:,} {boundary.title}"
                      for boundary in BOUNDARIES
                      if boundary.name in calls and layer.name == boundary.upper[-1]]
        return "\n".join(lines)
