"""The trace view: the calls with their latencies, and the events a page at a time."""

import fnmatch
from typing import Any

import pandas as pd
import traitlets

from kernel_magics.trace.table import call_statistics
from kernel_magics.widgets.event_text import event_cells
from kernel_magics.widgets.view import View, bundle

__all__ = ["TraceView", "matching", "calls_text"]

PAGE_ROWS = 200
TEXT_ROWS = 20


class TraceView(View):
    """A trace as it was when the view was made, narrowed by `pattern`.

    `df` are the events, `calls` the count and latencies of each call; see trace.Trace.
    """

    name = traitlets.Unicode().tag(sync=True)
    events = traitlets.Int().tag(sync=True)
    lost = traitlets.Int().tag(sync=True)
    call_rows: traitlets.List = traitlets.List().tag(sync=True)
    page = traitlets.Dict().tag(sync=True)

    def __init__(self, guest: Any, pattern: str = "") -> None:
        self._esm, self._css = bundle("trace.js"), bundle("trace.css")
        self._symbols = guest.image.symbols
        self.df = matching(guest.trace.df, pattern)
        self.calls = call_statistics(self.df)
        super().__init__(name=guest.name, events=len(self.df), lost=guest.trace.lost,
                         call_rows=_call_rows(self.df, self.calls), page=self._page(0, ""))
        self.listen()

    def text(self) -> str:
        head = f"trace of {self.name}: {self.events} events, {self.lost} lost"
        return f"{head}\n{calls_text(self.df)}" if self.events else head

    def answer(self, message: dict) -> None:
        if message["kind"] == "page":
            self.page = self._page(int(message["start"]), str(message["filter"]))

    def _page(self, start: int, pattern: str) -> dict:
        found = matching(self.df, pattern)
        rows = found.iloc[start:start + PAGE_ROWS]
        return {"start": start, "matching": len(found), "filter": pattern,
                "rows": [event_cells(row, self._symbols) for row in rows.itertuples()]}


def matching(table: pd.DataFrame, pattern: str) -> pd.DataFrame:
    """Return the events whose name or group contains `pattern`, or matches it as a glob.

    "thread:3" chooses a thread, "event:write" exactly that one; several words must all match.
    """
    for word in pattern.split():
        if word.startswith("event:"):
            table = table[table["event"] == word.removeprefix("event:")]
            continue
        if word.startswith("thread:"):
            number = word.removeprefix("thread:")
            table = table[table["thread"].astype(str) == number]
            continue
        names = [n for n in table["event"].cat.categories if _matches(n, word)]
        groups = [g for g in table["group"].cat.categories if _matches(g, word)]
        table = table[table["event"].isin(names) | table["group"].isin(groups)]
    return table


def calls_text(table: pd.DataFrame) -> str:
    """Return how often each event occurs, most frequent first: the text of a trace."""
    counts = table["event"].astype(str).value_counts()
    counts = counts.reset_index().sort_values(["count", "event"], ascending=[False, True])
    width = len(str(counts["count"].max()))
    rows = [f"  {count:>{width}}  {event}" for event, count in
            counts.head(TEXT_ROWS).itertuples(index=False)]
    more = len(counts) - TEXT_ROWS
    return "\n".join([*rows, *([f"  {'…':>{width}}  and {more} more kinds"] if more > 0 else [])])


def _matches(name: str, word: str) -> bool:
    wild = any(c in word for c in "*?[")
    return fnmatch.fnmatchcase(name, word) if wild else word.lower() in name.lower()


def _call_rows(table: pd.DataFrame, calls: pd.DataFrame) -> list[dict]:
    """Return a row per event for the browser; those without calls have no latencies."""
    groups = dict(zip(table["event"].astype(str), table["group"].astype(str), strict=True))
    rows = []
    for event, count in table["event"].astype(str).value_counts().items():
        row = {"call": event, "group": groups[event], "count": int(count)}
        for column in ("total", "min", "median", "p99", "max"):
            known = event in calls.index
            row[column] = int(calls.at[event, f"{column}_ns"]) if known else None
        rows.append(row)
    return rows
