"""Which of its breakpoints a guest has hit, and whether that is a reason to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import LabError
from kernel_magics.inspect.debugger.cost import Cost
from kernel_magics.inspect.debugger.motions import Arrival
from kernel_magics.inspect.debugger.packets import StopReply
from kernel_magics.inspect.debugger.processor import Point, Processor

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.breakpoints import Breakpoint
    from kernel_magics.inspect.debugger.stop import Stop
    from kernel_magics.inspect.stacks.unwind import Activation

__all__ = ["Hits", "value_text"]

TEXT_CHARACTERS = 200


class Hits:
    """Judges stops by the debugger's breakpoints.

    `breakpoints()` are those there are; `make_stop(arrival)` what conditions and actions are
    given; `evaluate(expression)` computes one at the present stop; `caller()` returns the
    call that this function returns to; `remove(number)` takes a temporary
    breakpoint away; `known_addresses` are where the guest is stopped in any case, and
    `known_place(pc)` says why; `mapping_addresses` are where something was just
    mapped, and `look_at_mappings(pc)` is told of all stops; `is_here` says
    whether the process is one that a breakpoint is for.
    """

    def __init__(self, processor: Processor, breakpoints: Callable[[], list[Breakpoint]],
                 owner: Any) -> None:
        self._processor = processor
        self._breakpoints = breakpoints
        self._owner = owner
        self.said: list[str] = []
        """What is to be told at the motion's end, wherever that is."""
        self.cost = Cost(processor)

    def begin(self) -> None:
        """A motion begins."""
        self.said, self.cost = [], Cost(self._processor)

    def points(self) -> set[Point]:
        """Return what the stub is to stop at."""
        points = set()
        for one in self._breakpoints():
            if not one.is_enabled:
                continue
            if one.is_watchpoint:
                points.add(self._processor.watch_point(one.kind, one.address, one.size_bytes))
            if one.scope:
                points.add(self._processor.code_point(one.scope.address))
            points |= {self._processor.code_point(place.address) for place in one.places}
        return points | {self._processor.code_point(address)
                         for address in self.known_addresses | self._owner.mapping_addresses}

    def caller(self) -> Activation | None:
        """Return the call that this function returns to, None if it has none."""
        found: Activation | None = self._owner.caller()
        return found

    def judge(self, reply: StopReply) -> Arrival | None:
        """Return the Arrival if the guest is to stop here, None if it is to go on."""
        self._owner.look_at_mappings(self._processor.pc)
        if known := self._owner.known_place(self._processor.pc):
            return Arrival(*known)
        ended = self._end_scopes(reply)
        hits, notes = [], []
        for one in self._touched(reply):
            note = self._note(one)
            if note is None:
                self.cost.count(one)
                continue
            stops, problem = self._stops(one, note)
            if stops:
                hits.append(one)
                notes += [text for text in (note, problem) if text]
        if not hits:
            return Arrival("left", tuple(ended)) if ended else None
        for one in hits:
            if one.is_temporary:
                self._owner.drop(one)
        return Arrival(_reason(hits), tuple(hits), "\n".join(notes))

    def look(self, reply: StopReply) -> Arrival | None:
        """As `judge`, of a stop on a way that is only looked at: nothing is counted, called
        or removed."""
        hits, notes = [], []
        for one in self._touched(reply):
            note = self._note(one)
            try:
                if note is not None and self._is_for(one) and (
                        one.condition is None or self._holds(one, note)):
                    hits.append(one)
                    notes += [note] if note else []
            except Exception:  # its condition cannot be evaluated here
                continue
        return Arrival(_reason(hits), tuple(hits), "\n".join(notes)) if hits else None

    def before_change(self, arrival: Arrival) -> Arrival:
        """Return what `look` said of watchpoints, seen from before what touched them."""
        notes = []
        for one in arrival.hits:
            if one.is_watchpoint:
                after, one.value = one.value, self._owner.watched_value(one)
                notes.append(f"{one.wanted} is {value_text(one.value)}, "
                             f"will be {value_text(after)}")
        return arrival._replace(note="\n".join(notes))

    @property
    def known_addresses(self) -> set[int]:
        """Where the guest is stopped in any case."""
        found: set[int] = self._owner.known_addresses
        return found

    def _touched(self, reply: StopReply) -> list[Breakpoint]:
        pc = self._processor.pc
        return [one for one in self._breakpoints()
                if one.is_enabled and _is_hit(one, pc, reply) and self._owner.is_here(one, pc)]

    def _end_scopes(self, reply: StopReply) -> list[Breakpoint]:
        """Remove the watchpoints whose variable went with its function's call; return them."""
        pc = self._processor.pc
        ended = [one for one in self._breakpoints() if one.scope and one.is_enabled
                 and (one.scope.address == pc or _is_hit(one, pc, reply))
                 and one.scope.has_ended(self._processor.sp) and self._owner.is_here(one, pc)
                 and self._processor.thread_number() == one.scope.thread]
        for one in ended:
            assert one.scope
            self._owner.drop(one)
            self.said.append(f"{one.title} has ended: {one.scope.function} has returned, and "
                             f"{one.wanted} is gone")
        return ended

    def _is_for(self, one: Breakpoint) -> bool:
        return one.thread is None or self._processor.thread_number() == one.thread

    def _note(self, one: Breakpoint) -> str | None:
        """Return what a watched value did; None if it was written and is what it was."""
        if not one.is_watchpoint:
            return ""
        before, one.value = one.value, self._owner.watched_value(one)
        if before != one.value:
            return f"{one.wanted} was {value_text(before)}, is {value_text(one.value)}"
        return None if one.kind == "write" else f"{one.wanted} is {value_text(one.value)}"

    def refresh(self) -> None:
        """Note what the watched values are here."""
        for one in self._breakpoints():
            if one.is_watchpoint and one.is_enabled:
                one.value = self._owner.watched_value(one)

    def _stops(self, one: Breakpoint, note: str) -> tuple[bool, str]:
        """Return whether a hit counts, and a problem that the user must know of."""
        if not self._is_for(one):
            self.cost.count(one)
            return False, ""
        try:
            if one.condition is not None and not self._holds(one, note):
                self.cost.count(one)
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
        depth = self._owner.depth_in(one.scope) if one.scope else 0
        return bool(self._owner.evaluate_here(one.condition, depth))

    def _stop(self, one: Breakpoint, note: str) -> Stop:
        stop: Stop = self._owner.make_stop(Arrival(_reason([one]), (one,), note))
        return stop


def _reason(hits: list[Breakpoint]) -> str:
    return "watchpoint" if all(one.is_watchpoint for one in hits) else "breakpoint"


def _is_hit(one: Breakpoint, pc: int, reply: StopReply) -> bool:
    if one.is_watchpoint:
        return bool(reply.watch) and one.address <= reply.address < one.address + one.size_bytes
    return any(place.address == pc for place in one.places)


def value_text(value: object) -> str:
    """Return a value in one line, not too long."""
    text = " ".join(str(value).split())
    return text if len(text) <= TEXT_CHARACTERS else f"{text[:TEXT_CHARACTERS]}…"
