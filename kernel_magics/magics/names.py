"""The names that Tab offers: guests, images, symbols, layers, events, packages."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from kernel_magics.errors import LabError
from kernel_magics.magics.session import (
    guest_names,
    guest_symbol_names,
    image_names,
    symbol_names,
)

__all__ = ["SOURCES"]

WHAT_TO_TRACE = ("hypercalls", "syscalls", "runtime", "all")


def _targets(words: list[str]) -> list[str]:
    return [*guest_names(words), *image_names(words)]


def _layers(_words: list[str]) -> list[str]:
    from kernel_magics.inspect.images.layers import LAYERS
    return [layer.name for layer in LAYERS]


def _events(_words: list[str]) -> list[str]:
    from kernel_magics.trace.records.events import NAMES
    return [*WHAT_TO_TRACE, *(n for n in NAMES if not n.rpartition("_")[2].isdecimal())]


def _packages(started: list[str]) -> list[str]:
    """Return the packages that can be meant: all there are once some letters say which."""
    from kernel_magics.build.packages import debian_packages, stack_names
    return debian_packages() if any(started) else stack_names()


def _ways(_words: list[str]) -> list[str]:
    from kernel_magics.build.packages import run_names
    return run_names()


def _networks(_words: list[str]) -> list[str]:
    from kernel_magics.boot.devices.preparing import INTERFACES
    kinds = (("tun_flags", "tap"), ("bridge", "bridge"))
    return ["user", "passt", *(f"{kind}:{path.name}" for path in INTERFACES.glob("*")
                               for proof, kind in kinds if (path / proof).exists())]


def _debugger_commands(_words: list[str]) -> list[str]:
    from kernel_magics.inspect.debugger.commands import COMMANDS
    return [command.names[0] for command in COMMANDS]


def _places(words: list[str]) -> list[str]:
    return guest_symbol_names(words[0]) if words else []


def _disks(_words: list[str]) -> list[str]:
    return [str(path) for pattern in ("*.img", "*.raw", "*.qcow2")
            for path in Path().glob(pattern)]


def _folders(_words: list[str]) -> list[str]:
    return [f"{path}:/" for path in Path().iterdir() if path.is_dir() and path.name[0] != "."]


def _bakes(_words: list[str]) -> list[str]:
    from kernel_magics.build.rumprun import list_bakes
    with suppress(LabError):
        return [one.name for one in list_bakes() if one.is_bootable_here]
    return []


def _components(_words: list[str]) -> list[str]:
    from kernel_magics.build.rumprun import list_components
    with suppress(LabError):
        return [one.name for one in list_components()]
    return []


SOURCES: Mapping[str, Callable[[list[str]], Iterable[str]]] = {
    "guest": guest_names, "image": image_names, "target": _targets, "symbol": symbol_names,
    "layer": _layers, "events": _events, "network": _networks, "disk": _disks,
    "folder": _folders,
    "bake": _bakes, "component": _components, "package": _packages, "run": _ways,
    "debugger_command": _debugger_commands, "place": _places,
}
"""A declaration's `complete` → the function that lists what may stand there."""
