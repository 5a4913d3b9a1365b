"""What a trace tells: the same of a live one and of a recording."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kernel_magics.errors import TraceError

if TYPE_CHECKING:
    from kernel_magics.trace.calls.processes import TraceProcesses
    from kernel_magics.trace.comparison import TraceComparison
    from kernel_magics.trace.lock_names import LockNames
    from kernel_magics.trace.recording import Recording
    from kernel_magics.trace.views.distribution import Histogram
    from kernel_magics.trace.views.flame import FlameGraph
    from kernel_magics.trace.views.listing import Listing
    from kernel_magics.trace.views.stacks import CallStack

__all__ = ["Views", "recording_text"]

_MOST_TEXTS = 200_000
_SHOWN = 12


class Views:
    """The ways to look at a trace; each is a fresh look at what is recorded by then."""

    @property
    def recording(self) -> "Recording":
        """What was recorded until now."""
        raise NotImplementedError

    @property
    def calls(self) -> pd.DataFrame:
        """Count and latencies for each event; see table.call_statistics."""
        from kernel_magics.trace.records.table import call_statistics

        return call_statistics(self.recording.df)

    @property
    def nested(self) -> pd.DataFrame:
        """The events with depth, parent and self_ns; see nesting.nested."""
        from kernel_magics.trace.views.nesting import nested

        return nested(self.recording.df)

    @property
    def requests(self) -> pd.DataFrame:
        """Requests to virtio devices and how long they took; see nesting.request_table."""
        from kernel_magics.trace.views.nesting import request_table

        return request_table(self.nested)

    @property
    def cpu(self) -> pd.DataFrame:
        """Each thread's time on the processor; see schedule.cpu_table."""
        from kernel_magics.trace.views.schedule import cpu_table

        recording = self.recording
        return cpu_table(recording.df, recording.threads)

    def cpu_over_time(self, interval_ms: float = 10) -> pd.DataFrame:
        """How much of each interval each thread ran; see schedule.cpu_over_time."""
        from kernel_magics.trace.views.schedule import cpu_over_time

        return cpu_over_time(self.recording.df, max(int(interval_ms * 1e6), 1))

    @property
    def slices(self) -> pd.DataFrame:
        """Each stretch of time in which one thread ran; see schedule.cpu_slices."""
        from kernel_magics.trace.views.schedule import cpu_slices

        return cpu_slices(self.recording.df)

    @property
    def wakeups(self) -> pd.DataFrame:
        """Who made whom ready to run, and how long that took; see schedule.wakeup_table."""
        from kernel_magics.trace.views.schedule import wakeup_table

        recording = self.recording
        return wakeup_table(recording.df, recording.threads)

    @property
    def locks(self) -> pd.DataFrame:
        """Locks, the most waited for first; see locks.lock_table."""
        from kernel_magics.trace.views.locks import lock_table

        recording = self.recording
        return lock_table(recording.df, recording.threads, self._lock_names(recording))

    def _lock_names(self, recording: "Recording") -> "LockNames":
        from kernel_magics.trace.lock_names import LockNames

        return LockNames(recording)

    @property
    def lock_waits(self) -> pd.DataFrame:
        """Each wait for a lock, and who ended it; see locks.lock_waits."""
        from kernel_magics.trace.views.locks import lock_waits

        recording = self.recording
        return lock_waits(recording.df, recording.threads, self._lock_names(recording))

    @property
    def hypercalls(self) -> pd.DataFrame:
        """Every hypercall of the interface: used, unused, stubbed or absent; see
        coverage.hypercall_table."""
        from kernel_magics.trace.calls.coverage import hypercall_table

        recording = self.recording
        counts = recording.df["event"].value_counts()
        return hypercall_table({str(name): int(count) for name, count in counts.items()},
                               recording.image)

    @property
    def console(self) -> pd.DataFrame:
        """The lines that the guest wrote; see journal.console_lines."""
        from kernel_magics.trace.views.journal import console_lines

        return console_lines(self.recording)

    @property
    def packets(self) -> pd.DataFrame:
        """The frames that the guest sent and received; see journal.packet_table."""
        from kernel_magics.trace.views.journal import packet_table

        return packet_table(self.recording)

    def journal(self, table: pd.DataFrame | None = None) -> pd.DataFrame:
        """Events, console lines, packets and requests in the order of time; see
        journal.journal.  table: the events wanted, rows of df."""
        from kernel_magics.trace.views.journal import journal

        return journal(self.recording, table)

    def text(self, words: str = "") -> "Listing":
        """The trace as lines of text, calls within each other; see listing.listing."""
        from kernel_magics.trace.views.listing import listing

        return listing(self.recording, words)

    def choose(self, words: str) -> pd.DataFrame:
        """Return the rows of df that match; see choosing.WORDS_HELP, e.g. "layer:sys >10us
        thread:main"."""
        from kernel_magics.trace.choosing import choose

        recording = self.recording
        return choose(recording.df, words, recording.threads, recording.symbol,
                      recording.processes.names)

    def percentiles(self, points: Sequence[float] = (50, 90, 99, 99.9)) -> pd.DataFrame:
        """Percentiles of each call's duration; see distribution.percentiles."""
        from kernel_magics.trace.views.distribution import percentiles

        return percentiles(self.recording.df, points)

    def histogram(self, event: str) -> "Histogram":
        """How the durations of a call are spread; see distribution.histogram."""
        from kernel_magics.trace.views.distribution import histogram

        return histogram(self.recording.df, event)

    def compare(self, after: "Views") -> "TraceComparison":
        """Return how another trace's calls differ from this one's; see comparison.compare."""
        from kernel_magics.trace.comparison import compare

        return compare(self, after)

    def export(self, path: str | Path) -> Path:
        """Write the trace to a file for another tool; see export.export."""
        from kernel_magics.trace.export import export

        return export(self.recording, path)

    def flame(self, kind: str = "", words: str = "") -> "FlameGraph":
        """Where the time went, by thread and call stack; see flame.flame_graph."""
        from kernel_magics.trace.views.flame import flame_graph

        return flame_graph(self.recording, kind, words)

    @property
    def processes(self) -> "TraceProcesses":
        """The processes that were seen: their names, threads, and the code they had mapped."""
        return self.recording.processes

    def stack(self, sequence: int) -> "CallStack":
        """Return the call stack of the event with this `sequence`, innermost first; empty if
        none was recorded (trace.start(…, stacks="rumpuser_*"))."""
        from kernel_magics.trace.views.stacks import CallStack

        recording = self.recording
        found = recording.attached.stack(sequence)
        return CallStack() if found is None else recording.walker.frames(
            found, process=recording.process_of(sequence), sequence=sequence)

    def decoded(self, table: pd.DataFrame | None = None) -> pd.Series:
        """Return each row as text: name, arguments by name and type, result.

        table: rows of this trace's df (filtered as you like), by default all of it.  Raises
        TraceError for more than 200 000 rows.
        """
        recording = self.recording
        table = recording.df if table is None else table
        if len(table) > _MOST_TEXTS:
            raise TraceError(f"{len(table)} events are too many to write out",
                             next_step="choose some: trace.decoded(trace.df.tail(1000))")
        texts = [recording.decoder.text(row) for row in table.itertuples()]
        return pd.Series(texts, index=table.index, dtype=object, name="call")


def recording_text(recording: "Recording") -> str:
    """Return how many events of which kinds there are, the most frequent first."""
    table = recording.df
    counts = table["event"].value_counts()
    counts = counts[counts > 0].sort_index(key=lambda names: names.astype(str))
    counts = counts.sort_values(ascending=False, kind="stable")
    note = f", {recording.note}" if recording.note else ""
    lines = [f"trace of {recording.name}{note}: {len(table)} events of {len(counts)} kinds,"
             f" {recording.lost} lost"]
    width = len(str(counts.iloc[0])) if len(counts) else 0
    lines += [f"  {count:>{width}}  {event}" for event, count in counts.head(_SHOWN).items()]
    if len(counts) > _SHOWN:
        lines.append(f"  {'…':>{width}}  and {len(counts) - _SHOWN} more")
    return "\n".join(lines)
