"""What the hypercalls of a guest were for, in words that two kits share.

The kits ask the same host for the same things by different calls: one writes a character at a
time, the other a line; so calls are compared by their purpose first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel_magics.errors import LabError
from kernel_magics.trace.records.events import NAMES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PURPOSES", "hypercall_profile", "purpose_of"]

PURPOSES = {
    "waiting": ("rumpuser_cv_wait", "rumpuser_cv_timedwait", "rumpuser_clock_sleep",
                "rumpuser_thread_join"),
    "locks": ("rumpuser_mutex_", "rumpuser_rw_"),
    "waking": ("rumpuser_cv_",),
    "threads": ("rumpuser_thread_", "rumpuser_curlwp", "rumpcomp_thread_", "rumpuser_lwproc"),
    "memory": ("rumpuser_malloc", "rumpuser_free", "rumpuser_anonmmap", "rumpuser_unmap",
               "rumpcomp_vm_"),
    "clock": ("rumpuser_clock_gettime", "rumpcomp_bmktc_"),
    "console": ("rumpuser_putchar", "rumpuser_dprintf", "rumpcomp_console_"),
    "devices": ("rumpuser_bio", "rumpuser_open", "rumpuser_close", "rumpuser_iov",
                "rumpuser_getfileinfo", "rumpuser_syncfd", "rumpcomp_"),
}
"""What hypercalls are for → how the names of those begin; the first that fits counts."""

OTHER = "other"
_ORDER = (*PURPOSES, OTHER)
_INTERFACE = ("rumpuser_", "rumpcomp_")
_COLUMNS = ["hypercall", "purpose", "count", "total_ns", "median_ns"]


def purpose_of(name: str) -> str:
    """Return what a hypercall is for, "other" for start, end, parameters and random numbers."""
    return next((purpose for purpose, starts in PURPOSES.items() if name.startswith(starts)),
                OTHER)


def hypercall_profile(guest: Any) -> tuple[pd.DataFrame | None, str]:
    """Return the hypercalls of a guest, and where that is known from.

    A row per hypercall that was made (index): purpose, count, total_ns and median_ns, NA where
    only counters tell.  None, and why, if nothing recorded or counted them.
    """
    import pandas as pd

    rows, whence = _recorded(guest)
    if not rows:
        rows, whence = _counted(guest)
    if not rows:
        return None, whence
    table = pd.DataFrame(rows, columns=_COLUMNS).astype(
        {"count": "Int64", "total_ns": "Int64", "median_ns": "Int64"})
    table["purpose"] = pd.Categorical(table["purpose"], _ORDER, ordered=True)
    return table.set_index("hypercall").sort_values("count", ascending=False,
                                                    kind="stable"), whence


Row = tuple[str, str, int, int | None, int | None]


def _recorded(guest: Any) -> tuple[list[Row], str]:
    try:
        calls = guest.trace.calls
    except LabError as error:
        return [], error.message
    rows: list[Row] = [
        (name, purpose_of(name), int(row["count"]), int(row["total_ns"]), int(row["median_ns"]))
        for name, row in zip(map(str, calls.index), calls.to_dict("records"), strict=True)
        if name.startswith(_INTERFACE)]
    return rows, "trace"


def _counted(guest: Any) -> tuple[list[Row], str]:
    counters = guest.layers.counters
    if counters is None:
        return [], str(guest.layers.note)
    rows: list[Row] = [(name, purpose_of(name), int(count), None, None)
                       for name, count in zip(NAMES, counters.tolist(), strict=False)
                       if count and name.startswith(_INTERFACE)]
    return rows, "counters"
