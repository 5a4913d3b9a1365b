"""The names that Tab offers: guests, images, symbols, layers, events."""

from collections.abc import Callable, Iterable, Mapping

from kernel_magics.magics.session import guest_names, image_names, symbol_names

__all__ = ["SOURCES"]

WHAT_TO_TRACE = ("hypercalls", "syscalls", "runtime", "all")


def _targets(words: list[str]) -> list[str]:
    return [*guest_names(words), *image_names(words)]


def _layers(_words: list[str]) -> list[str]:
    from kernel_magics.inspect.layers import LAYERS
    return [layer.name for layer in LAYERS]


def _events(_words: list[str]) -> list[str]:
    from kernel_magics.trace.events import NAMES
    return [*WHAT_TO_TRACE, *(n for n in NAMES if not n.rpartition("_")[2].isdecimal())]


SOURCES: Mapping[str, Callable[[list[str]], Iterable[str]]] = {
    "guest": guest_names, "image": image_names, "target": _targets, "symbol": symbol_names,
    "layer": _layers, "events": _events,
}
"""A declaration's `complete` → the function that lists what may stand there."""
