"""Stops a trace when something happens, so that what led to it stays."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from kernel_magics.errors import TraceError

if TYPE_CHECKING:
    from kernel_magics.trace.following import Following
    from kernel_magics.trace.trace import Trace

__all__ = ["Condition", "Watch"]

Condition = str | Callable[[pd.DataFrame], Any]
"""When to stop: words as for Trace.choose, or a function that is given new events and says
whether one of them is meant (or marks the rows)."""


class Watch:
    """A condition being looked for in the events of a running guest.

    `event` is the row that met it, None before; recording has stopped by then.  The lab
    looks some times a second, so what the guest did in between is recorded as well.
    """

    def __init__(self, trace: "Trace", condition: Condition, interval_ms: int) -> None:
        self._trace, self._condition = trace, condition
        self._met = threading.Event()
        self.event: Any = None
        self._choose(trace.recording.df.iloc[:0])  # a word that means nothing is said now
        self._following: Following = trace.follow(self._look, interval_ms=interval_ms)

    @property
    def met(self) -> bool:
        """Whether the condition was met."""
        return self._met.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the condition is met or the guest has ended; return whether it was met.

        Raises what the condition raised, TraceError if the time is over first.
        """
        import time

        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.met and self._following.active:
            if deadline is not None and time.monotonic() > deadline:
                raise TraceError(f"nothing met the condition within {timeout_s:g} s",
                                 next_step="wait longer, or look at trace.df for what there is")
            self._met.wait(0.02)
        if not self.met:
            self._following.wait()
        return self.met

    def cancel(self) -> None:
        """Look no more; recording goes on."""
        self._following.stop()

    def _look(self, table: pd.DataFrame) -> None:
        if self.met:
            return
        found = self._choose(table)
        if len(found):
            self._trace.stop()
            self.event = found.iloc[0]
            self._met.set()

    def _choose(self, table: pd.DataFrame) -> pd.DataFrame:
        if isinstance(self._condition, str):
            from kernel_magics.trace.choosing import choose

            guest = self._trace.guest
            symbol = None if guest is None else self._trace.symbol
            return choose(table, self._condition, self._trace.thread_names, symbol,
                          self._trace.process_names, to_come=True)
        if not len(table):
            return table
        found = self._condition(table)
        if isinstance(found, pd.DataFrame):
            return found
        if isinstance(found, pd.Series) and found.dtype == bool:
            return table[found]
        return table.iloc[:1] if bool(found) else table.iloc[:0]

    def __repr__(self) -> str:
        if not self.met:
            return "watch: not met yet" if self._following.active else "watch: not met"
        return f"watch: met by {self.event['event']} of thread {self.event['thread']}" \
               f" at {int(self.event['time_ns']) / 1e6:.3f} ms"
