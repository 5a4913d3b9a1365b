"""A thread beside each guest this process started: its console, its start, its end."""

import logging
import os
import threading
import time
from collections.abc import Callable

from kernel_magics.boot.abi import Phase
from kernel_magics.boot.console.console import Console
from kernel_magics.boot.header import HeaderReader
from kernel_magics.boot.hypervisor.machine import Machine
from kernel_magics.boot.notify import FileChanges
from kernel_magics.boot.phases import Sightings
from kernel_magics.boot.rumprun.story import RumprunStory

__all__ = ["Watcher"]

LOOK_S = 0.001           # between looks at a starting guest
LOOK_PATIENCE_S = 5.0    # a guest that has not reached main by then is looked at no more
HALT_LOOK_S = 0.2        # between looks at a guest that seems to have halted
OUTPUT_PAUSE_S = 0.004   # between two rounds of output: a write may be a single byte
log = logging.getLogger(__name__)


class Watcher(threading.Thread):
    """Follows one guest until its machine is gone.

    It hands output to the console's subscribers, keeps the log bounded, tells the guest
    what was consumed, notes when boot phases were seen, and calls `on_end(gone_ns)`.  A guest
    that never powers off has a `story`, which its console tells, and is stopped once it
    `is_over()`.
    """

    def __init__(self, console: Console, machine: Machine, header: HeaderReader | None,
                 sightings: Sightings, on_end: Callable[[int], None], name: str,
                 story: RumprunStory | None = None,
                 is_over: Callable[[], bool] = lambda: False) -> None:
        super().__init__(name=f"rumplab {name}", daemon=True)
        self._console = console
        self._machine = machine
        self._header = header
        self._sightings = sightings
        self._on_end = on_end
        self._story = story
        self._is_over = is_over

    def run(self) -> None:
        """Follow the guest; the thread's body."""
        end = self._machine.open_end()
        try:
            with self._console.changes(end) as changes:
                if end is not None:
                    self._look_until_main(changes, end)
                    self._follow(changes, end)
        finally:
            gone_ns = time.monotonic_ns()
            if end is not None:
                os.close(end)
            self._last_look(gone_ns)
            self._guarded(self._console.finish)
            self._on_end(gone_ns)

    def _look_until_main(self, changes: FileChanges, end: int) -> None:
        if self._story is not None:
            self._read_until_main(self._story, changes, end)
            return
        if self._header is None or not self._machine.ram.live:
            return
        deadline = time.monotonic() + LOOK_PATIENCE_S
        while time.monotonic() < deadline and not self._look() & (1 << Phase.MAIN):
            ready = changes.wait(LOOK_S)
            if ready:
                self._output()
            if end in ready:
                return

    def _read_until_main(self, story: RumprunStory, changes: FileChanges, end: int) -> None:
        """Read the console closely: its lines say when a phase began."""
        deadline = time.monotonic() + LOOK_PATIENCE_S
        while time.monotonic() < deadline and not story.look() and "main" not in story.stages:
            ready = changes.wait(LOOK_S)
            if end in ready:
                return
            if ready:  # a byte: more are coming
                self._output()
                time.sleep(LOOK_S)

    def _look(self) -> int:
        assert self._header is not None
        looked_ns = time.monotonic_ns()
        passed = self._header.phases_passed()
        seen_ns = time.monotonic_ns()
        if self._sightings.loaded_ns is None and not passed and self._header.is_loaded():
            self._sightings.loaded_ns = looked_ns
        self._sightings.note(passed, looked_ns, seen_ns)
        return passed

    def _last_look(self, gone_ns: int) -> None:
        if self._header is not None and self._machine.ram.live:
            self._sightings.note(self._header.phases_passed(), gone_ns, gone_ns)

    def _follow(self, changes: FileChanges, end: int) -> None:
        self._output()
        while not self._is_over():
            time.sleep(OUTPUT_PAUSE_S)
            # What looked like an end may be one yet: then the processor is asked again.
            ready = changes.wait(HALT_LOOK_S if self._story and self._story.look() else None)
            self._output()
            if end in ready:
                return
        self._machine.stop()  # the guest halts its processor for ever

    def _output(self) -> None:
        self._guarded(self._console.pump)
        if self._header is not None:
            self._header.store("console_consumed", self._console.size_bytes)

    @staticmethod
    def _guarded(work: Callable[[], None]) -> None:
        """A subscriber's exception must not end the thread that bounds the console."""
        try:
            work()
        except Exception:
            log.exception("a console subscriber failed")
