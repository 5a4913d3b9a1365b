"""Every hypercall of the interface: used, unused, stubbed, or not in the image."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from kernel_magics.boot import abi
from kernel_magics.boot.rumprun import KIT as RUMPRUN
from kernel_magics.trace.calls.hypercalls import HYPERCALLS, UPSTREAM, Hypercall
from kernel_magics.trace.calls.upstream import STUB_PREFIX, platform_stubs_of, stubs_of

__all__ = ["STUBS", "counts_of", "hypercall_table"]

# They answer, and do nothing (CONTRACT.md, H6); a test holds this list against the source.
STUBS = frozenset(("rumpuser_dl_bootstrap", "rumpuser_daemonize_begin",
                   "rumpuser_daemonize_done"))
_ORDER = ("used", "unused", "stubbed", "absent")


def hypercall_table(counts: Mapping[str, int], image: Any = None) -> pd.DataFrame:
    """Return a row for each hypercall that the interface has.

    counts: how often each was called.  image: the guest's; with it, what the link left out
    is known.  Columns: status ("used", "unused", "stubbed": it answers and does nothing,
    "absent": this image does not have it), calls, interface ("rumpuser" of NetBSD's
    rumpuser(3), "rumpcomp" of what is beneath components), prototype, stub (in an image
    of Rumprun's: the function that answers for it, or the file of such; "" if it is no stub; one
    who looks at addresses cannot tell those with one function apart: their calls are its).
    """
    find = _STUBS_OF.get(image.kit if image is not None else "", _own_stubs)
    stubs, calls = find(image)
    there = _there(image)
    rows = []
    for call in calls:
        count, stub = int(counts.get(call.name, 0)), stubs.get(call.name)
        status = "stubbed" if stub is not None else "used" if count else "unused"
        if there is not None and call.name not in there:
            status = "absent"
        rows.append((call.name, status, count, call.name.split("_")[0], _prototype(call),
                     stub or ""))
    table = pd.DataFrame(rows, columns=["hypercall", "status", "calls", "interface", "prototype",
                                        "stub"])
    table["status"] = pd.Categorical(table["status"], _ORDER)
    return table.set_index("hypercall")


Found = tuple[Mapping[str, str], tuple[Hypercall, ...]]


def _own_stubs(_image: Any) -> Found:
    """Return rumpkit's stubs, which are functions of their own, and the interface it has."""
    return dict.fromkeys(STUBS, ""), HYPERCALLS


def _upstream_stubs(image: Any) -> Found:
    """Return what upstream does not implement, and the interface it has: not this project's."""
    stubs = {**platform_stubs_of(image.symbols), **stubs_of(image.symbols)}
    calls = tuple(call for call in HYPERCALLS if call.name.startswith("rumpuser_"))
    more = tuple(call for call in UPSTREAM if call.name in image.symbols)
    stubs |= {call.name: call.name for call in more if call.name.startswith(STUB_PREFIX)}
    return stubs, (*calls, *more)


_STUBS_OF: Mapping[str, Callable[[Any], Found]] = {RUMPRUN: _upstream_stubs}


def counts_of(counters: Any) -> dict[str, int]:
    """Return calls since boot by name, from a guest's counters."""
    return {call.name: int(counters[first + number])
            for first, calls in ((abi.Event.HYPERCALL, HYPERCALLS), (abi.Event.UPSTREAM, UPSTREAM))
            for number, call in enumerate(calls)}


def _there(image: Any) -> set[str] | None:
    """Return the hypercalls in an image, None if it has no symbols to tell."""
    if image is None:
        return None
    found = {call.name for call in (*HYPERCALLS, *UPSTREAM) if call.name in image.symbols}
    return found or None


def _prototype(call: Any) -> str:
    arguments = ", ".join(f"{a.type} {a.name}".strip() for a in call.arguments)
    return f"{call.result} {call.name}({arguments or 'void'})".replace("* ", "*")
