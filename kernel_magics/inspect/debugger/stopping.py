"""Where a motion ended, as a Stop: in the user's code, at a panic, or with the guest."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from kernel_magics.errors import LabError
from kernel_magics.inspect.debugger.excerpts import excerpt
from kernel_magics.inspect.debugger.known_ends import KnownEnds
from kernel_magics.inspect.debugger.motions import Arrival
from kernel_magics.inspect.debugger.places import Place
from kernel_magics.inspect.debugger.returning import Returning
from kernel_magics.inspect.debugger.stop import Stop
from kernel_magics.inspect.debugger.stub import StubRefused

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.debugger import Debugger

__all__ = ["Stopping"]

_FRAMES_LOOKED_AT = 50
_SYSTEM = ("/usr/include/", "/usr/lib/")  # headers, mostly of C++'s library
END_PATIENCE_S, END_LOOK_S = 5.0, 0.01


class Stopping(Returning):
    """Tells arrivals, and whether the guest is still there; see Session."""

    _debugger: Debugger
    _ends: KnownEnds
    known_addresses: set[int]

    def make_stop(self, arrival: Arrival) -> Stop:
        """Return the Stop of an arrival."""
        self.moved()
        place = self.code.place(self.processor.pc)
        number, name = self.processor.thread()
        depth, called = self._told_from(place, arrival.reason)
        shown = called or place
        note = f"{arrival.note}\ncalled from {called.text}".strip() if called else arrival.note
        return Stop(self._guest.name, arrival.reason, place, number, name, arrival.hits,
                    note, excerpt(self._guest.image, shown.file, shown.line), depth=depth,
                    value=self._value if arrival.reason == "finished" else None,
                    instruction=self.replay.position if self.replay else None,
                    debugger=self._debugger)

    def _told_from(self, place: Place, reason: str) -> tuple[int, Place | None]:
        """Return depth and place of the frame that a user knows: the caller of code without
        lines or of a system header's, which was inlined; of a panic, the program's."""
        if place.line and reason != "panic" and not place.file.startswith(_SYSTEM):
            return 0, None
        with suppress(LabError):
            for depth, frame in enumerate(self.frames().backtrace[:_FRAMES_LOOKED_AT]):
                if depth and frame.line and not frame.file.startswith(_SYSTEM) and (
                        reason != "panic" or frame.layer == "app"):
                    return depth, Place(frame.address, frame.function, 0, frame.file, frame.line)
        return 0, None

    def _ended(self, problem: Exception) -> Stop:
        """Return the last stop: the guest is gone, or somebody else has taken it."""
        guest = self._guest
        if not self._is_over():
            return Stop(guest.name, "lost", note=f"another debugger has taken it, or {problem}")
        with suppress(LabError):  # what it ended with is said below
            guest.wait(END_PATIENCE_S)
        state = guest.state
        if state == "exited":
            return Stop(guest.name, "exited", status=guest.exit_status)
        if state == "panicked":
            return Stop(guest.name, "panicked", note="guest.panic shows where")
        return Stop(guest.name, "ended", note=f"it was {state} by the lab" if state == "stopped"
                    else "QEMU is gone and the guest had not exited")

    def _is_over(self) -> bool:
        """Whether QEMU is gone, or about to be: it ends its connections first."""
        deadline = time.monotonic() + END_PATIENCE_S
        while not self._guest.machine.has_ended():
            try:
                self._guest.machine.monitor("info status")
            except LabError:
                time.sleep(END_LOOK_S)
            else:
                return False
            if time.monotonic() > deadline:
                return False
        return True

    def known_place(self, pc: int) -> tuple[str, tuple[()], str] | None:
        """Return reason and note if the guest panics here, or its recording ends."""
        if pc not in self.known_addresses:
            return None
        self.processor.forget()
        return self._ends.reason(pc, self.processor.registers, self._read_told, self.name_of)

    def _read_told(self, address: int, size_bytes: int) -> bytes:
        try:
            return self._stub.read(address, size_bytes)
        except StubRefused as error:
            raise ValueError("not mapped") from error
