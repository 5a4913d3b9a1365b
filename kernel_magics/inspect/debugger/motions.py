"""How a guest gets from one stop to the next: continue, lines, instructions, calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kernel_magics.inspect.debugger.packets import StopReply
from kernel_magics.inspect.debugger.processor import SYSCALL_INSTRUCTION, Processor

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.breakpoints import Breakpoint
    from kernel_magics.inspect.debugger.code_here import CodeHere
    from kernel_magics.inspect.debugger.hits import Hits

__all__ = ["Arrival", "Motions"]

SIGNAL_TRAP = 5
# What QEMU's stub makes of its own states (gdbstub.c, gdb_vm_state_change).
_STOPPED_BY = {6: "QEMU stopped it: the accelerator could not go on (see lab.doctor())",
               14: "QEMU stopped it: its disk has an error"}
# A line is a few instructions; one that takes more is a loop in itself.
MOST_STEPS = 200_000
_CALL_BYTES = 16
_OTHER_STACK_BYTES = 1 << 20
Arrived = Callable[[], bool]


class Arrival(NamedTuple):
    """Why a motion ended; `hits` are the breakpoints hit, `note` what is to be said."""

    reason: str
    hits: tuple[Breakpoint, ...] = ()
    note: str = ""


class _Line(NamedTuple):
    """A source line as a step sees it."""

    function: str
    file: str
    line: int


class Motions:
    """The ways to go on of one guest; each returns the Arrival at which it ended."""

    def __init__(self, processor: Processor, hits: Hits, code: CodeHere) -> None:
        self._processor = processor
        self._hits = hits
        self._code = code

    # To the next breakpoint

    def run(self, internal: dict[int, Arrived] | None = None) -> Arrival | None:
        """Go until a breakpoint stops the guest; None if it came to an `internal` address
        whose function says that it counts."""
        internal = internal or {}
        while True:
            points = self._hits.points() | {self._processor.code_point(address)
                                            for address in internal}
            reply = self._processor.run(points)
            arrival = self._judge(reply)
            if arrival and not (arrival.reason == "left" and self._processor.pc in internal):
                return arrival
            if self._processor.is_interrupted:
                return Arrival("interrupted")
            arrived = internal.get(self._processor.pc)
            if arrived and arrived():
                return None

    def _judge(self, reply: StopReply) -> Arrival | None:
        if reply.signal != SIGNAL_TRAP:
            return Arrival("interrupted", note=_STOPPED_BY.get(reply.signal, ""))
        return self._hits.judge(reply)

    # Instructions

    def instruction(self, count: int, over_calls: bool) -> Arrival:
        """Execute `count` instructions; with `over_calls` a call is one."""
        for _ in range(count):
            if self._processor.is_interrupted:
                return Arrival("interrupted")
            arrival = self._instruction(over_calls)
            if arrival:
                return arrival
        return Arrival("step")

    def _instruction(self, over_calls: bool) -> Arrival | None:
        back = self._one()
        if back and over_calls:
            return self._return_to(back)
        return self._judge_here()

    def _one(self) -> int:
        """Execute one instruction; return where it comes back to if it was a call, else 0."""
        pc, sp = self._processor.pc, self._processor.sp
        is_system_call = self._processor.code(2) == SYSCALL_INSTRUCTION
        self._processor.step()
        self._processor.forget()
        if is_system_call:
            return pc + len(SYSCALL_INSTRUCTION)
        if self._processor.sp == sp - 8 and not pc <= self._processor.pc <= pc + _CALL_BYTES:
            back = self._processor.word(sp - 8)
            if back and pc < back <= pc + _CALL_BYTES:
                return back
        elif self._processor.sp == sp - 8 and self._processor.word(sp - 8) == self._processor.pc:
            return 0  # a call of the next instruction, to learn where it is
        return 0

    def _judge_here(self) -> Arrival | None:
        arrival = self._hits.judge(StopReply(SIGNAL_TRAP))
        return None if arrival and arrival.reason == "left" else arrival  # (told at the end)

    def _return_to(self, address: int) -> Arrival | None:
        """Go until the call just made has returned."""
        if arrival := self._judge_here():
            return arrival
        return self.run({address: self._returned()})

    def _returned(self) -> Arrived:
        """Return a test of whether this thread has left the function it has just entered."""
        thread, sp = self._processor.thread_number(), self._processor.sp

        def returned() -> bool:
            if thread and self._processor.thread_number() not in (thread, 0):
                return False
            now = self._processor.sp
            return now > sp or abs(now - sp) > _OTHER_STACK_BYTES

        return returned

    # Lines

    def line(self, into_calls: bool) -> Arrival:
        """Go to the next source line; into functions it calls that have lines, if wanted."""
        start = self._line_here(into_calls)
        if not start.line:
            return self.finish() or Arrival("step")
        for _ in range(MOST_STEPS):
            if self._processor.is_interrupted:
                return Arrival("interrupted")
            back = self._one()
            arrival = self._called(back, into_calls) if back else self._judge_here()
            if arrival:
                return arrival
            here = self._line_here(into_calls)
            if not here.line and not back:
                if arrival := self._leave_unknown():
                    return arrival
                here = self._line_here(into_calls)
            if here.line and here != start:
                return Arrival("step")
        return Arrival("interrupted", note=f"no other line after {MOST_STEPS} instructions")

    def _called(self, back: int, into_calls: bool) -> Arrival | None:
        pc = self._processor.pc
        if into_calls and (through := self._code.called_through(pc, self._processor.word)):
            if arrival := self.run({**dict.fromkeys(through, lambda: True),
                                    back: self._returned()}):
                return arrival
            pc = self._processor.pc
            if pc == back:
                return None
        if into_calls and self._code.line(pc):
            if arrival := self._judge_here():
                return arrival
            body = self._code.body(pc)
            if body != pc and (arrival := self.run({body: lambda: True})):
                return arrival
            return Arrival("step")
        return self._return_to(back)

    def _leave_unknown(self) -> Arrival | None:
        """Code without lines was jumped or returned to: go on to where lines are again."""
        while not self._code.line(self._processor.pc):
            arrival = self.finish()
            if arrival is None:
                return self.run()  # main has returned: nothing to stop at before the end
            if arrival.reason != "finished":
                return arrival
        return None

    def _line_here(self, innermost: bool) -> _Line:
        places = self._code.lines(self._processor.pc)
        if not places:
            return _Line("", "", 0)
        place = places[0] if innermost else places[-1]
        return _Line(self._code.name(self._processor.pc), place.file, place.line)

    # Calls

    def finish(self) -> Arrival | None:
        """Go until the function has returned to its caller; None if it has none."""
        caller = self._hits.caller()
        if caller is None:
            return None
        return self.run({caller.address: self._returned()}) or Arrival("finished")

    def until(self, addresses: list[int]) -> Arrival:
        """Go until one of these addresses is reached."""
        return self.run({address: lambda: True for address in addresses}) or Arrival("step")
