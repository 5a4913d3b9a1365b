"""A debugger's ways to go on, and in a replay to go back."""

from __future__ import annotations

from typing import Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.backwards import Backwards
from kernel_magics.inspect.debugger.breakpoints import WATCH_KINDS
from kernel_magics.inspect.debugger.holding import Holding
from kernel_magics.inspect.debugger.stop import Stop

__all__ = ["Moving"]


class Moving(Holding):
    """The part of a debugger that moves the guest; see Debugger.

    Each motion returns the Stop at which it ends; with `wait=False` it returns None at once.
    `timeout` is in seconds: after it GuestTimeout is raised, and the guest goes on.
    """

    def cont(self, timeout: float | None = None, *, wait: bool = True) -> Stop | None:
        """Go on until a breakpoint, a watchpoint, a panic, an interruption or the end."""
        return self._move(lambda session: session.motions.run(), timeout, wait)

    def step(self, count: int = 1, timeout: float | None = None, *,
             wait: bool = True) -> Stop | None:
        """Go to the next source line, also into a function that is called."""
        return self._move(lambda session: session.repeat(
            count, lambda: session.motions.line(into_calls=True)), timeout, wait)

    def next(self, count: int = 1, timeout: float | None = None, *,
             wait: bool = True) -> Stop | None:
        """Go to the next source line of this function, over what it calls."""
        return self._move(lambda session: session.repeat(
            count, lambda: session.motions.line(into_calls=False)), timeout, wait)

    def stepi(self, count: int = 1, timeout: float | None = None, *,
              wait: bool = True) -> Stop | None:
        """Execute instructions, also into what is called."""
        return self._move(lambda session: session.motions.instruction(count, False), timeout, wait)

    def nexti(self, count: int = 1, timeout: float | None = None, *,
              wait: bool = True) -> Stop | None:
        """Execute instructions; a call or system call with all it does is one."""
        return self._move(lambda session: session.motions.instruction(count, True), timeout, wait)

    def finish(self, timeout: float | None = None, *, wait: bool = True) -> Stop | None:
        """Go on until this function has returned; the Stop's `value` is what it returned."""
        return self._move(lambda session: session.finish(), timeout, wait)

    def until(self, place: Any, timeout: float | None = None, *,
              wait: bool = True) -> Stop | None:
        """Go on until a place is reached, as with a temporary breakpoint there."""
        here = self.stop.place if self.stop else None
        places = self.places.find(place, here)
        return self._move(lambda session: session.motions.until(session.addresses(places)),
                          timeout, wait)

    # Back, in a replay

    def reverse_cont(self, timeout: float | None = None, *, wait: bool = True) -> Stop | None:
        """Go back to the last breakpoint, or to before the last change of what is watched;
        to the start of the recording if there was none.  For guests of `lab.replay`."""
        return self._move(lambda session: session.back(Backwards.run), timeout, wait)

    def reverse_step(self, count: int = 1, timeout: float | None = None, *,
                     wait: bool = True) -> Stop | None:
        """Go back to the beginning of a source line, also into what was called."""
        return self._move(lambda session: session.repeat(
            count, lambda: session.back_line(into_calls=True)), timeout, wait)

    def reverse_next(self, count: int = 1, timeout: float | None = None, *,
                     wait: bool = True) -> Stop | None:
        """Go back to the beginning of a source line, over what was called."""
        return self._move(lambda session: session.repeat(
            count, lambda: session.back_line(into_calls=False)), timeout, wait)

    def reverse_stepi(self, count: int = 1, timeout: float | None = None, *,
                      wait: bool = True) -> Stop | None:
        """Go back by so many instructions."""
        return self._move(lambda session: session.back(lambda way: way.instruction(count)),
                          timeout, wait)

    def reverse_finish(self, timeout: float | None = None, *, wait: bool = True) -> Stop | None:
        """Go back to the call of this function."""
        return self._move(lambda session: session.back_to_call(), timeout, wait)

    def last_write(self, what: Any, kind: str = "write", timeout: float | None = None, *,
                   wait: bool = True) -> Stop | None:
        """Go back to the instruction that last wrote a variable or an address, and stop
        before it: the write that broke it.  `kind` may also be "read" or "access"."""
        if kind not in WATCH_KINDS:
            raise UsageError(f"no such kind of access: {kind!r}",
                             next_step=f"use {', '.join(WATCH_KINDS)}")
        return self._move(lambda session: session.back_to_write(what, kind), timeout, wait)

    def goto(self, instruction: int, timeout: float | None = None, *,
             wait: bool = True) -> Stop | None:
        """Go to an instruction of the recording by its number, forward or back: that of
        `stop.instruction`."""
        return self._move(lambda session: session.back(lambda way: way.goto(instruction)),
                          timeout, wait)
