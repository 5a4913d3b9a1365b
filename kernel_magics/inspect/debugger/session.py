"""One attachment's work: it runs in the debugger's own thread, with a stopped guest."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import LabError, UsageError
from kernel_magics.inspect.debugger.backwards import Backwards
from kernel_magics.inspect.debugger.breakpoints import MOST_WATCHED_BYTES, Breakpoint
from kernel_magics.inspect.debugger.code_here import CodeHere
from kernel_magics.inspect.debugger.excerpts import excerpt
from kernel_magics.inspect.debugger.frame_names import FrameNames, evaluate
from kernel_magics.inspect.debugger.frames import Frames
from kernel_magics.inspect.debugger.hits import Hits, value_text
from kernel_magics.inspect.debugger.known_ends import KnownEnds
from kernel_magics.inspect.debugger.module_variables import ModuleVariables
from kernel_magics.inspect.debugger.motions import Arrival, Motions
from kernel_magics.inspect.debugger.places import Place, Places
from kernel_magics.inspect.debugger.processor import Processor
from kernel_magics.inspect.debugger.replay import Replay
from kernel_magics.inspect.debugger.stop import Stop
from kernel_magics.inspect.debugger.stub import (
    GENERAL_REGISTERS,
    Stub,
    StubGone,
    StubRefused,
)
from kernel_magics.inspect.memory.program import DIRECT_BASE, program_of
from kernel_magics.inspect.stacks.module_types import module_program
from kernel_magics.inspect.stacks.unwind import Activation
from kernel_magics.inspect.values.typed import TypedObject

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.attachment import Attachment
    from kernel_magics.inspect.debugger.debugger import Debugger

__all__ = ["Session"]

# Called when a process has mapped a program or a library (images/rumpkit/kern/told.c).
MAPPING_FUNCTIONS = ("kern_tell_program", "kern_tell_mapped")
_FRAMES_LOOKED_AT = 50
RSP = 7  # DWARF's number
_DID = {"write": "changed", "read": "read", "access": "touched"}
END_PATIENCE_S, END_LOOK_S = 5.0, 0.01


class Session:
    """What can be done with a guest that is held and stopped."""

    def __init__(self, debugger: Debugger, guest: Any, stub: Stub, places: Places) -> None:
        self._debugger = debugger
        self._guest = guest
        self._stub = stub
        self._places = places
        self.processor = Processor(stub, guest)
        self.hits = Hits(self.processor, lambda: list(debugger.breakpoints), self)
        self.code = CodeHere(guest, places)
        self.motions = Motions(self.processor, self.hits, self.code)
        self._ends = KnownEnds(places, stub.can_reverse)
        self._mapping = places.addresses_of(MAPPING_FUNCTIONS) if places.root else set()
        self.mapping_addresses: set[int] = set()
        self.known_addresses = self._ends.addresses
        self.processor.dispensable = self._ends.addresses
        self.replay = Replay(self.processor, guest) if stub.can_reverse else None
        self._frames: Frames | None = None
        self._names: dict[int, FrameNames] = {}
        self._looked_at = -1
        self._value: object = None  # what the last `finish` returned

    # Motion

    def move(self, motion: Callable[[Session], Arrival | None]) -> Stop:
        """Do a motion; return the stop at which it ends, which may be the guest's end."""
        self.code.forget()
        self._resolve()
        try:
            arrival = motion(self)
            return self.make_stop(arrival or Arrival("step"))
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

    def finish(self) -> Arrival:
        """Go on until the function has returned."""
        kind = self._return_type()
        arrival = self.motions.finish()
        if arrival is None:
            raise UsageError("this is the outermost function: there is no caller to finish to",
                             next_step="go on with cont()")
        self.moved()
        if arrival.reason != "finished":
            return arrival
        return Arrival("finished", note=self._returned(kind))

    def interrupt(self) -> None:
        """Stop the guest; called while the session's thread waits for a stop."""
        with suppress(StubGone):  # the motion ends with the guest
            self.processor.interrupt()

    def leave(self, attachment: Attachment, resume: bool) -> None:
        """Take the breakpoints out and give the guest up."""
        with suppress(StubGone):
            self.processor.insert(())
        attachment.release(resume=resume)

    def added(self, one: Breakpoint) -> None:
        """Try a new breakpoint's points; the value of what is watched is kept."""
        self.code.forget()
        if one.is_watchpoint:
            one.value = self.watched_value(one)
            one.process = self.code.process() if self._is_private(one.address) else 0
        self.set_points()

    def set_points(self) -> None:
        """Have the points of the breakpoints inserted."""
        self._resolve()
        self.processor.insert(self.hits.points())

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

    def moved(self) -> None:
        """Forget what was known of the last stop."""
        self.processor.forget()

    # Back

    def back(self, way: Callable[[Backwards], Arrival | None]) -> Arrival | None:
        """Go a way back; raises UsageError if this is no replay."""
        if self.replay is None:
            raise UsageError(f"{self._guest.name} is no replay: what it did is gone",
                             next_step='record a run and replay it: lab.boot(…, record="path"), '
                                       'lab.replay("path")')
        return way(Backwards(self.processor, self.replay, self.hits, self.code))

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
        before = self.watched_value(watched)
        return Arrival("write", note=f"{watched.wanted} is {before}, was {now} where you were")

    def _bytes(self, address: int, size_bytes: int) -> bytes:
        self.processor.forget()
        with suppress(LabError):
            return self.read(address, size_bytes)
        return b""

    # Stops

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
        lines; of a panic, the program's."""
        if place.line and reason != "panic":
            return 0, None
        with suppress(LabError):
            for depth, frame in enumerate(self.frames().backtrace[:_FRAMES_LOOKED_AT]):
                if depth and frame.line and (reason != "panic" or frame.layer == "app"):
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

    def drop(self, one: Breakpoint) -> None:
        """Take a temporary breakpoint away."""
        self._debugger._drop(one)

    # Looking

    def frames(self) -> Frames:
        """Return the stack, innermost frame first."""
        if self._frames is None or self._looked_at != self.processor.moves:
            self._names = {}
            self._frames = Frames(self._guest, self.processor)
            self._looked_at = self.processor.moves
        return self._frames

    def caller(self) -> Activation | None:
        """Return the call that this function returns to, None if it has none."""
        self.moved()
        return self.frames().caller()

    def names(self, depth: int) -> FrameNames:
        """Return the names that an expression has in a frame."""
        frames = self.frames()
        if depth not in self._names:
            self._names[depth] = FrameNames(
                self._guest, frames.registers(depth),
                {"thread": self.processor.thread_number()}, lambda: frames.locals(depth),
                ModuleVariables(self._guest, frames.space, self.code.objects()),
                in_module=bool(self._places.root) and len(frames.backtrace) > depth
                and bool(frames.frame(depth).module))
        return self._names[depth]

    def evaluate_here(self, expression: str, depth: int = 0) -> Any:
        """Return the value of an expression at this stop, in a frame."""
        return evaluate(expression, self.names(depth))

    def address_of(self, expression: str, depth: int = 0) -> int:
        """Return the address that an expression means: its value, or where an array lies."""
        import drgn

        value = self.evaluate_here(expression, depth)
        if isinstance(value, TypedObject):
            target = value.object_
            kind = drgn.TypeKind
            if target.type_.kind in (kind.ARRAY, kind.STRUCT, kind.UNION, kind.FUNCTION):
                return int(target.address_)
            return int(value)
        if isinstance(value, int):
            return value
        raise UsageError(f"{expression} is no address", next_step="give a pointer or a number")

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return memory as the processor sees it; raises GuestError where nothing is mapped."""
        return self.frames().read(address, size_bytes)

    def name_of(self, address: int) -> str:
        """Return what an address is called: symbol+offset, "" if nothing."""
        found = self.code.place(address)
        if not found.function:
            return f"{found.module_name}+{found.module_offset:#x}" if found.module else ""
        return found.function + (f"+{found.offset}" if found.offset else "")

    def assign(self, what: str, value: Any, depth: int) -> Any:
        """Write a variable or a register."""
        import drgn

        if self.replay is not None:
            raise UsageError("a replay cannot be changed: it would be another run",
                             next_step="boot the image anew to try that")
        wanted = self.evaluate_here(value, depth) if isinstance(value, str) else value
        plain = wanted.value_() if isinstance(wanted, TypedObject) else wanted
        if what.startswith("$"):
            return self._assign_register(what[1:].lower(), plain)
        target = self.evaluate_here(what, depth)
        found = target.object_ if isinstance(target, TypedObject) else None
        if found is None or found.address_ is None or found.bit_offset_:
            raise UsageError(f"{what} has no address to write to",
                             next_step="write a variable in memory, a member, or a $register")
        try:
            fresh = drgn.Object(found.prog_, found.type_, plain)
        except (TypeError, ValueError, OverflowError) as error:
            raise UsageError(f"{what} cannot be {plain!r}: {error}",
                             next_step="give a number, or a pointer as a number") from None
        self._stub.write(found.address_, fresh.to_bytes_())
        return self.evaluate_here(what, depth)

    def _assign_register(self, name: str, value: Any) -> int:
        if name not in GENERAL_REGISTERS or not isinstance(value, int):
            raise UsageError(f"${name} cannot be set to {value!r}",
                             next_step=f"there are ${', $'.join(GENERAL_REGISTERS)}")
        self.processor.write_register(name, value % (1 << 64))
        self.moved()
        return self.processor.registers[name]

    def locate(self, what: Any) -> tuple[int, int]:
        """Return address and size of what is to be watched."""
        import drgn

        if isinstance(what, int) and not isinstance(what, bool):
            return what, 8
        self.moved()
        found = what if isinstance(what, TypedObject) else self.evaluate_here(what)
        target = found.object_ if isinstance(found, TypedObject) else None
        if target is None or target.address_ is None or target.bit_offset_:
            raise UsageError(f"{what} has no address of its own",
                             next_step="watch a variable, a member of one, or *pointer")
        return int(target.address_), int(drgn.sizeof(target))

    def watched_value(self, one: Breakpoint) -> object:
        """Return the value of what is watched, as text or a number."""
        import drgn

        self.moved()
        program = self._program
        try:
            kind = self._watched_type(one, program)
            return value_text(TypedObject(drgn.Object(program, kind, address=one.address)))
        except (LabError, drgn.FaultError, LookupError):
            return "unknown"

    def _watched_type(self, one: Breakpoint, program: Any) -> Any:
        try:
            found = self.evaluate_here(one.wanted)
            if isinstance(found, TypedObject) and found.object_.address_ == one.address:
                return found.object_.type_
        except LabError:
            pass  # its frame is gone; the bytes are still there
        return {1: "unsigned char", 2: "unsigned short", 4: "unsigned int"}.get(
            one.size_bytes, "unsigned long")

    def _return_type(self) -> Any:
        found = self.code.place(self.processor.pc)
        try:
            return self._program.function(found.function).type_.type if found.function else None
        except LookupError:
            return None

    @property
    def _program(self) -> Any:
        """drgn's view of the guest from here: with the types of the program that is mapped."""
        space, code = self.frames().space, self.code.mapped(self.processor.pc)
        found = module_program(self._guest, space, code) if code and space else None
        return found or program_of(self._guest)

    def _returned(self, kind: Any) -> str:
        """Keep the returned value and say it; nothing of a function without a known type."""
        import drgn

        self._value = None
        if kind is None or kind.kind == drgn.TypeKind.VOID:
            return ""
        raw = self.processor.registers["rax"]
        try:
            size = drgn.sizeof(kind)
            if size > 8 or kind.kind in (drgn.TypeKind.STRUCT, drgn.TypeKind.UNION,
                                         drgn.TypeKind.FLOAT):
                return ""
            self._value = TypedObject(drgn.Object.from_bytes_(
                kind.prog, kind, raw.to_bytes(8, "little")[:size]))
        except (TypeError, ValueError, LookupError):
            return ""
        return f"it returned {value_text(self._value)}"
