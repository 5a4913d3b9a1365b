"""Two traces side by side: what one calls more often, or takes longer for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from kernel_magics.trace.views.views import Views

__all__ = ["TraceComparison", "compare"]

_SHOWN = 12
_LEAST_CALLS = 8      # below, a difference of medians says nothing
_ROUNDS = 200
_SEED = 1             # the same two traces give the same intervals


@dataclass(frozen=True)
class TraceComparison:
    """What differs between the traces called `before` and `after`; `df` has a row a call.

    df: count_before, count_after, total_ns_before, total_ns_after, total_ns_change,
    median_ns_before, median_ns_after, ratio (of the medians, after ÷ before), ratio_least and
    ratio_most (its 95 % interval, by resampling), verdict ("only before", "only after",
    "slower", "faster", "same", "too few"); the greatest change of total time first.
    """

    before: str
    after: str
    df: pd.DataFrame

    @property
    def differing(self) -> pd.DataFrame:
        """The calls of which the verdict is not "same" or "too few", or the count differs."""
        table = self.df
        quiet = table["verdict"].isin(["same", "too few"])
        return table[~quiet | (table["count_before"] != table["count_after"])]

    def __repr__(self) -> str:
        total = [int(self.df[f"total_ns_{side}"].sum()) for side in ("before", "after")]
        lines = [f"{self.before} → {self.after}: {len(self.differing)} of {len(self.df)} calls"
                 f" differ; {total[0] / 1e6:.3f} ms → {total[1] / 1e6:.3f} ms in calls"]
        width = max((len(str(name)) for name in self.differing.index[:_SHOWN]), default=0)
        for row in self.differing.head(_SHOWN).itertuples():
            ratio = "" if pd.isna(row.ratio) else f"median × {row.ratio:.2f}"
            lines.append(f"  {row.Index:<{width}}  {row.count_before:>7} → {row.count_after:<7}"
                         f" {row.total_ns_change / 1e3:>+12.1f} µs  {row.verdict:<11} {ratio}"
                         .rstrip())
        if len(self.differing) > _SHOWN:
            lines.append(f"  … and {len(self.differing) - _SHOWN} more")
        return "\n".join(lines)


def compare(before: "Views", after: "Views") -> TraceComparison:
    """Return how the calls of two traces or recordings differ.

    Times of one run vary; so a call counts as slower or faster only if the interval of the
    ratio of its medians leaves out 1.
    """
    one, other = before.recording, after.recording
    first, second = _durations(one.df), _durations(other.df)
    rows = {name: _row(first.get(name, _NONE), second.get(name, _NONE))
            for name in sorted({*first, *second})}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=_COLUMNS)
    table.index.name = "event"
    for column in ("ratio", "ratio_least", "ratio_most"):
        table[column] = table[column].astype("Float64")
    order = table["total_ns_change"].abs().sort_values(ascending=False, kind="stable").index
    names = one.name, other.name
    if names[0] == names[1]:
        names = f"{names[0]} (before)", f"{names[1]} (after)"
    return TraceComparison(*names, table.loc[order])


_COLUMNS = ["count_before", "count_after", "total_ns_before", "total_ns_after",
            "total_ns_change", "median_ns_before", "median_ns_after", "ratio", "ratio_least",
            "ratio_most", "verdict"]
_NONE = np.empty(0, np.int64)


def _durations(table: pd.DataFrame) -> dict[str, np.ndarray]:
    calls = table[table["kind"] == "call"]
    return {str(event): durations.array._data for event, durations
            in calls.groupby("event", observed=True)["duration_ns"]}


def _row(before: np.ndarray, after: np.ndarray) -> tuple[object, ...]:
    totals = int(before.sum()), int(after.sum())
    medians = [int(np.median(side)) if len(side) else 0 for side in (before, after)]
    ratio, least, most = _ratio(before, after)
    if not len(before) or not len(after):
        verdict = "only after" if len(after) else "only before"
    elif least is None or most is None:
        verdict = "too few"
    else:
        verdict = "slower" if least > 1 else "faster" if most < 1 else "same"
    return (len(before), len(after), *totals, totals[1] - totals[0], *medians, ratio, least, most,
            verdict)


def _ratio(before: np.ndarray,
           after: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """Return the ratio of medians and its 95 % interval, by resampling both sides."""
    if not len(before) or not len(after):
        return None, None, None
    ratio = float(np.median(after)) / max(float(np.median(before)), 1.0)
    if min(len(before), len(after)) < _LEAST_CALLS:
        return ratio, None, None
    random = np.random.default_rng(_SEED)
    sides = [np.median(random.choice(side, (_ROUNDS, min(len(side), 1000))), axis=1)
             for side in (before, after)]
    ratios = np.sort(sides[1] / np.maximum(sides[0], 1))
    cut = _ROUNDS * 25 // 1000
    return ratio, float(ratios[cut]), float(ratios[-1 - cut])
