"""Trace records as a pandas table: one row for each call, with its duration.

A call leaves two records, enter and exit.  They are matched for each thread and event
like brackets, so recursion works, and never across a place where records were lost,
because there the partner of an enter may be missing and a wrong one taken.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kernel_magics.errors import TraceError
from kernel_magics.trace.events import (
    ENTER,
    EVENTS,
    EXIT,
    GROUP_OF,
    GROUPS,
    NAMES,
    RECORD,
    RECORDED_ARGUMENTS,
    RESULT_BITS,
)

__all__ = ["Clock", "KINDS", "call_table", "call_statistics"]

# "call": enter and exit matched.  "enter": not finished, or its exit was lost.  "exit":
# its enter was not recorded.  "instant": an event without duration.
KINDS = ("call", "enter", "exit", "instant")
_CALL, _ENTER, _EXIT, _INSTANT = range(4)

_MAX_TSC_HZ = 9_000_000_000  # keeps the arithmetic below within 63 bits
_NS = 1_000_000_000


@dataclass(frozen=True)
class Clock:
    """Turns a guest's time-stamp counter into nanoseconds since its first instruction."""

    tsc_hz: int
    origin_tsc: int

    def __post_init__(self) -> None:
        if not 0 < self.tsc_hz <= _MAX_TSC_HZ:
            raise TraceError(f"the guest says its clock ticks {self.tsc_hz} times a second",
                             next_step="read the trace once the guest has booted; if it has,"
                             " its header is damaged", tsc_hz=self.tsc_hz)

    def since_boot_ns(self, tsc: np.ndarray) -> np.ndarray:
        """Return int64 nanoseconds, exact, for u64 time stamps."""
        ticks = (tsc - np.uint64(self.origin_tsc)).view(np.int64)
        seconds, rest = np.divmod(ticks, self.tsc_hz)
        return seconds * _NS + rest * _NS // self.tsc_hz


def call_table(rows: np.ndarray, clock: Clock, gaps: np.ndarray, hold: bool = False,
               ) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the table of the records in `rows`, and the rows held back.

    rows: u64[n, 8] as RingReader.drain gives them.  gaps: indices where records are
    missing.  hold: keep calls that may still finish out of the table and return their
    rows, to be put in front of the next ones.
    """
    sequence = rows[:, 0]
    if len(rows) and (sequence[1:] < sequence[:-1]).any():
        rows = rows[np.argsort(sequence, kind="stable")]
    records = rows.view(RECORD)[:, 0]
    partner, open_calls = _match(records, gaps)
    held = rows[:0]
    keep = np.ones(len(rows), bool)
    keep[partner[partner >= 0]] = False
    if hold:
        held = rows[open_calls]
        keep[open_calls] = False
    chosen = np.flatnonzero(keep)
    return _frame(records, chosen, partner[chosen], clock), held


def _match(records: np.ndarray, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each enter the position of its exit, else -1; and what is still open.

    Within one thread and event the nesting level of an enter equals that of its exit, and
    between the two there is no other record of that level.
    """
    partner = np.full(len(records), -1, np.int64)
    calls = np.flatnonzero(records["kind"] <= EXIT)
    if not len(calls):
        return partner, calls
    key = _thread_codes(records["thread"][calls]) * EVENTS + records["event"][calls]
    order = np.argsort(_narrow(key), kind="stable")
    calls, key = calls[order], key[order]
    enters = records["kind"][calls] == ENTER
    depth = np.cumsum(np.where(enters, 1, -1))
    begins = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    before = np.r_[0, depth[begins[1:] - 1]]
    level = depth + ~enters - np.repeat(before, np.diff(np.r_[begins, len(key)]))
    if level.min() != level.max():
        order = np.lexsort((level, key))  # stable: within a level still by time
        calls, key, enters, level = calls[order], key[order], enters[order], level[order]
    together = enters[:-1] & ~enters[1:] & (key[1:] == key[:-1]) & (level[1:] == level[:-1])
    last_of_level = np.r_[(key[1:] != key[:-1]) | (level[1:] != level[:-1]), True]
    still_open = enters & last_of_level
    if len(gaps):
        era = np.searchsorted(gaps, records["sequence"][calls] - 1, "right")
        together &= era[1:] == era[:-1]
        still_open &= era == len(gaps)
    first = np.flatnonzero(together)
    partner[calls[first]] = calls[first + 1]
    return partner, np.sort(calls[still_open])


def _thread_codes(thread: np.ndarray) -> np.ndarray:
    """Number threads densely; their numbers are small unless the ring is damaged."""
    if thread.max() < EVENTS:
        return thread.astype(np.int64)
    return np.unique(thread, return_inverse=True)[1]


def _narrow(key: np.ndarray) -> np.ndarray:
    """Renumber keys to 16 bits where that fits: NumPy then sorts in linear time."""
    used = np.flatnonzero(np.bincount(key))
    if len(used) > 0xFFFF:
        return key
    codes = np.zeros(used[-1] + 1, np.uint16)
    codes[used] = np.arange(len(used), dtype=np.uint16)
    return codes[key]


def _frame(records: np.ndarray, chosen: np.ndarray, partner: np.ndarray,
           clock: Clock) -> pd.DataFrame:
    matched = partner >= 0
    kind = records["kind"][chosen] - ENTER + _ENTER
    kind[matched] = _CALL
    rows = records[chosen]
    finish = records[np.where(matched, partner, chosen)]
    event = rows["event"]
    duration = clock.since_boot_ns(finish["tsc"]) if len(rows) else np.empty(0, np.int64)
    start = clock.since_boot_ns(rows["tsc"]) if len(rows) else duration
    columns = {
        "time_ns": start,
        "event": _categories(event, NAMES),
        "group": _categories(GROUP_OF[event], GROUPS),
        "kind": pd.Categorical.from_codes(kind, KINDS),
        "thread": rows["thread"],
    }
    for number in range(RECORDED_ARGUMENTS):
        columns[f"a{number}"] = rows["args"][:, number]
    returned = matched | (kind == _EXIT)
    columns["result"] = _results(finish["args"][:, 0], event, returned)
    columns["duration_ns"] = pd.arrays.IntegerArray(duration - start, ~matched)
    columns["caller"] = rows["caller"]
    columns["sequence"] = rows["sequence"]
    return pd.DataFrame(columns, copy=False)


def _categories(values: np.ndarray, names: tuple[str, ...]) -> pd.Categorical:
    """Return a categorical with only the names that occur, in the order of numbers."""
    used = np.flatnonzero(np.bincount(values, minlength=1))
    codes = np.zeros(len(names), np.int16)
    codes[used] = np.arange(len(used))
    return pd.Categorical.from_codes(codes[values], [names[number] for number in used])


def _results(values: np.ndarray, event: np.ndarray, returned: np.ndarray):
    bits = RESULT_BITS[event]
    results = np.where(bits == 32, values.astype(np.int32), values.view(np.int64))
    return pd.arrays.IntegerArray(results, ~returned | (bits == 0))


def call_statistics(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each event of which calls were matched, the costliest first.

    Columns: count, total_ns, min_ns, median_ns, p99_ns, max_ns; the percentiles are
    nearest-rank, so each is a duration that occurred.
    """
    calls = (table["kind"] == "call").to_numpy()
    event = table["event"].cat.codes.to_numpy()[calls]
    duration = table["duration_ns"].array._data[calls]
    order = np.lexsort((duration, event))
    event, duration = event[order], duration[order]
    begins = np.flatnonzero(np.r_[True, event[1:] != event[:-1]]) if len(event) else event
    counts = np.diff(np.r_[begins, len(event)]).astype(np.int64)
    statistics = pd.DataFrame({
        "count": counts,
        "total_ns": np.add.reduceat(duration, begins) if len(begins) else counts,
        "min_ns": duration[begins],
        "median_ns": duration[begins + (counts - 1) // 2],
        "p99_ns": duration[begins + (counts * 99 + 99) // 100 - 1],
        "max_ns": duration[begins + counts - 1],
    }, index=pd.Index(table["event"].cat.categories.to_numpy(object)[event[begins]], name="event"))
    return statistics.sort_values(["total_ns", "count"], ascending=False, kind="stable")
