"""Facts about an image or a guest.  Importing this package gives both their facets.

What answers there is imported when it is first asked for: together it is half a second, and
a first cell needs none of it.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from kernel_magics.boot.guest import FACETS as GUEST_FACETS
from kernel_magics.build.image import FACETS as IMAGE_FACETS
from kernel_magics.inspect.memory.mapping import kit_of

__all__ = ["BOUNDARIES", "LAYERS", "GuestLayers", "ImageLayers", "PanicReport", "Sizes",
           "Symbol", "SymbolIndex", "program_of", "read_panic"]

NO_OTHERS: Mapping[str, str] = {}

_LAZY = {
    "BOUNDARIES": "images.layers", "LAYERS": "images.layers",
    "GuestLayers": "images.layer_facets", "ImageLayers": "images.layer_facets",
    "PanicReport": "panics.panic", "read_panic": "panics.panic",
    "Sizes": "images.sizes", "Symbol": "images.symbols", "SymbolIndex": "images.symbols",
    "program_of": "memory.program",
}


def __getattr__(name: str) -> Any:
    """Import a name of `__all__` on first use (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def _facet(place: str, others: Mapping[str, str] = NO_OTHERS) -> Callable[[Any], object]:
    """Return a function that imports "package.module.name" and calls it with a subject.

    `others` is kit → the place for guests of a kit that has one of its own.
    """
    def of(subject: Any) -> object:
        chosen = others.get(kit_of(subject), place) if others else place
        module, _, name = chosen.rpartition(".")
        return getattr(import_module(f"{__name__}.{module}"), name)(subject)
    return of


IMAGE_FACETS.update({name: _facet(place) for name, place in {
    "symbols": "images.symbols.SymbolIndex",
    "sizes": "images.sizes.Sizes",
    "layers": "images.layer_facets.ImageLayers",
    "link": "images.link.LinkRecord",
    "code": "images.disassembly.ImageCode",
    "diff": "images.diff.diff_of",
    "sections": "images.headers.sections_of",
    "segments": "images.headers.segments_of",
    "notes": "images.headers.notes_of",
}.items()})

# Of guests of upstream Rumprun another module answers; for what is not here, the same one.
_RUMPRUN = {
    "memory": "rumprun.memory.RumprunMemory",
    "processes": "rumprun.probes.processes.RumprunProcesses",
    "files": "rumprun.probes.files.RumprunFiles",
    "sockets": "rumprun.probes.sockets.RumprunSockets",
    "mounts": "rumprun.probes.mounts.RumprunMounts",
    "timers": "rumprun.probes.timers.RumprunTimers",
    "interrupts": "rumprun.probes.hardware.RumprunInterrupts",
    "devices": "rumprun.probes.hardware.RumprunDevices",
}

GUEST_FACETS.update({name: _facet(place, {"rumprun": _RUMPRUN[name]} if name in _RUMPRUN
                                  else NO_OTHERS) for name, place in {
    "panic": "panics.panic.read_panic",
    "layers": "images.layer_facets.GuestLayers",
    "threads": "threads.threads.GuestThreads",
    "whereabouts": "threads.whereabouts.Whereabouts",
    "locks": "threads.locks.GuestLocks",
    "memory": "memory.memory.GuestMemory",
    "drgn": "memory.program.program_of",
    "vars": "values.variables.GuestVariables",
    "debugger": "debugger.debugger.Debugger",
    "dump": "dumps.dumping.dumper",
    "processes": "probes.processes.Processes",
    "files": "probes.files.Files",
    "sockets": "probes.sockets.Sockets",
    "mounts": "probes.mounts.Mounts",
    "timers": "probes.timers.Timers",
    "interrupts": "probes.interrupts.Interrupts",
    "devices": "probes.interrupts.Devices",
}.items()})
