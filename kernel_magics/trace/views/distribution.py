"""How long calls take: percentiles, and histograms in powers of two."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kernel_magics.errors import UsageError

__all__ = ["Histogram", "histogram", "percentiles"]

_BAR = 40
_DEFAULT = (50, 90, 99, 99.9)
_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns"))


def percentiles(table: pd.DataFrame, points: Sequence[float] = _DEFAULT) -> pd.DataFrame:
    """Return the durations below which so many per cent of each event's calls lie.

    Columns: count, p50, p90 … in ns; nearest-rank, so each is a duration that occurred.
    Raises UsageError for a point that is not from 0 to 100.
    """
    for point in points:
        if not 0 <= point <= 100:
            raise UsageError(f"there is no percentile {point:g}",
                             next_step="give numbers from 0 to 100")
    calls = table[table["kind"] == "call"]
    rows = {}
    for event, durations in calls.groupby("event", observed=True)["duration_ns"]:
        ordered = np.sort(durations.array._data)
        ranks = [max(-(-len(ordered) * point // 100), 1) for point in points]
        rows[str(event)] = [len(ordered), *(int(ordered[int(rank) - 1]) for rank in ranks)]
    return pd.DataFrame.from_dict(rows, orient="index",
                                  columns=["count", *(f"p{point:g}" for point in points)])


@dataclass(frozen=True)
class Histogram:
    """How often each duration occurred; `df` has from_ns, to_ns (exclusive) and count."""

    event: str
    df: pd.DataFrame

    def __repr__(self) -> str:
        total, most = int(self.df["count"].sum()), int(self.df["count"].max())
        lines = [f"{self.event}: {total} calls"]
        for _, start, end, count in self.df.itertuples():
            lines.append(f"  {_duration(start):>8} … {_duration(end):>8}"
                         f" {count:>8} {_bar(count, most)}".rstrip())
        return "\n".join(lines)


def histogram(table: pd.DataFrame, event: str) -> Histogram:
    """Return how the durations of one event's calls are spread, in powers of two.

    Raises UsageError (with the events there are) if the table has no call of that name.
    """
    calls = table[(table["kind"] == "call") & (table["event"] == event)]
    if not len(calls):
        there = sorted(set(table[table["kind"] == "call"]["event"].astype(str)))
        raise UsageError(f"the trace has no finished call of {event!r}",
                         next_step=f"it has {', '.join(there[:12]) or 'none of any name'}")
    durations = np.maximum(calls["duration_ns"].array._data, 0)
    power = np.where(durations > 0, np.floor(np.log2(np.maximum(durations, 1))), 0).astype(int)
    counts = np.bincount(power)
    first = int(np.flatnonzero(counts)[0])
    edges = 1 << np.arange(first, len(counts) + 1)
    starts = np.where(edges[:-1] == 1, 0, edges[:-1])
    return Histogram(event, pd.DataFrame(
        {"from_ns": starts, "to_ns": edges[1:], "count": counts[first:]}))


def _bar(count: int, most: int) -> str:
    return "█" * max(round(_BAR * count / most), 1 if count else 0)


def _duration(ns: int) -> str:
    for size, unit in _UNITS:
        if ns >= size:
            return f"{ns / size:.4g} {unit}"
    return "0"
