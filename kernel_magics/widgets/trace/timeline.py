"""The timeline's Python side: the table, the link to its rows, and what a browser is sent."""

from typing import Any

import numpy as np
import pandas as pd
import traitlets

from kernel_magics.errors import LabError, UsageError
from kernel_magics.trace.choosing import chosen_rows
from kernel_magics.widgets.foundation.view import View
from kernel_magics.widgets.trace.event_text import EventText
from kernel_magics.widgets.trace.tracks import Layout, lay_out

__all__ = ["MOST_EVENTS", "Timeline"]

MOST_EVENTS = 4_000_000
"""What a browser is sent, the newest; 27 bytes each."""

_PIECE_EVENTS = 1 << 17
_MOST_GAPS = 1000
_NOTHING = -1


class Timeline(View):
    """What every view with a timeline in it has: the table, and the link to its rows.

    `df` is the table; `selected` the position in it of the selected event, -1 for none;
    `shown` and `measured` the stretch [begin, end] in nanoseconds.  Each may be set.
    """

    name = traitlets.Unicode().tag(sync=True)
    events = traitlets.Int().tag(sync=True)
    left_out = traitlets.Int().tag(sync=True)
    lost = traitlets.Int().tag(sync=True)
    version = traitlets.Int().tag(sync=True)
    live = traitlets.Bool().tag(sync=True)
    following = traitlets.Bool().tag(sync=True)
    selected = traitlets.Int(_NOTHING).tag(sync=True)
    shown: traitlets.List = traitlets.List(traitlets.Float()).tag(sync=True)
    measured: traitlets.List = traitlets.List(traitlets.Float()).tag(sync=True)

    df: pd.DataFrame
    recording: Any = None
    words: EventText
    thread_names: dict[int, str]
    _layout: Layout | None = None

    @property
    def row(self) -> pd.Series | None:
        """The selected event's row of `df`, or None."""
        return self.df.iloc[self.selected] if 0 <= self.selected < len(self.df) else None

    @property
    def visible(self) -> pd.DataFrame:
        """The rows of `df` in the stretch that is shown; all before it was ever changed."""
        return self.between(*self.shown) if len(self.shown) == 2 else self.df

    @property
    def inside(self) -> pd.DataFrame:
        """The rows of `df` in the measured stretch; none if nothing is measured."""
        return self.between(*self.measured) if len(self.measured) == 2 else self.df.iloc[:0]

    def between(self, begin_ns: float, end_ns: float) -> pd.DataFrame:
        """Return the rows of events that are going on in [begin_ns, end_ns)."""
        start = self.df["time_ns"].to_numpy()
        took = self.df["duration_ns"].fillna(0).to_numpy("int64")
        return self.df[(start < end_ns) & (start + took >= begin_ns)]

    def select(self, row: int) -> None:
        """Show and select the event at position `row` of `df`.

        Raises UsageError if there is no such row.
        """
        if not -len(self.df) <= row < len(self.df):
            raise UsageError(f"no row {row}: the table has {len(self.df)}",
                             next_step="give the position of a row in .df, from 0")
        self.selected = row % len(self.df)

    def chosen_rows(self, words: str) -> tuple[np.ndarray, str]:
        """Return of each row of `df` whether it matches words as for trace.choose, and why
        none does if they mean nothing."""
        recording = self.recording
        processes, symbol = (None, None) if recording is None else \
            (recording.processes.names, recording.symbol)
        try:
            return chosen_rows(self.df, words, self.thread_names, symbol, processes), ""
        except LabError as error:
            return np.zeros(len(self.df), bool), f"{error.message}: {error.next_step}"

    def answer(self, message: dict) -> None:
        if message["kind"] == "timeline-choose":
            words = str(message["words"])
            chosen, problem = self.chosen_rows(words)
            self.send({"kind": "timeline-chosen", "view": message["view"], "words": words,
                       "problem": problem}, [np.packbits(chosen, bitorder="little").tobytes()])
        elif message["kind"] == "timeline":
            self._send_events(str(message["view"]))
        elif message["kind"] == "timeline-row":
            row = int(message["row"])
            known = 0 <= row < len(self.df)
            rows = self.df.iloc[row:row + 1].itertuples() if known else iter(())
            fields = [field for one in rows for field in self.words.fields(one)]
            self.send({"kind": "timeline-row", "view": message["view"], "row": row,
                       "fields": fields})

    def _send_events(self, view: str) -> None:
        """Send the browser all events: a head, then the columns a piece at a time."""
        if self._layout is None:
            self._layout = lay_out(self.df.iloc[self.left_out:], self.thread_names,
                                   self.recording)
        layout, first_row = self._layout, self.left_out
        head = {"count": len(layout), "names": layout.names, "left_out": self.left_out,
                "lost": self.lost, "gaps": self._gaps(), "tracks": [
                    {"thread": t.thread, "thread_name": t.thread_name, "layer": t.layer,
                     "title": t.title, "colour": t.colour, "count": t.count,
                     "process": t.process}
                    for t in layout.tracks]}
        self.send({"kind": "timeline-head", "view": view, "head": head})
        for first in range(0, len(layout), _PIECE_EVENTS):
            columns = layout.columns(first, first + _PIECE_EVENTS)
            if first_row:
                rows = np.frombuffer(columns[2], "<u4") + np.uint32(first_row)
                columns[2] = rows.astype("<u4").tobytes()
            self.send({"kind": "timeline-piece", "view": view, "first": first}, columns)

    def _gaps(self) -> list[float]:
        """Return when records are missing: the time of the first event after each gap."""
        gaps = np.asarray(getattr(self.recording, "gaps", ()), np.int64)[:_MOST_GAPS]
        if not len(gaps) or not len(self.df):
            return []
        sequence = self.df["sequence"].to_numpy("int64")
        if not self.lost:  # what is before the first was not asked for
            gaps = gaps[gaps >= sequence.min()]
        after = np.minimum(np.searchsorted(sequence, gaps), len(sequence) - 1)
        return [float(time) for time in self.df["time_ns"].to_numpy()[after]]
