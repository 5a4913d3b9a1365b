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
               Argument("PATTERN", "part of a name, a glob (sys_*), /a regular expression/, or "
                        "an address (0x…)", required=False, complete="symbol")),
    options=(
        Option("--layer", "only this layer", "LAYER", complete="layer"),
        Option("--kind", "only this kind", "KIND",
               choices=("function", "object", "label", "tls")),
        Option("--object", "only what was linked from this object: libc.a(*", "PATTERN"),
        Option("--component", "only this library of the kit: libc, rumpnet_net", "COMPONENT",
               complete="component"),
        Option("--limit", "how many rows to show, the largest", "ROWS", kind=whole, default=30),
        Option("--code", "show the machine code of the function or address, beside its source"),
        Option("--callers", "show the functions that call it"),
        Option("--why", "show why the linker took the object that it is in"),
        Option("--tree", "show the bytes of layers, objects and symbols, to this depth",
               "DEPTH", kind=whole)),
    details="""The result's .df holds every match; nothing is left out there. The same from a
    script: image.symbols, image.code, image.link and image.sizes.tree.""",
    examples=("%rumpsym hello main", "%rumpsym hello rumpuser_* --kind function",
              "%rumpsym hello --layer vfs", "%rumpsym hello main --code",
              "%rumpsym hello vfprintf --why", "%rumpsym hello --tree 2",
              "%rumpsym hello tcp_* --component rumpnet_net"))

RUMPLAYERS = Command(
    "rumplayers", "show the layers from the application to the host, and the calls between them",
    arguments=(_TARGET,),
    details="""Of an image: bytes and symbols of each layer. Of a guest also the calls across
    each boundary since boot and, while it runs, per second. Click a layer for its symbols, a
    boundary for its calls; the arrow keys do the same.""",
    examples=("%rumplayers hello",))


def rumpsym(options: SimpleNamespace, _cell: str | None) -> Any:
    """Return the matching symbols as a SymbolTable, or what an option asks about one."""
    from kernel_magics.widgets.images.symbols import SymbolTable
    image, _ = find_target(options.name)
    if options.tree is not None:
        return _tree(image, options)
    if options.code or options.callers or options.why:
        return _about_one(image, options)
    address = _address(options.pattern)
    if address is not None:
        return SymbolTable(image, [_at(image, address)], options.limit)
    if options.component:
        _check_component(image, options.component)
    found = image.symbols.search(options.pattern or "*", layer=options.layer, kind=options.kind,
                                 object=options.object, component=options.component)
    if not found and options.pattern:
        near = nearest(options.pattern, [], "symbols that match")
        raise UsageError(f"%rumpsym: nothing in {image.name} is called {options.pattern!r}",
                         next_step=_near_symbol(image, options.pattern) or near)
    return SymbolTable(image, found, options.limit)


def _about_one(image: Any, options: SimpleNamespace) -> Any:
    """Return the code, the callers or the link's reasons of the one symbol that is named."""
    if not options.pattern:
        raise UsageError("%rumpsym: --code, --callers and --why need the name of a symbol",
                         next_step=f"%rumpsym {options.name} main --code")
    address = _address(options.pattern)
    if options.code:
        return image.code(options.pattern if address is None else address)
    if options.why and address is None:
        return image.link.why(options.pattern)
    symbol = image.symbols.find(options.pattern) if address is None else _at(image, address)
    return image.link.why(symbol.name) if options.why else symbol.callers()


def _check_component(image: Any, component: str) -> None:
    known = sorted(set(image.layers.components["component"]))
    if component not in known:
        raise UsageError(f"%rumpsym: {image.name} has no component {component!r}",
                         next_step=nearest(component, known, "components"))


def _tree(image: Any, options: SimpleNamespace) -> Any:
    """Return the tree of sizes, of a layer only if one is named."""
    tree = image.sizes.tree
    if options.layer:
        known = [child.name for child in tree]
        if options.layer not in known:
            raise UsageError(f"%rumpsym: {image.name} has nothing in layer {options.layer!r}",
                             next_step=nearest(options.layer, known, "layers"))
        tree = tree[options.layer]
    return tree.view(options.tree, options.limit)


def _address(pattern: str | None) -> int | None:
    """Return the address that a pattern is, None for a name."""
    if not pattern or not pattern.startswith("0x"):
        return None
    try:
        return int(pattern, 16)
    except ValueError:
        return None


def _at(image: Any, address: int) -> Any:
    found = image.symbols.at(address)
    if found is None:
        raise UsageError(f"%rumpsym: no symbol of {image.name} covers {address:#x}",
                         next_step="image.sections shows what is where")
    return found[0]


def rumplayers(options: SimpleNamespace, _cell: str | None) -> Any:
    """Return the LayerView of an image or guest."""
    from kernel_magics.widgets.layers.view import LayerView
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
