"""guest.debugger: stop a guest where it matters, look, go on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from kernel_magics.boot.registers import Registers
from kernel_magics.errors import GuestError, GuestTimeout
from kernel_magics.inspect.debugger.kept import left_behind
from kernel_magics.inspect.debugger.moving import Moving
from kernel_magics.inspect.debugger.session import Session
from kernel_magics.inspect.debugger.setting import Setting
from kernel_magics.inspect.debugger.variables import Variables
from kernel_magics.inspect.stack import Backtrace

__all__ = ["Debugger"]

RESUME_PATIENCE_S = 2.0
_Result = TypeVar("_Result")


class Debugger(Setting, Moving):
    """Stops a guest and lets it go on, through QEMU's gdb stub.

    The first call that needs it attaches; a guest that ran then runs again after a
    breakpoint was set.  Motions (`cont`, `step`, `next`, `finish` …) return the Stop at which
    they end; with `wait=False` they return at once, and `wait` waits for the stop.  Ctrl-C
    ends a wait and leaves the guest running: `interrupt` stops it.
    """

    # Looking

    @property
    def registers(self) -> Registers:
        """The processor's registers, also those of the system."""
        self._check_stopped()
        found = self._guest.registers
        if found is None:
            raise GuestError(f"{self._guest.name} has no registers now: it is "
                             f"{self._guest.state}", name=self._guest.name,
                             next_step="guest.debugger.interrupt() stops one that runs")
        return Registers(found)

    def backtrace(self) -> Backtrace:
        """Return the stack of the thread that runs, innermost frame first."""
        return self._looked(lambda session: session.frames().backtrace)

    @property
    def locals(self) -> Variables:
        """The variables of the innermost frame by name; backtrace()[1].locals are its
        caller's."""
        return Variables(self._looked(lambda session: session.frames().locals(0)))

    def evaluate(self, expression: str, frame: int = 0) -> Any:
        """Return the value of an expression at this stop: "p->next", "table[i] + 1", "$rax".

        `frame` is whose variables it means: 0 the innermost's, 1 its caller's …
        Raises UsageError for what is no expression or a name that is not known there.
        """
        return self._looked(lambda session: session.evaluate_here(expression, frame))

    def _looked(self, look: Callable[[Session], _Result]) -> _Result:
        if not self.is_attached:
            self._attach_for_a_look()
        self._check_stopped()
        session, worker = self._need_session(), self._worker
        assert worker
        result: _Result = worker.do(lambda: look(session))
        return result

    def _attach_for_a_look(self) -> None:
        if self._guest.state == "running":
            raise GuestError(f"{self._guest.name} runs: there is no place to look from",
                             name=self._guest.name,
                             next_step="guest.debugger.interrupt() stops it")
        self._attach()

    def resume_held(self) -> bool:
        """Let the guest go on if this debugger has it, or one left breakpoints in it.

        Guest.resume asks; False: no debugger is in the way.
        """
        if self.is_attached:
            if self.is_running:  # (it may have been paused this instant)
                with suppress(GuestTimeout):
                    self.wait(RESUME_PATIENCE_S if self._guest.machine.is_paused() else 0)
            if self.is_attached and not self.is_running:
                self.cont(wait=False)
            return True
        if not left_behind(self._folder, lambda: self.places):
            return False
        self.cont(wait=False)
        return True

    def __repr__(self) -> str:
        name, count = self._guest.name, len(self._breakpoints)
        if not self.is_attached:
            state = f"{name} is not being debugged"
        elif self.is_running:
            state = f"{name} runs"
        else:
            state = repr(self.stop)
        return f"{state}\n{self.breakpoints!r}" if count else state
