"""The trace view: a timeline, the calls with their latencies, the events page by page."""

from typing import Any

import numpy as np
import pandas as pd
import traitlets

from kernel_magics.errors import LabError, UsageError
from kernel_magics.trace.choosing import choose
from kernel_magics.trace.records.table import call_statistics
from kernel_magics.widgets.foundation.view import Pump, bundle
from kernel_magics.widgets.trace.event_text import EventText
from kernel_magics.widgets.trace.timeline import MOST_EVENTS, Timeline
from kernel_magics.widgets.trace.tracks import lay_out

__all__ = ["TraceView", "calls_text"]

PAGE_ROWS = 200
TEXT_ROWS = 20
PERIOD_S = 1.0
MOST_FOLLOWED = 200_000
"""Beyond, the browser is sent the events when it asks only: each time it gets them all."""



class TraceView(Timeline):
    """A trace as it was when the view was made: over time, as calls, as a table of events.

    source: a guest, its trace, a recording, or rows of a table like `guest.trace.df`.
    pattern: narrows it, words as for trace.choose.  name: for the title.  tab: "Timeline", "Calls"
    or "Events", the first shown.
    thread_names: number → name, by default the recording's.  recording: that of a table, for
    its arguments in words.  `df` are the events, `calls`
    the count and latencies of each call.  Raises UsageError if the source is neither.
    """

    tab = traitlets.Unicode().tag(sync=True)
    call_rows: traitlets.List = traitlets.List().tag(sync=True)
    page = traitlets.Dict().tag(sync=True)

    def __init__(self, source: Any, pattern: str = "", *, name: str = "", tab: str = "Timeline",
                 thread_names: dict[int, str] | None = None, recording: Any = None) -> None:
        self._esm, self._css = bundle("trace.js"), bundle("trace.css")
        is_table = isinstance(source, pd.DataFrame)
        self._source, self._pattern = source, pattern
        self._asked: tuple[int, str] = (0, "")  # from where, and which events, the page shows
        self._load(source if is_table else None, recording if is_table else _recording(source))
        known = {} if self.recording is None else self.recording.threads
        self.thread_names = known if thread_names is None else thread_names
        is_live = not is_table and getattr(source, "state", "") == "running"
        super().__init__(name=name or _title(self.recording), tab=tab,
                         live=is_live, **self._told())
        if is_live:
            self.pump = Pump(self._tick, f"trace of {self.name}", PERIOD_S)
        self.listen()

    def _load(self, table: pd.DataFrame | None, recording: Any) -> None:
        """Take a table, or what of a recording the pattern chooses."""
        if table is None:
            self.df = recording.choose(self._pattern)
        else:
            lay_out(table.iloc[:0])  # says which column is missing
            self.df = choose(_categorical(table), self._pattern, to_come=True)
        self.recording, self.words = recording, EventText(recording)
        self.calls = call_statistics(self.df)
        self._layout = None

    def _told(self) -> dict:
        lost = 0 if self.recording is None else self.recording.lost
        return {"events": len(self.df), "lost": lost,
                "left_out": max(0, len(self.df) - MOST_EVENTS),
                "call_rows": _call_rows(self.df, self.calls), "page": self._page(*self._asked)}

    def refresh(self) -> None:
        """Take what a guest has recorded by now; a table or a recording stays as it is."""
        if isinstance(self._source, pd.DataFrame):
            return
        taken = _recording(self._source)
        self.live = getattr(self._source, "state", "") == "running"
        if taken is self.recording:
            return
        self._load(None, taken)
        self.thread_names = {**self.thread_names, **taken.threads}
        with self.hold_sync():
            for trait, value in self._told().items():
                setattr(self, trait, value)
        self.version += 1

    def _tick(self) -> bool:
        if self.following and len(self.df) <= MOST_FOLLOWED:
            try:
                self.refresh()
            except LabError:  # a ring that is damaged: what was read before stays
                self.following = False
        return getattr(self._source, "state", "") == "running" or self._last_look()

    def _last_look(self) -> bool:
        """Look once more after the guest has ended; False, for there will be no other."""
        if self.following:
            self.refresh()
        self.live = False
        return False

    def text(self) -> str:
        head = f"trace of {self.name}: {self.events} events, {self.lost} lost"
        return f"{head}\n{calls_text(self.df)}" if self.events else head

    def answer(self, message: dict) -> None:
        if message["kind"] == "look":
            self.refresh()
        elif message["kind"] == "page":
            row = message.get("row")
            self.page = self._page(int(message["start"]), str(message["filter"]),
                                   None if row is None else int(row))
        else:
            super().answer(message)

    def _page(self, start: int, words: str, marked: int | None = None) -> dict:
        """Return a page of the matching events; with `marked`, the one that has that row."""
        chosen, problem = self.chosen_rows(words)
        positions = np.flatnonzero(chosen)
        if marked is not None:
            start = max(0, int(np.searchsorted(positions, marked)) - PAGE_ROWS // 2)
        self._asked = start, words
        shown = positions[start:start + PAGE_ROWS]
        return {"start": start, "matching": len(positions), "filter": words, "problem": problem,
                "marked": -1 if marked is None else marked, "positions": shown.tolist(),
                "rows": [self.words.cells(row)
                         for row in self.df.iloc[shown].itertuples()]}


def _title(recording: Any) -> str:
    """Return what a trace is called: whose it is, and what one has to know of it."""
    name, note = getattr(recording, "name", "a trace"), getattr(recording, "note", "")
    return f"{name}, {note}" if note else name


def _recording(source: Any) -> Any:
    trace = getattr(source, "trace", source)
    if not hasattr(trace, "recording"):
        raise UsageError(f"a timeline cannot be made of {type(source).__name__}",
                         next_step="give it a guest, its trace, or rows of guest.trace.df")
    return trace.recording


def _categorical(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with categories again where joining tables has made them texts."""
    texts = [name for name in ("event", "group", "kind")
             if not isinstance(table[name].dtype, pd.CategoricalDtype)]
    return table.assign(**{name: table[name].astype("category") for name in texts})


def calls_text(table: pd.DataFrame) -> str:
    """Return how often each event occurs, most frequent first: the text of a trace."""
    counts = _counts(table).rename_axis("event").reset_index()
    counts["event"] = counts["event"].astype(str)
    counts = counts.sort_values(["count", "event"], ascending=[False, True])
    width = len(str(counts["count"].max()))
    rows = [f"  {count:>{width}}  {event}" for event, count in
            counts.head(TEXT_ROWS).itertuples(index=False)]
    more = len(counts) - TEXT_ROWS
    return "\n".join([*rows, *([f"  {'…':>{width}}  and {more} more kinds"] if more > 0 else [])])


def _call_rows(table: pd.DataFrame, calls: pd.DataFrame) -> list[dict]:
    """Return a row per event for the browser; those without calls have no latencies."""
    first = table.drop_duplicates("event")
    groups = dict(zip(first["event"], first["group"], strict=True))
    rows = []
    for event, count in _counts(table).items():
        row = {"call": str(event), "group": str(groups[event]), "count": int(count)}
        for column in ("total", "min", "median", "p99", "max"):
            known = event in calls.index
            row[column] = int(calls.at[event, f"{column}_ns"]) if known else None
        rows.append(row)
    return rows


def _counts(table: pd.DataFrame) -> pd.Series:
    """Return how often each event that occurs does."""
    counts = table["event"].value_counts()
    return counts[counts > 0]
