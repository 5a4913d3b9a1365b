"""Every hypercall of the interface: used, unused, stubbed, or not in the image."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kernel_magics.boot import abi
from kernel_magics.trace.hypercalls import HYPERCALLS

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
    rumpuser(3), "rumpcomp" of this project), prototype.
    """
    there = _there(image)
    rows = []
    for call in HYPERCALLS:
        count = int(counts.get(call.name, 0))
        status = "stubbed" if call.name in STUBS else "used" if count else "unused"
        if there is not None and call.name not in there:
            status = "absent"
        rows.append((call.name, status, count, call.name.split("_")[0], _prototype(call)))
    table = pd.DataFrame(rows, columns=["hypercall", "status", "calls", "interface", "prototype"])
    table["status"] = pd.Categorical(table["status"], _ORDER)
    return table.set_index("hypercall")


def counts_of(counters: Any) -> dict[str, int]:
    """Return calls since boot by name, from a guest's counters."""
    first = int(abi.Event.HYPERCALL)
    return {call.name: int(counters[first + number]) for number, call in enumerate(HYPERCALLS)}


def _there(image: Any) -> set[str] | None:
    """Return the hypercalls in an image, None if it has no symbols to tell."""
    if image is None:
        return None
    found = {symbol.name for symbol in image.symbols.search() if symbol.layer == "rumpuser"}
    return found if any(call.name in found for call in HYPERCALLS) else None


def _prototype(call: Any) -> str:
    arguments = ", ".join(f"{a.type} {a.name}".strip() for a in call.arguments)
    return f"{call.result} {call.name}({arguments or 'void'})".replace("* ", "*")
