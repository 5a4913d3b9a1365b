"""%rumpsym and %rumplayers: what an image or a guest is made of."""

from types import SimpleNamespace
from typing import Any

from kernel_magics.errors import LabError, UsageError
from kernel_magics.magics.arguments import Argument, Command, Option, nearest
from kernel_magics.magics.session import guest_names, image_names, notebook_lab
from kernel_magics.magics.values import whole

__all__ = ["MAGICS", "find_target"]

_TARGET = Argument("NAME", "a guest, or an image that was built here", complete="target")

RUMPSYM = Command(
    "rumpsym", "list the symbols of an image, with layer, size and source line",
    arguments=(_TARGET,
               Argument("PATTERN", "part of a name, a glob (sys_*) or /a regular expression/",
                        required=False, complete="symbol")),
    options=(
        Option("--layer", "only this layer", "LAYER", complete="layer"),
        Option("--kind", "only this kind", "KIND",
               choices=("function", "object", "label", "tls")),
        Option("--limit", "how many rows to show, the largest", "ROWS", kind=whole, default=30)),
    details="The result's .df holds every match; nothing is left out there.",
    examples=("%rumpsym hello main", "%rumpsym hello rumpuser_* --kind function",
              "%rumpsym hello --layer vfs"))

RUMPLAYERS = Command(
    "rumplayers", "show the layers from the application to the host, and the calls between them",
    arguments=(_TARGET,),
    details="""Of an image: bytes and symbols of each layer. Of a guest also the calls across
    each boundary since boot and, while it runs, per second. Click a layer for its symbols, a
    boundary for its calls; the arrow keys do the same.""",
    examples=("%rumplayers hello",))


def rumpsym(options: SimpleNamespace, _cell: str | None) -> Any:
    """Return the matching symbols as a SymbolTable."""
    from kernel_magics.widgets.symbols import SymbolTable
    image, _ = find_target(options.name)
    found = image.symbols.search(options.pattern or "*", layer=options.layer, kind=options.kind)
    if not found and options.pattern:
        near = nearest(options.pattern, [], "symbols that match")
        raise UsageError(f"%rumpsym: nothing in {image.name} is called {options.pattern!r}",
                         next_step=_near_symbol(image, options.pattern) or near)
    return SymbolTable(image, found, options.limit)


def rumplayers(options: SimpleNamespace, _cell: str | None) -> Any:
    """Return the LayerView of an image or guest."""
    from kernel_magics.widgets.layers import LayerView
    return LayerView(*find_target(options.name))


def find_target(name: str) -> tuple[Any, Any]:
    """Return (image, guest) for the name of a guest, (image, None) for that of an image.

    Raises: UsageError with the nearest names if it is neither.
    """
    lab = notebook_lab()
    if name in guest_names():
        guest = lab.guest(name)
        return guest.image, guest
    try:
        return lab.image(name), None
    except LabError as unknown:
        known = sorted({*guest_names(), *image_names()})
        raise UsageError(f"no guest and no image is called {name!r}",
                         next_step=nearest(name, known, "guests and images")) from unknown


def _near_symbol(image: Any, pattern: str) -> str:
    try:
        image.symbols.find(pattern)
    except UsageError as unknown:
        return unknown.next_step
    return ""


MAGICS = ((RUMPSYM, rumpsym), (RUMPLAYERS, rumplayers))
