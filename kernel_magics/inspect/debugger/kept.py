"""The breakpoints of a guest in a file beside it: a restarted notebook finds them again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kernel_magics.errors import LabError
from kernel_magics.inspect.debugger.breakpoints import WATCH_KINDS, Breakpoint
from kernel_magics.inspect.debugger.places import Place, Places
from kernel_magics.inspect.debugger.scopes import Scope

__all__ = ["forget", "keep", "left_behind"]

FILE = "debugger.json"
MOST_BREAKPOINTS = 1000
_PLAIN = ("process", "number", "wanted", "kind", "address", "size_bytes", "thread", "ignore",
          "is_temporary", "is_enabled", "hits", "passed")
_EMPTY = asdict(Place(0))
_NO_SCOPE = asdict(Scope("", 0, 0, 0))


def keep(folder: Path, breakpoints: list[Breakpoint]) -> None:
    """Write the breakpoints down; functions as conditions cannot be."""
    entries = [{**{name: getattr(one, name) for name in _PLAIN},
                "addresses": [place.address for place in one.places if not place.module],
                "scope": asdict(one.scope) if one.scope else None,
                "targets": [asdict(place) for place in one.targets],
                "condition": one.condition if isinstance(one.condition, str) else None,
                "has_function": callable(one.condition) or one.action is not None}
               for one in breakpoints]
    fresh = folder / f"{FILE}.new"
    try:
        fresh.write_text(json.dumps({"process": os.getpid(), "breakpoints": entries}))
        os.replace(fresh, folder / FILE)
    except OSError:
        pass  # the guest's folder is gone, or full: they are lost with this notebook


def forget(folder: Path) -> None:
    """Remove what `keep` wrote."""
    (folder / FILE).unlink(missing_ok=True)


def left_behind(folder: Path, places: Callable[[], Places]) -> list[Breakpoint]:
    """Return the breakpoints that a debugger left which is not there any more.

    One with a function as its condition or action comes back disabled.  `places` gives those
    of the guest's image, if they are needed.
    """
    try:
        kept = json.loads((folder / FILE).read_text())
        if kept["process"] == os.getpid():
            return []
        entries = list(kept["breakpoints"])[:MOST_BREAKPOINTS]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    found = []
    for entry in entries:
        try:
            found.append(_breakpoint(entry, places()))
        except (LabError, KeyError, TypeError, ValueError):
            continue  # not one of ours
    return found


def _breakpoint(entry: dict[str, Any], places: Places) -> Breakpoint:
    facts = {name: entry[name] for name in _PLAIN}
    if facts["kind"] not in ("break", *WATCH_KINDS):
        raise ValueError(facts["kind"])
    if entry["has_function"]:
        facts["is_enabled"] = False
    return Breakpoint(**facts, condition=entry["condition"],
                      scope=Scope(**_like(_NO_SCOPE, entry["scope"])) if entry["scope"] else None,
                      places=tuple(places.at(int(address)) for address in entry["addresses"]),
                      targets=tuple(Place(**_like(_EMPTY, target)) for target in entry["targets"]))


def _like(empty: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return fields as they were written, each of the type that it has in `empty`."""
    return {name: type(value)(found[name]) for name, value in empty.items()}
