"""How long a variable on a stack exists: until the function whose call it is of has returned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kernel_magics.inspect.stacks.stack import Backtrace, StackFrame
    from kernel_magics.inspect.stacks.unwind import Activation

__all__ = ["RSP", "Scope", "depth_of", "scope_of"]

RSP = 7  # DWARF's number
RED_ZONE_BYTES = 128
"""Below the stack pointer, and still the function's own (System V ABI, AMD64, 3.2.2)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The call of `function` by a `thread`, by its number: it returns to `address`, where the
    stack pointer is `stack_pointer`."""

    function: str
    thread: int
    address: int
    stack_pointer: int

    def has_ended(self, stack_pointer: int) -> bool:
        """Whether the call is over, by its thread's stack pointer."""
        return stack_pointer >= self.stack_pointer


def scope_of(trace: Backtrace, address: int, thread: int) -> Scope | None:
    """Return the scope of what lies at an address, None if that is on no call's stack.

    `trace` is that of the thread, by its number, that runs.
    """
    for call, caller in _calls(trace):
        begin, end = call.frames[0].registers.get("rsp"), caller.registers.get(RSP)
        if begin is None or end is None:
            return None
        if begin - RED_ZONE_BYTES <= address < end:
            function = call.frames[-1].function
            return Scope(function, thread, caller.address, end) if caller.is_return else None
    return None


def depth_of(scope: Scope, trace: Backtrace) -> int | None:
    """Return the number of the frame whose scope it is, None if the stack has none."""
    return next((call.depth for call, caller in _calls(trace)
                 if caller.registers.get(RSP) == scope.stack_pointer), None)


class _Call(NamedTuple):
    """One call of a stack: its frames, those of inlined functions first; the first's number."""

    depth: int
    frames: list[StackFrame]


def _calls(trace: Backtrace) -> Iterator[tuple[_Call, Activation]]:
    """Yield each call and the one that it returns to."""
    call = _Call(0, [])
    for depth, frame in enumerate(trace):
        activation = frame.activation
        if call.frames and activation is not None and activation is not call.frames[0].activation:
            yield call, activation
            call = _Call(depth, [])
        call.frames.append(frame)
