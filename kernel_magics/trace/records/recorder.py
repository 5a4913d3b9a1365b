"""Empties a guest's trace ring in the background, so that long traces fit."""

import contextlib
import threading
import time
from collections.abc import Callable

import numpy as np

from kernel_magics.errors import TraceError
from kernel_magics.trace.records.ring import RingReader
from kernel_magics.trace.records.store import RecordStore

__all__ = ["Recorder", "KEEP_RECORDS"]

KEEP_RECORDS = 4 << 20  # 256 MiB

_BUSY_S = 0.0002   # between two looks at a ring that fills
_IDLE_S = 0.04     # … at one that doesn't: each look costs as much as hundreds of records
_ASLEEP_S = 0.05   # … while no event is enabled


class Recorder:
    """Moves records from one ring to one store, on demand and from a thread.

    ring: the guest's ring.  running: tells, cheaply, whether the guest may still write.
    keep: how many of the newest records are retained at least.
    """

    def __init__(self, ring: RingReader, running: Callable[[], bool], *,
                 keep: int = KEEP_RECORDS, name: str = "") -> None:
        self.ring = ring
        self.store = RecordStore(keep)
        self._running = running
        self._name = name
        self._keep_ticks: int | None = None
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def collect(self) -> int:
        """Move what the ring holds to the store; return how many records that was.

        Raises TraceError when the ring is damaged; what was stored before stays.
        """
        with self._lock:
            final = not self._running()  # asked first: what it wrote is then all there
            before = self.store.end
            self.ring.drain(self.store.append, final)
            count = self.store.end - before
            if count:
                self._forget_old()
            return count

    def since(self, position: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Return rows from a store position on, where records are missing, the new end."""
        with self._lock:
            rows, gaps = self.store.since(position), self.ring.gaps()
            if position < self.store.first and len(rows):
                let_go = int(rows[:, 0].min()) - 1
                gaps = np.insert(gaps, np.searchsorted(gaps, let_go), let_go)
            return rows, gaps, self.store.end

    def keep_ticks(self, ticks: int | None) -> None:
        """Let go of what is older, by the time-stamp counter, than the newest record."""
        with self._lock:
            self._keep_ticks = ticks
            self._forget_old()

    def _forget_old(self) -> None:
        if self._keep_ticks is not None:
            self.store.forget_before(self._keep_ticks)

    def separate(self) -> None:
        """Let no call begun before now be matched with an exit after it."""
        with self._lock:
            self.ring.separate()

    def clear(self) -> None:
        """Forget all records and losses up to now."""
        with self._lock:
            self.store.clear()
            self.ring.forget_losses()

    @property
    def active(self) -> bool:
        """Whether the background thread is running."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the background thread, unless it runs or the guest has ended."""
        with self._lock:
            if not self.active and self._running():
                self._stop.clear()
                self._thread = threading.Thread(target=self._run, daemon=True,
                                                name=f"trace {self._name}")
                self._thread.start()

    def stop(self) -> None:
        """End the background thread; what is in the ring stays there."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        pause_s = _IDLE_S
        while self._running() and not self._stop.is_set():
            try:
                count = self.collect()
            except TraceError:
                return  # the next call from the user's side meets and reports it
            pause_s = self._pause(count, pause_s)
            time.sleep(pause_s)
        if not self._stop.is_set():
            with contextlib.suppress(TraceError):  # as above
                self.collect()

    def _pause(self, count: int, pause_s: float) -> float:
        """Choose the next pause so that about an eighth of the ring fills in it."""
        if count * 4 > self.ring.capacity:
            return 0 if count * 2 > self.ring.capacity else _BUSY_S
        if count * 16 > self.ring.capacity:
            return max(pause_s / 2, _BUSY_S)
        longest = _IDLE_S if any(self.ring.header.enabled) else _ASLEEP_S
        return min(max(pause_s, _BUSY_S) * 1.25, longest)
