"""A trace as lines of text: when, which thread, what within what, how long."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from kernel_magics.trace.recording import Recording

__all__ = ["Listing", "listing"]

_SHOWN = 40
_MOST_WIDTH = 140
_MOST_INDENT = 12


@dataclass(frozen=True)
class Listing:
    """Lines of a trace in the order of time; `df` has what they were made of, as journal."""

    name: str
    df: pd.DataFrame
    threads: dict[int, str]
    lost_before: tuple[int, ...] = ()  # sequence numbers before which records are missing

    @property
    def lines(self) -> list[str]:
        """All lines."""
        found = []
        width = max((len(self._thread(number)) for number in set(self.df["thread"])), default=0)
        gaps = list(self.lost_before)
        for row in self.df.itertuples():
            while gaps and row.sequence > gaps[0]:
                gaps.pop(0)
                found.append(" " * 12 + "…  records are missing here")
            took = "" if pd.isna(row.duration_ns) else f"  <{row.duration_ns / 1e3:.1f} µs>"
            indent = "  " * min(int(row.depth), _MOST_INDENT)
            mark = {"console": "| ", "packet": "~ ", "request": "→ "}.get(row.source, "")
            text = indent + mark + str(row.text)
            if len(text) > _MOST_WIDTH:
                text = text[:_MOST_WIDTH - 1] + "…"
            found.append(f"{row.time_ns / 1e6:>11.3f}  {self._thread(row.thread):<{width}}"
                         f"  {text}{took}".rstrip())
        return found

    def _thread(self, number: int) -> str:
        return "idle" if not number else self.threads.get(int(number), "") or f"thread {number}"

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def __repr__(self) -> str:
        more = len(self.df) - _SHOWN
        shown = self.df.tail(_SHOWN)
        first = int(shown["sequence"].min()) if len(shown) else 0
        gaps = tuple(gap for gap in self.lost_before if gap >= first)
        lines = Listing(self.name, shown, self.threads, gaps).lines
        head = [f"… {more} lines before; print() shows all"] if more > 0 else []
        return "\n".join([*head, *lines]) or f"trace of {self.name}: nothing"


def listing(recording: "Recording", words: str = "") -> Listing:
    """Return a recording as text; words: which events, as for Trace.choose, by default all.

    With words, console lines, packets and requests are left out.
    """
    from kernel_magics.trace.choosing import choose
    from kernel_magics.trace.views.journal import journal

    table = recording.df
    if words.strip():
        table = choose(table, words, recording.threads, recording.symbol,
                       recording.processes.names)
    lines = journal(recording, table)
    if words.strip():
        lines = lines[lines["source"].isin(["call", "runtime"])]
    first = 0 if recording.lost or lines.empty else int(lines["sequence"].min())
    return Listing(recording.name, lines, recording.threads,  # before the first none was asked for
                   tuple(sorted(int(gap) for gap in recording.gaps if gap >= first)))
