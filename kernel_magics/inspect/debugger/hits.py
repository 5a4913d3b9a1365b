"""Which of its breakpoints a guest has hit, and whether that is a reason to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import LabError
from kernel_magics.inspect.debugger.motions import Arrival
from kernel_magics.inspect.debugger.packets import StopReply
from kernel_magics.inspect.debugger.processor import Point, Processor

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.breakpoints import Breakpoint
    from kernel_magics.inspect.debugger.stop import Stop
    from kernel_magics.inspect.unwind import Activation

__all__ = ["Hits", "value_text"]

TEXT_CHARACTERS = 200


class Hits:
    """Judges stops by the debugger's breakpoints.

    `breakpoints()` are those there are; `make_stop(arrival)` what conditions and actions are
    given; `evaluate(expression)` computes one at the present stop; `caller()` returns the
    call that this function returns to; `remove(number)` takes a temporary
    breakpoint away; `panic` is the address of the runtime's panic function, 0 if unknown,
    and `panic_note()` says what it was told.
    """

    def __init__(self, processor: Processor, breakpoints: Callable[[], list[Breakpoint]],
                 owner: Any) -> None:
        self._processor = processor
        self._breakpoints = breakpoints
        self._owner = owner

    def points(self) -> set[Point]:
        """Return what the stub is to stop at."""
        points = set()
        for one in self._breakpoints():
            if not one.is_enabled:
                continue
            if one.is_watchpoint:
                points.add(self._processor.watch_point(one.kind, one.address, one.size_bytes))
            points |= {self._processor.code_point(place.address) for place in one.places}
        if self._owner.panic_address:
            points.add(self._processor.code_point(self._owner.panic_address))
        return points

    def caller(self) -> Activation | None:
        """Return the call that this function returns to, None if it has none."""
        found: Activation | None = self._owner.caller()
        return found

    def judge(self, reply: StopReply) -> Arrival | None:
        """Return the Arrival if the guest is to stop here, None if it is to go on."""
        pc = self._processor.pc
        if self._owner.panic_address and pc == self._owner.panic_address:
            return Arrival("panic", note=self._owner.panic_note())
        touched = [one for one in self._breakpoints() if one.is_enabled and _is_hit(one, pc, reply)]
        hits, notes = [], []
        for one in touched:
            note = self._note(one)
            stops, problem = self._stops(one, note)
            if stops:
                hits.append(one)
                notes += [text for text in (note, problem) if text]
        if not hits:
            return None
        for one in hits:
            if one.is_temporary:
                self._owner.drop(one)
        reason = "watchpoint" if all(one.is_watchpoint for one in hits) else "breakpoint"
        return Arrival(reason, tuple(hits), "\n".join(notes))

    def _note(self, one: Breakpoint) -> str:
        """Return what a watched value did."""
        if not one.is_watchpoint:
            return ""
        before, one.value = one.value, self._owner.watched_value(one)
        now = value_text(one.value)
        if one.kind == "read" or value_text(before) == now:
            return f"{one.wanted} is {now}"
        return f"{one.wanted} was {value_text(before)}, is {now}"

    def _stops(self, one: Breakpoint, note: str) -> tuple[bool, str]:
        """Return whether a hit counts, and a problem that the user must know of."""
        if one.thread is not None and self._processor.thread_number() != one.thread:
            return False, ""
        try:
            if one.condition is not None and not self._holds(one, note):
                return False, ""
            one.hits += 1
            if one.ignore > 0:
                one.ignore -= 1
                return False, ""
            if one.action and one.action(self._stop(one, note)) is False:
                return False, ""
        except LabError as error:
            return True, f"{one.title}: {error.message}"
        except Exception as error:  # the user's own function
            return True, f"{one.title}: {type(error).__name__}: {error}"
        return True, ""

    def _holds(self, one: Breakpoint, note: str) -> bool:
        if callable(one.condition):
            return bool(one.condition(self._stop(one, note)))
        return bool(self._owner.evaluate_here(one.condition))

    def _stop(self, one: Breakpoint, note: str) -> Stop:
        reason = "watchpoint" if one.is_watchpoint else "breakpoint"
        stop: Stop = self._owner.make_stop(Arrival(reason, (one,), note))
        return stop


def _is_hit(one: Breakpoint, pc: int, reply: StopReply) -> bool:
    if one.is_watchpoint:
        return bool(reply.watch) and one.address <= reply.address < one.address + one.size_bytes
    return any(place.address == pc for place in one.places)


def value_text(value: object) -> str:
    """Return a value in one line, not too long."""
    text = " ".join(str(value).split())
    return text if len(text) <= TEXT_CHARACTERS else f"{text[:TEXT_CHARACTERS]}…"
