"""Hands new trace events to a function, as tables, while the guest runs."""

import threading
from collections.abc import Callable

import numpy as np
import pandas as pd

from kernel_magics.trace.calls.processes import TraceProcesses
from kernel_magics.trace.records.recorder import Recorder
from kernel_magics.trace.records.table import Clock, call_table

__all__ = ["Cursor", "Following"]

_MAX_HELD = 4096  # unfinished calls waiting for their exit


class Cursor:
    """One reader's position in a store: every call comes once, when it has finished.

    processes: told of new rows, gives all the processes known by then.
    """

    def __init__(self, recorder: Recorder, clock: Callable[[], Clock],
                 processes: Callable[[np.ndarray], TraceProcesses]) -> None:
        self._recorder = recorder
        self._clock = clock
        self._processes = processes
        self._position = 0
        self._held = np.empty((0, 8), "<u8")

    def read(self, last: bool = False) -> pd.DataFrame:
        """Return the table of what is new; with `last` also the unfinished calls."""
        rows, gaps, self._position = self._recorder.since(self._position)
        rows = np.concatenate([self._held, rows])
        hold = not last and len(self._held) < _MAX_HELD
        table, self._held = call_table(rows, self._clock(), gaps, hold=hold,
                                       processes=self._processes(rows))
        return table


class Following:
    """A function being called with new events; `stop` ends it.

    callback gets a DataFrame like Trace.df, never empty, on a thread of its own.
    """

    def __init__(self, cursor: Cursor, recorder: Recorder,
                 callback: Callable[[pd.DataFrame], object], interval_s: float) -> None:
        self._cursor = cursor
        self._recorder = recorder
        self._callback = callback
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="trace follower")
        self._thread.start()

    @property
    def active(self) -> bool:
        """Whether more calls may come."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Deliver what is left and end; raises what the callback or the ring raised."""
        self._stopped.set()
        self.wait()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the guest has ended and all was delivered; return whether it has."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return not self.active

    def _run(self) -> None:
        try:
            ended = False
            while not ended:
                ended = self._stopped.wait(self._interval_s) or not self._recorder.active
                self._recorder.collect()
                table = self._cursor.read(last=ended)
                if len(table):
                    self._callback(table)
        except BaseException as error:  # handed to whoever waits or stops
            self.error = error
