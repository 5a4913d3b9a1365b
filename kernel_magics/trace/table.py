"""Trace records as a pandas table: one row for each call, with its duration.

A call leaves two records, enter and exit.  They are matched for each thread and event
like brackets, so recursion works, and never across a place where records were lost,
because there the partner of an enter may be missing and a wrong one taken.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kernel_magics.boot.abi import DETAIL_IN_INTERRUPT, Event
from kernel_magics.errors import TraceError
from kernel_magics.trace.attached import split
from kernel_magics.trace.events import (
    ENTER,
    EVENTS,
    EXIT,
    GROUP_OF,
    GROUPS,
    NAMES,
    RECORDED_ARGUMENTS,
    RESULT_BITS,
)

__all__ = ["Clock", "KINDS", "call_table", "call_statistics"]

# "call": enter and exit matched.  "enter": not finished, or its exit was lost.  "exit":
# its enter was not recorded.  "instant": an event without duration.
KINDS = ("call", "enter", "exit", "instant")
_CALL, _ENTER, _EXIT, _INSTANT = range(4)

# Words of a record's row; the third holds event, kind and thread.
_SEQUENCE, _TSC, _WHAT, _ARGS, _CALLER = 0, 1, 2, 3, 7
_KIND_BIT, _DETAIL_BIT, _THREAD_BIT = 16, 24, 32
_MORE = (4, 5)  # words of an exit that hold a system call's fifth and sixth argument
_FIRST_SYSCALL = int(Event.SYSCALL)

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
        seconds = ticks // self.tsc_hz
        rest = ticks - seconds * self.tsc_hz
        return seconds * _NS + rest * _NS // self.tsc_hz


def call_table(rows: np.ndarray, clock: Clock, gaps: np.ndarray, hold: bool = False,
               ) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the table of the records in `rows`, and the rows held back.

    rows: u64[n, 8] as RingReader.drain gives them.  gaps: indices where records are
    missing.  hold: keep calls that may still finish out of the table and return their
    rows, to be put in front of the next ones.
    """
    rows = split(rows)[0]
    sequence = rows[:, _SEQUENCE]
    if len(rows) and (sequence[1:] < sequence[:-1]).any():
        rows = rows[np.argsort(sequence, kind="stable")]
    partner, open_calls = _match(rows, gaps)
    held = rows[:0]
    keep = np.ones(len(rows), bool)
    keep[partner[partner >= 0]] = False
    if hold:
        held = rows[open_calls]
        keep[open_calls] = False
    chosen = np.flatnonzero(keep)
    return _frame(rows, chosen, partner[chosen], clock), held


def _match(rows: np.ndarray, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each enter the position of its exit, else -1; and what is still open."""
    partner = np.full(len(rows), -1, np.int64)
    what, sequence = rows[:, _WHAT].copy(), rows[:, _SEQUENCE].copy()
    kind = (what >> _KIND_BIT).astype(np.uint8)
    # Most calls call nothing that is recorded: their exit is the very next record.
    next_is_exit = ((kind[:-1] == ENTER) & (what[1:] - what[:-1] == 1 << _KIND_BIT)
                    & (sequence[1:] - sequence[:-1] == 1))
    first = np.flatnonzero(next_is_exit)
    partner[first] = first + 1
    rest = kind <= EXIT
    rest[first] = rest[first + 1] = False
    calls = np.flatnonzero(rest)
    if not len(calls):
        return partner, calls
    enters, exits, open_calls = _match_nested(what[calls], sequence[calls], gaps)
    partner[calls[enters]] = calls[exits]
    return partner, calls[open_calls]


def _match_nested(what: np.ndarray, sequence: np.ndarray,
                  gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions of enters, of their exits, and of enters that are still open.

    Within one thread and event the nesting level of an enter equals that of its exit, and
    between the two there is no other record of that level.
    """
    key = _thread_codes(what >> _THREAD_BIT) * EVENTS + (what & 0xFFFF).astype(np.int64)
    order = np.argsort(_narrow(key), kind="stable")
    key = key[order]
    is_enter = (what[order] >> _KIND_BIT).astype(np.uint8) == ENTER
    depth = np.cumsum(np.where(is_enter, 1, -1))
    begins = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    before = np.r_[0, depth[begins[1:] - 1]]
    level = depth + ~is_enter - np.repeat(before, np.diff(np.r_[begins, len(key)]))
    if level.min() != level.max():
        again = np.lexsort((level, key))  # stable: within a level still by time
        order, key, is_enter, level = order[again], key[again], is_enter[again], level[again]
    same = (key[1:] == key[:-1]) & (level[1:] == level[:-1])
    together = is_enter[:-1] & ~is_enter[1:] & same
    still_open = is_enter & ~np.r_[same, False]
    if len(gaps):
        era = np.searchsorted(gaps, sequence[order].astype(np.int64) - 1, "right")
        together &= era[1:] == era[:-1]
        still_open &= era == len(gaps)
    first = np.flatnonzero(together)
    return order[first], order[first + 1], np.sort(order[still_open])


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


def _frame(rows: np.ndarray, chosen: np.ndarray, partner: np.ndarray,
           clock: Clock) -> pd.DataFrame:
    matched = partner >= 0
    last = np.where(matched, partner, chosen)
    last_tsc, result = rows[:, _TSC][last], rows[:, _ARGS][last]
    all_rows, rows = rows, rows.take(chosen, axis=0)
    event = (rows[:, _WHAT] & 0xFFFF).astype(np.int64)
    kind = (rows[:, _WHAT] >> _KIND_BIT).astype(np.uint8) - ENTER + _ENTER
    kind[matched] = _CALL
    time_ns = clock.since_boot_ns(rows[:, _TSC])
    columns = {
        "time_ns": time_ns,
        "event": _categories(event, NAMES),
        "group": _categories(GROUP_OF[event], GROUPS),
        "kind": pd.Categorical.from_codes(kind.view(np.int8), KINDS, validate=False),
        "thread": (rows[:, _WHAT] >> _THREAD_BIT).astype(np.uint32),
    }
    begun = kind != _EXIT  # of an exit only the result is written
    for number in range(RECORDED_ARGUMENTS):
        columns[f"a{number}"] = np.where(begun, rows[:, _ARGS + number], 0)
    columns["result"] = _results(result, event, matched | (kind == _EXIT))
    duration = clock.since_boot_ns(last_tsc) - time_ns
    columns["duration_ns"] = pd.arrays.IntegerArray(duration, ~matched)
    columns["caller"] = np.where(begun, rows[:, _CALLER], 0)
    columns["sequence"] = rows[:, _SEQUENCE]
    ended = (matched | ~begun) & (event >= _FIRST_SYSCALL)
    for number, more in enumerate(_MORE, RECORDED_ARGUMENTS):
        columns[f"a{number}"] = np.where(ended, all_rows[:, more][last], 0)
    columns["exit_sequence"] = np.where(matched, all_rows[:, _SEQUENCE][last], 0)
    columns["in_interrupt"] = rows[:, _WHAT] >> _DETAIL_BIT & 0xFF == DETAIL_IN_INTERRUPT
    return pd.DataFrame(columns, copy=False)


def _categories(values: np.ndarray, names: tuple[str, ...]) -> pd.Categorical:
    """Return a categorical with only the names that occur, in the order of numbers."""
    used = np.flatnonzero(np.bincount(values, minlength=1))
    codes = np.zeros(len(names), np.int16)
    codes[used] = np.arange(len(used))
    return pd.Categorical.from_codes(codes[values], [names[number] for number in used],
                                     validate=False)


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
