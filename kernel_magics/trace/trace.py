"""guest.trace: which events a guest records, and what it has recorded."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from kernel_magics.boot import abi
from kernel_magics.errors import TraceError, UsageError
from kernel_magics.trace.calls.processes import ProcessesSeen
from kernel_magics.trace.calls.seeing import ProcessesSoFar, processes_seen, thread_names
from kernel_magics.trace.flight import Condition, Watch
from kernel_magics.trace.following import Cursor, Following
from kernel_magics.trace.kits.kits import check_plan
from kernel_magics.trace.lock_names import LockNames, names_now
from kernel_magics.trace.plan import TracePlan
from kernel_magics.trace.recording import Recording
from kernel_magics.trace.records.events import EVENTS, NAMES, bitmap, select
from kernel_magics.trace.records.recorder import KEEP_RECORDS, Recorder
from kernel_magics.trace.records.ring import RingReader
from kernel_magics.trace.records.table import Clock
from kernel_magics.trace.views.views import Views, recording_text

__all__ = ["Trace"]

_ENDED = (abi.State.EXITED, abi.State.PANICKED)
_LOOK_AT_PROCESS_S = 0.1
_BOOT_PATIENCE_S = 5.0


class Trace(Views):
    """The trace of one guest; works while it runs and after it has ended.

    ram: writable buffer of the guest's RAM.  header_address: of struct lab_header in it.
    alive, paused: whether QEMU still runs the guest, and whether its CPU is stopped.
    keep: how many of the newest records are retained at least (64 bytes each).  names: gives
    the threads' names by number, None if guest.threads has the same numbers.  note: what a
    reader has to know of how it was recorded.  Raises TraceError if the header can't be there.
    """

    def __init__(self, ram, header_address: int, *, alive: Callable[[], bool],
                 paused: Callable[[], bool] = lambda: False, name: str = "guest",
                 keep: int = KEEP_RECORDS, guest: Any = None,
                 names: Callable[[], dict[int, str]] | None = None, note: str = "") -> None:
        self._ring = RingReader(ram, header_address)
        self._header = self._ring.header
        self._recorder = Recorder(self._ring, self._may_write, keep=keep, name=name)
        self._before: ProcessesSeen | None = None
        self._cursor = Cursor(self._recorder, self.clock, self._processes_so_far())
        self._alive, self._paused = alive, paused
        self._looked_s, self._lives = 0.0, True
        self._name = name
        self._guest = guest
        self._thread_names, self.note = names, note
        self._names: Recording | None = None
        self._taken: tuple[tuple[int, int, int], Recording] | None = None

    def start(self, what: str | Iterable[str] | TracePlan = "hypercalls", **more: Any) -> "Trace":
        """Record from now on exactly the events that `what` means; return this trace.

        what: "hypercalls", "syscalls", "runtime", "all", an event's name, a shell pattern
        over names, a list of these, or a TracePlan.  more: further fields of a TracePlan:
        stacks, data_bytes, packet_bytes, stack_words, sample_hz.  Raises UsageError for a
        name that means nothing, or an event that guests of this kit have not; TraceError if
        the guest's image is not in its RAM after some seconds, or is too old for what is asked.
        """
        plan = what if isinstance(what, TracePlan) else TracePlan(what, **more)
        check_plan(self._guest.image if self._guest is not None else None, plan)
        self._wait_for_boot()
        if (plan.event_bits & ~self._bitmap()).any():
            self._recorder.separate()  # exits of calls begun before have no enter
        plan.apply(self._header)
        self.record()
        # (after: what changes from now on is recorded)
        if self._before is None and plan.event_bits.any():
            self._before = processes_seen(self._guest)
        return self

    def stop(self) -> "Trace":
        """Record nothing any more; what was recorded stays readable."""
        self._wait_for_boot()
        self._store_bitmap(bitmap(select("off")))
        self._recorder.collect()
        return self

    def record(self) -> None:
        """Empty the ring in the background from now on, until the guest ends."""
        self._recorder.start()

    @property
    def enabled(self) -> list[str]:
        """Names of the events that the guest is recording."""
        bits = np.unpackbits(self._bitmap().view(np.uint8), bitorder="little", count=EVENTS)
        return [NAMES[number] for number in np.flatnonzero(bits)]

    @property
    def df(self) -> pd.DataFrame:
        """All retained events, one row for each call.

        Columns: time_ns (int64 since the guest's first instruction), event, group and
        kind (categories; see table.KINDS), thread (0: idle), a0…a3 (uint64 arguments of the
        enter), result and duration_ns (Int64, <NA> where there is none), caller, sequence,
        a4 and a5 (further arguments of a system call), exit_sequence (of a call's exit),
        in_interrupt (from an interrupt's handler), process (number of the thread's process, 0
        for the runtime's own threads).  Raises TraceError if the ring is damaged.
        """
        return self.recording.df

    @property
    def recording(self) -> Recording:
        """What was recorded until now, apart from the guest: it stays as it is."""
        self._recorder.collect()
        store = self._recorder.store
        state = store.first, store.end, self._ring.lost
        if self._taken is None or self._taken[0] != state:
            rows, gaps, _ = self._recorder.since(0)
            guest = self._guest
            self._taken = state, Recording(
                rows, gaps, self.clock(), name=self._name, threads=self.thread_names,
                losses=self.losses, wall_ns=self._wall_ns(),
                before=self._before, after=processes_seen(guest),
                image=guest.image if guest is not None else None, note=self.note)
        return self._taken[1]

    def _wall_ns(self) -> int:
        """Return the Unix time of the first instruction; wall_offset_ns is that of TSC 0."""
        clock = self.clock()
        return self._header.wall_offset_ns + clock.origin_tsc * 1_000_000_000 // clock.tsc_hz

    @property
    def guest(self) -> Any:
        """The guest, None if only its RAM is at hand."""
        return self._guest

    def symbol(self, address: int, process: int = 0) -> str:
        """Return an address as "main+0x1b", "" if it has no name; see Addresses.symbol."""
        if self._names is None:
            self._names = self.recording
        return self._names.symbol(address, process)

    def _processes_so_far(self) -> ProcessesSoFar:
        return ProcessesSoFar(lambda: self._before)

    @property
    def thread_names(self) -> dict[int, str]:
        """Names of the threads there are now, by number; a damaged table has none."""
        return self._thread_names() if self._thread_names else thread_names(self._guest)

    @property
    def process_names(self) -> dict[int, str]:
        """Names of the programs that processes run now, by the processes' numbers."""
        seen = processes_seen(self._guest)
        return dict(seen.names) if seen is not None else {}

    def read(self) -> pd.DataFrame:
        """Return the events since the last read; a call comes when it has finished."""
        ended = not self._may_write()  # asked first: what it wrote is then all there
        self._recorder.collect()
        return self._cursor.read(last=ended)

    def follow(self, callback: Callable[[pd.DataFrame], object], *,
               interval_ms: int = 100) -> Following:
        """Call `callback` with each batch of new events, on another thread.

        Ends with the guest or with `Following.stop`.
        """
        self.record()
        cursor = Cursor(self._recorder, self.clock, self._processes_so_far())
        return Following(cursor, self._recorder, callback, interval_ms / 1000)

    @property
    def lost(self) -> int:
        """How many records the guest wrote that nobody will see; `losses` says why."""
        return sum(self.losses.values())

    @property
    def losses(self) -> dict[str, int]:
        """Lost records by cause.

        overwritten: the ring went round before they were read.  torn: begun and never
        finished.  damaged: nonsense.  let_go: read, and dropped for newer ones.
        """
        return {"overwritten": self._ring.overwritten, "torn": self._ring.torn,
                "damaged": self._ring.damaged, "let_go": self._recorder.store.let_go}

    @property
    def hypercalls(self) -> pd.DataFrame:
        """Every hypercall of the interface: used, unused, stubbed or absent, with the calls
        since boot, recorded or not; see coverage.hypercall_table."""
        from kernel_magics.trace.calls.coverage import counts_of, hypercall_table

        counters = self._ring.counters()
        if counters is None:
            return super().hypercalls
        return hypercall_table(counts_of(counters),
                               self._guest.image if self._guest is not None else None)

    def _lock_names(self, recording: Recording) -> LockNames:
        """Names also what only the guest as it is now tells: locks on its heap."""
        return LockNames(recording, names_now(self._guest))

    def keep(self, seconds: float | None = None) -> "Trace":
        """Keep only what was recorded in the last `seconds`, as a flight recorder does; None
        keeps all there is room for.  Raises UsageError for a time that is not positive."""
        if seconds is not None and not seconds > 0:
            raise UsageError(f"the last {seconds} seconds cannot be kept",
                             next_step="give a time above 0, or None for all")
        ticks = None if seconds is None else int(seconds * self.clock().tsc_hz)
        self._recorder.keep_ticks(ticks)
        self._taken = None
        return self

    def stop_when(self, condition: Condition, *, interval_ms: int = 50) -> Watch:
        """Stop recording as soon as an event meets a condition; return what watches for it.

        condition: words as for `choose` ("write >10ms", "failed -event:openat"), or a
        function that is given tables of new events.  With `keep` what led to it stays.
        Raises UsageError for a word that means nothing.
        """
        return Watch(self, condition, interval_ms)

    def clear(self) -> None:
        """Forget what was recorded and lost until now; recording goes on."""
        self._recorder.collect()
        self._recorder.clear()

    def clock(self) -> Clock:
        """Return the guest's clock; raises TraceError while it has none."""
        return Clock(self._header.tsc_hz, self._header.phase_tsc[abi.Phase.ENTRY])

    def __repr__(self) -> str:
        try:
            return recording_text(self.recording)
        except TraceError as error:
            return f"trace of {self._name}: {error.message}"

    def _bitmap(self) -> np.ndarray:
        return np.array(self._header.enabled, "<u8")

    def _store_bitmap(self, words: np.ndarray) -> None:
        for number, word in enumerate(words):
            self._header.enabled[number] = int(word)

    def _wait_for_boot(self) -> None:
        """Wait until the bitmap is the lab's: before, QEMU loads the image over it, or the
        guest sets what it was booted with.  One that is paused there reads it later.
        """
        deadline = time.monotonic() + _BOOT_PATIENCE_S
        while not self._header.phase_tsc[abi.Phase.DEVICES] and self._may_write():
            loaded = self._header.magic == abi.MAGIC
            if loaded and self._paused():
                return
            if time.monotonic() > deadline:
                if loaded:
                    return
                raise TraceError(f"{self._name} has not begun: its image is not in its RAM",
                                 next_step="look at its console and its state")
            time.sleep(0.001)

    def _may_write(self) -> bool:
        """Whether records may still come; the process is looked at now and then only."""
        if self._header.state in _ENDED:
            return False
        now = time.monotonic()
        if self._lives and now - self._looked_s > _LOOK_AT_PROCESS_S:
            self._looked_s, self._lives = now, self._alive()
        return self._lives
