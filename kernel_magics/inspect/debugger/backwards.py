"""How a replayed guest gets to an earlier place: lines, calls, breakpoints, writes.

A replay goes back by going to an earlier snapshot and forward again; so what is looked for is
the last place before this one where something holds.  It is looked for in windows that reach
further and further back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.motions import Arrival
from kernel_magics.inspect.debugger.packets import StopReply
from kernel_magics.inspect.debugger.processor import Point, Processor
from kernel_magics.inspect.debugger.replay import SIGNAL_TRAP, Replay

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.code_here import CodeHere
    from kernel_magics.inspect.debugger.hits import Hits

__all__ = ["Backwards", "Interrupted"]

FIRST_WINDOW, WINDOW_GROWTH = 5_000, 10
FIRST_STEPS, MOST_STEPS = 32, 4096
_SHORTEST_CALL, _LONGEST_CALL = 2, 7


class Interrupted(Exception):
    """The user wants the way back to end."""


class _Instruction(NamedTuple):
    """One instruction of the way: its position, address and stack pointer."""

    position: int
    pc: int
    sp: int


class _Found(NamedTuple):
    """The last hit of a search."""

    position: int
    reply: StopReply


class Backwards:
    """The ways back of one replayed guest; each returns the Arrival at which it ended, or
    raises Interrupted, wherever the guest stands then."""

    def __init__(self, processor: Processor, replay: Replay, hits: Hits,
                 code: CodeHere) -> None:
        self._processor = processor
        self._replay = replay
        self._hits = hits
        self._code = code

    # Breakpoints and writes

    def run(self) -> Arrival:
        """Go back to the last breakpoint or watchpoint before this place, else to the start."""
        now = self._replay.position
        arrivals: dict[int, Arrival] = {}

        def counts(reply: StopReply) -> bool:
            arrival = self._hits.look(reply)
            if arrival is None:
                return False
            arrivals[self._replay.position] = arrival
            return True

        found = self._last(self._hits.points(), counts, now)
        if found is None:
            self._replay.seek(0)
            return Arrival("start")
        self._replay.seek(found.position)
        arrival = arrivals[found.position]
        if arrival.reason != "watchpoint":
            return arrival
        self._replay.seek(found.position - 1)
        return self._hits.before_change(arrival)

    def touch(self, point: Point, value: Callable[[], bytes] | None) -> int | None:
        """Go back to the last instruction that touched memory before now, and stop before
        it; return its position, None (and stay) if there was none.

        With `value`, which reads that memory, only what changed it counts.
        """
        now = self._replay.position
        before: dict[str, bytes] = {}

        def counts(reply: StopReply) -> bool:
            if not reply.watch:
                return False
            if value is None:
                return True
            last, before["is"] = before.get("is"), value()
            return last != before["is"]

        def begin() -> None:
            if value is not None:
                before["is"] = value()

        found = self._last({point}, counts, now, begin)
        self._replay.seek(now if found is None else found.position - 1)
        return None if found is None else found.position - 1

    def _last(self, points: set[Point], counts: Callable[[StopReply], bool],
              before: int, at_begin: Callable[[], None] = lambda: None) -> _Found | None:
        """Return the last stop at one of the points, before a position, that counts;
        `at_begin` is called where each window begins."""
        end, size = before, FIRST_WINDOW
        while end > 0:
            begin = max(0, end - size)
            self._replay.seek(begin)
            self._hits.refresh()
            at_begin()
            found = self._last_in(points, counts, begin, end)
            if found:
                return found
            end, size = begin, size * WINDOW_GROWTH
        return None

    def _last_in(self, points: set[Point], counts: Callable[[StopReply], bool], begin: int,
                 end: int) -> _Found | None:
        found = None
        here = StopReply(SIGNAL_TRAP)
        if self._processor.pc in {point.address for point in points if point.kind < 2} \
                and counts(here):
            found = _Found(begin, here)
        while (reply := self._replay.run(points, end)) is not None:
            if counts(reply):
                found = _Found(self._replay.position, reply)
        self._check_wanted()
        return found

    def _check_wanted(self) -> None:
        if self._processor.is_interrupted:
            raise Interrupted

    # Instructions and lines

    def instruction(self, count: int) -> Arrival:
        """Go back `count` instructions."""
        position = max(0, self._replay.position - count)
        self._replay.seek(position)
        return Arrival("step" if position else "start")

    def goto(self, position: int) -> Arrival:
        """Go to a position."""
        if isinstance(position, bool) or not isinstance(position, int) or position < 0:
            raise UsageError(f"{position!r} is not the number of an instruction",
                             next_step="stop.instruction is one; 0 is the start")
        if position > self._replay.position:
            known = {self._processor.code_point(one) for one in self._hits.known_addresses}
            reply = self._replay.run(known, position)
            self._check_wanted()
            return (self._hits.judge(reply) if reply else None) or Arrival("step")
        self._replay.seek(position)
        return Arrival("step" if position else "start")

    def line(self, into_calls: bool) -> Arrival:
        """Go back to the beginning of this source line, or from there of the one before.

        Calls on the way are passed, or entered at their end if wanted.
        """
        wanted: tuple[str, int, int] | None = None
        last = None
        for one in self._way_back(into_calls):
            known = self._line_of(one.pc)
            if wanted is not None and known != wanted:
                break
            wanted, last = known, one
        if last is None:
            return Arrival("start")
        self._replay.seek(last.position)
        return Arrival("step" if last.position else "start")

    def _line_of(self, pc: int) -> tuple[str, int, int]:
        """Return file, line and function of an instruction."""
        file, line = self._code.line(pc) or ("", 0)
        return file, line, self._function(pc)

    def _way_back(self, into_calls: bool) -> Iterator[_Instruction]:
        """Yield the instructions before this one, last first; of calls only the call itself,
        unless they are to be entered and have source lines."""
        at = _Instruction(self._replay.position, self._processor.pc, self._processor.sp)
        count = FIRST_STEPS
        while at.position > 0:
            for one in reversed(self._instructions(max(0, at.position - count), at.position)):
                if self._is_callees(one, at) and not (into_calls and self._line_of(one.pc)[1]):
                    found = self._call_before(at)
                    if found is None:
                        return
                    at = found
                    yield at
                    break
                yield one
                at = one
            else:
                count = min(2 * count, MOST_STEPS)

    def _instructions(self, begin: int, end: int) -> list[_Instruction]:
        """Return the instructions from one position to another, by stepping."""
        self._replay.seek(begin)
        found = []
        for position in range(begin, end):
            found.append(_Instruction(position, self._processor.pc, self._processor.sp))
            self._processor.step()
            self._processor.forget()
            self._check_wanted()
        return found

    def _is_callees(self, one: _Instruction, later: _Instruction) -> bool:
        """Whether an instruction, the one before `later`, returned from something that
        `later`'s function had called, or that had interrupted it."""
        if self._function(one.pc) == self._function(later.pc):
            return False
        is_kernels, was_programs = self._is_runtime(one.pc), not self._is_runtime(later.pc)
        if is_kernels == was_programs:
            return is_kernels
        return one.sp < later.sp

    def _is_runtime(self, pc: int) -> bool:
        return self._code.is_runtime(pc)

    def _function(self, pc: int) -> int:
        return self._code.function(pc)

    def _call_before(self, later: _Instruction) -> _Instruction | None:
        """Return the call that came back to `later`: the last instruction executed of those
        that can end there, with the same stack."""
        addresses = {later.pc - size for size in range(_SHORTEST_CALL, _LONGEST_CALL + 1)}
        points = {self._processor.code_point(address) for address in addresses}
        found = self._last(points, lambda _: self._processor.sp == later.sp, later.position)
        if found is None:
            return None
        self._replay.seek(found.position)
        return _Instruction(found.position, self._processor.pc, later.sp)

    # Calls

    def finish(self, end_of_frame: int) -> Arrival | None:
        """Go back to the call of this function; `end_of_frame` is the stack pointer of its
        caller after it.  None if the recording has no such call."""
        now = self._replay.position
        entry = self._processor.code_point(self._function(self._processor.pc))
        found = self._last({entry}, lambda _: self._processor.sp == end_of_frame - 8, now)
        if found is None or not found.position:
            self._replay.seek(now)
            return None
        self._replay.seek(found.position - 1)
        return Arrival("called")
