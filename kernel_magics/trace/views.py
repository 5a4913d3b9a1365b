"""What a trace tells: the same of a live one and of a recording."""

from typing import TYPE_CHECKING

import pandas as pd

from kernel_magics.errors import TraceError

if TYPE_CHECKING:
    from kernel_magics.inspect.backtrace import Frame
    from kernel_magics.trace.flame import FlameGraph
    from kernel_magics.trace.recording import Recording

__all__ = ["Views"]

_MOST_TEXTS = 200_000


class Views:
    """The ways to look at a trace; each is a fresh look at what is recorded by then."""

    @property
    def recording(self) -> "Recording":
        """What was recorded until now."""
        raise NotImplementedError

    @property
    def calls(self) -> pd.DataFrame:
        """Count and latencies for each event; see table.call_statistics."""
        from kernel_magics.trace.table import call_statistics

        return call_statistics(self.recording.df)

    @property
    def nested(self) -> pd.DataFrame:
        """The events with depth, parent and self_ns; see nesting.nested."""
        from kernel_magics.trace.nesting import nested

        return nested(self.recording.df)

    @property
    def requests(self) -> pd.DataFrame:
        """Requests to virtio devices and how long they took; see nesting.request_table."""
        from kernel_magics.trace.nesting import request_table

        return request_table(self.nested)

    @property
    def cpu(self) -> pd.DataFrame:
        """Each thread's time on the processor; see schedule.cpu_table."""
        from kernel_magics.trace.schedule import cpu_table

        recording = self.recording
        return cpu_table(recording.df, recording.threads)

    def cpu_over_time(self, interval_ms: float = 10) -> pd.DataFrame:
        """How much of each interval each thread ran; see schedule.cpu_over_time."""
        from kernel_magics.trace.schedule import cpu_over_time

        return cpu_over_time(self.recording.df, max(int(interval_ms * 1e6), 1))

    @property
    def slices(self) -> pd.DataFrame:
        """Each stretch of time in which one thread ran; see schedule.cpu_slices."""
        from kernel_magics.trace.schedule import cpu_slices

        return cpu_slices(self.recording.df)

    @property
    def wakeups(self) -> pd.DataFrame:
        """Who made whom ready to run, and how long that took; see schedule.wakeup_table."""
        from kernel_magics.trace.schedule import wakeup_table

        recording = self.recording
        return wakeup_table(recording.df, recording.threads)

    def flame(self, kind: str = "") -> "FlameGraph":
        """Where the time went, by thread and call stack; see flame.flame_graph."""
        from kernel_magics.trace.flame import flame_graph

        return flame_graph(self.recording, kind)

    def stack(self, sequence: int) -> "tuple[Frame, ...]":
        """Return the call stack of the event with this `sequence`, innermost first; () if
        none was recorded (trace.start(…, stacks="rumpuser_*"))."""
        recording = self.recording
        found = recording.attached.stack(sequence)
        return () if found is None else recording.walker.frames(found)

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
