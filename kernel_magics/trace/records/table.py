"""Trace records as a pandas table: one row for each call, with its duration."""

import numpy as np
import pandas as pd

from kernel_magics.trace.calls.processes import TraceProcesses
from kernel_magics.trace.records.clock import Clock
from kernel_magics.trace.records.columns import BLOCK_ROWS, KINDS, SEQUENCE, Columns
from kernel_magics.trace.records.events import GROUP_OF, GROUPS, NAMES, RECORDED_ARGUMENTS

__all__ = ["Clock", "KINDS", "call_statistics", "call_table"]


def call_table(rows: np.ndarray, clock: Clock, gaps: np.ndarray, hold: bool = False,
               processes: TraceProcesses | None = None) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the table of the records in `rows`, and the rows held back.

    rows: u64[n, 8] as RingReader.drain gives them.  gaps: indices where records are
    missing.  hold: keep calls that may still finish out of the table and return their
    rows, to be put in front of the next ones.  processes: which the threads are of.
    """
    columns = Columns(len(rows), clock, gaps)
    if not _add_all(columns, rows):
        # Records that were finished late came late.
        rows = rows[np.argsort(rows[:, SEQUENCE], kind="stable")]
        columns = Columns(len(rows), clock, gaps)
        _add_all(columns, rows)
    return _frame(columns.finish(hold), processes), columns.open_rows if hold else rows[:0]


def _add_all(columns: Columns, rows: np.ndarray) -> bool:
    return all(columns.add(rows[first:first + BLOCK_ROWS])
               for first in range(0, len(rows), BLOCK_ROWS))


def _frame(columns: Columns, processes: TraceProcesses | None) -> pd.DataFrame:
    event, used = columns.event, columns.events
    groups = np.unique(GROUP_OF[used])
    group = np.zeros(len(GROUP_OF), np.int8)
    group[:] = GROUP_OF
    values: dict[str, object] = {
        "time_ns": columns.time_ns,
        "event": _categories(event, used, NAMES),
        "group": _categories(group.take(event), groups, GROUPS),
        "kind": pd.Categorical.from_codes(columns.kind, KINDS, validate=False),
        "thread": columns.thread,
    }
    values |= {f"a{number}": values_ for number, values_ in enumerate(columns.arguments)}
    values["result"] = pd.arrays.IntegerArray(columns.result, columns.no_result)
    values["duration_ns"] = pd.arrays.IntegerArray(columns.duration_ns, columns.no_duration)
    values |= {"caller": columns.caller, "sequence": columns.sequence}
    values |= {f"a{number}": values_ for number, values_
               in enumerate(columns.more, RECORDED_ARGUMENTS)}
    values |= {"exit_sequence": columns.exit_sequence, "in_interrupt": columns.in_interrupt}
    values["process"] = processes.of_threads(columns.thread) if processes is not None \
        else np.zeros(len(columns.thread), np.uint32)
    return pd.DataFrame(values, copy=False)


def _categories(values: np.ndarray, used: np.ndarray,
                names: tuple[str, ...]) -> pd.Categorical:
    """Return a categorical with only the names used, in the order of numbers."""
    codes = np.zeros(len(names), np.int16 if len(names) > 127 else np.int8)
    codes[used] = np.arange(len(used))
    return pd.Categorical.from_codes(codes.take(values), [names[number] for number in used],
                                     validate=False)


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
