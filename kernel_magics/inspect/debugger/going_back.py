"""The ways back in a replay: a line, a call, to what last touched a variable."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from kernel_magics.errors import LabError, UsageError
from kernel_magics.inspect.debugger.backwards import Backwards, Interrupted
from kernel_magics.inspect.debugger.breakpoints import MOST_WATCHED_BYTES, Breakpoint
from kernel_magics.inspect.debugger.hits import Hits
from kernel_magics.inspect.debugger.motions import Arrival
from kernel_magics.inspect.debugger.scopes import RSP
from kernel_magics.inspect.debugger.watching import Watching

__all__ = ["GoingBack"]

_DID = {"write": "changed", "read": "read", "access": "touched"}


class GoingBack(Watching):
    """Goes back, where the guest is a replay; see Session."""

    hits: Hits

    def back(self, way: Callable[[Backwards], Arrival | None]) -> Arrival | None:
        """Go a way back; raises UsageError if this is no replay."""
        if self.replay is None:
            raise UsageError(f"{self._guest.name} is no replay: what it did is gone",
                             next_step='record a run and replay it: lab.boot(…, record="path"), '
                                       'lab.replay("path")')
        now = self.replay.position
        try:
            return way(Backwards(self.processor, self.replay, self.hits, self.code))
        except Interrupted:
            self.replay.seek(now)
            return Arrival("interrupted", note="it stands where it stood before")

    def back_line(self, into_calls: bool) -> Arrival | None:
        """Go back a source line; from code that has none, to the call that led there."""
        lines = self.code
        if lines.line(self.processor.pc):
            return self.back(lambda way: way.line(into_calls))
        arrival = self.back(lambda way: Arrival("called"))
        while arrival and arrival.reason == "called" and not lines.line(self.processor.pc):
            self.moved()
            arrival = self.back_to_call()
        return arrival

    def back_to_call(self) -> Arrival | None:
        """Go back to the call of this function."""
        caller = self.caller()
        end = caller.registers.get(RSP) if caller else None
        arrival = self.back(lambda way: way.finish(end) if end else None)
        if arrival is None:
            raise UsageError("no call of this function is in the recording",
                             next_step="it may be the outermost one")
        return arrival

    def back_to_write(self, what: Any, kind: str) -> Arrival:
        """Go back to what last touched a variable or an address."""
        address, size = self.locate(what)
        size = min(size, MOST_WATCHED_BYTES)
        watched = Breakpoint(0, what if isinstance(what, str) else f"{address:#x}", kind,
                             address=address, size_bytes=size)
        now = self.watched_value(watched)
        point = self.processor.watch_point(kind, address, size)
        value = (lambda: self._bytes(address, size)) if kind == "write" else None
        found = self.back(lambda way: Arrival("write")
                          if way.touch(point, value) is not None else None)
        self.moved()
        if found is None:
            return Arrival("step", note=f"nothing in the recording has {_DID[kind]} "
                                        f"{watched.wanted} before this place")
        if found.reason == "interrupted":
            return found
        before = self.watched_value(watched)
        return Arrival("write", note=f"{watched.wanted} is {before}, was {now} where you were")

    def _bytes(self, address: int, size_bytes: int) -> bytes:
        self.processor.forget()
        with suppress(LabError):
            return self.read(address, size_bytes)
        return b""
