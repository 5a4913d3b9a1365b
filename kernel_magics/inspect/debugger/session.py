"""One attachment's work: it runs in the debugger's own thread, with a stopped guest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.breakpoints import Breakpoint
from kernel_magics.inspect.debugger.going_back import GoingBack
from kernel_magics.inspect.debugger.hits import Hits
from kernel_magics.inspect.debugger.known_ends import KnownEnds
from kernel_magics.inspect.debugger.motions import Arrival, Motions
from kernel_magics.inspect.debugger.places import Place, Places
from kernel_magics.inspect.debugger.stop import Stop
from kernel_magics.inspect.debugger.stopping import Stopping
from kernel_magics.inspect.debugger.stub import Stub, StubGone, StubRefused
from kernel_magics.inspect.memory.program import DIRECT_BASE

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.attachment import Attachment
    from kernel_magics.inspect.debugger.debugger import Debugger

__all__ = ["Session"]

# Called when a process has mapped a program or a library (images/rumpkit/kern/told.c).
MAPPING_FUNCTIONS = ("kern_tell_program", "kern_tell_mapped")


class Session(Stopping, GoingBack):
    """What can be done with a guest that is held and stopped.

    Its bases have a subject each: looking, watching and writing, returning from functions,
    stops, and the ways back.  Here are the motions, and the breakpoints that they meet.
    """

    def __init__(self, debugger: Debugger, guest: Any, stub: Stub, places: Places) -> None:
        super().__init__(guest, stub, places)
        self._debugger = debugger
        self.hits = Hits(self.processor, lambda: list(debugger.breakpoints), self)
        self.motions = Motions(self.processor, self.hits, self.code)
        self._ends = KnownEnds(places, stub.can_reverse)
        self._mapping = places.addresses_of(MAPPING_FUNCTIONS) if places.root else set()
        self.mapping_addresses: set[int] = set()
        self.known_addresses = self._ends.addresses
        self.processor.dispensable = self._ends.addresses

    def move(self, motion: Callable[[Session], Arrival | None]) -> Stop:
        """Do a motion; return the stop at which it ends, which may be the guest's end."""
        self.code.forget()
        self._resolve()
        self.hits.begin()
        try:
            arrival = motion(self) or Arrival("step")
            told = [arrival.note, *self.hits.said]
            if arrival.reason == "interrupted":
                told.append(self.hits.cost.text)
            note = "\n".join(filter(None, told))
            return self.make_stop(arrival._replace(note=note))
        except (StubGone, StubRefused) as problem:
            return self._ended(problem)

    def repeat(self, count: int, motion: Callable[[], Arrival | None]) -> Arrival | None:
        """Do a motion so many times, or until something else stops the guest."""
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise UsageError(f"{count!r} is not a number of times", next_step="pass 1 or more")
        arrival = None
        for _ in range(count):
            self.moved()
            arrival = motion()
            if arrival is None or arrival.reason != "step":
                break
        return arrival

    def interrupt(self) -> None:
        """Stop the guest; called while the session's thread waits for a stop."""
        with suppress(StubGone):  # the motion ends with the guest
            self.processor.interrupt()

    def leave(self, attachment: Attachment, resume: bool) -> None:
        """Take the breakpoints out and give the guest up."""
        with suppress(StubGone):
            self.processor.insert(())
        attachment.release(resume=resume)

    def added(self, one: Breakpoint, depth: int = 0) -> None:
        """Try a new breakpoint's points; the value of what is watched, as a frame knows it, is
        kept."""
        self.code.forget()
        if one.is_watchpoint:
            self.moved()
            one.value = self.watched_value(one, depth)
            one.process = self.code.process() if self._is_private(one.address) else 0
        self.set_points()

    def set_points(self) -> None:
        """Have the points of the breakpoints inserted."""
        self._resolve()
        self.processor.insert(self.hits.points())

    def drop(self, one: Breakpoint) -> None:
        """Take a temporary breakpoint away."""
        self._debugger._drop(one)

    # Programs and libraries

    def _resolve(self) -> None:
        """Find where the files that breakpoints are in are mapped now."""
        waiting = [one for one in self._debugger.breakpoints if one.targets]
        self.mapping_addresses = self._mapping if waiting else set()
        for one in waiting:
            one.places = (*(place for place in one.places if not place.module),
                          *self.code.resolved(one.targets))

    def look_at_mappings(self, pc: int) -> None:
        """If the guest is where something was mapped, see whether breakpoints wait for it."""
        if pc in self._mapping:
            self.code.forget()
            self._resolve()

    def is_here(self, one: Breakpoint, pc: int) -> bool:
        """Whether the process that runs is one that a breakpoint is for."""
        if one.is_watchpoint:
            return not one.process or self.code.process() == one.process
        return any(self.code.is_here(place) for place in one.places if place.address == pc)

    def _is_private(self, address: int) -> bool:
        """Whether an address is in a process's own memory."""
        objects = self.code.objects()
        return objects is not None and address < DIRECT_BASE \
            and self._places.image.symbols.at(address) is None

    def addresses(self, places: list[Place]) -> list[int]:
        """Return where places are in memory; raises UsageError if they are not mapped."""
        found = [place.address for place in places if not place.module]
        found += [place.address for place in
                  self.code.resolved(tuple(one for one in places if one.module))]
        if not found:
            raise UsageError(f"{places[0].module_name} is not mapped by a process yet",
                             next_step="set a breakpoint, which waits for it")
        return found
