"""guest.debugger: stop a guest where it matters, look, go on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from kernel_magics.boot.registers import Registers
from kernel_magics.errors import GuestError, GuestTimeout
from kernel_magics.inspect.debugger.commands import run_command
from kernel_magics.inspect.debugger.examining import examine_text
from kernel_magics.inspect.debugger.excerpts import excerpt
from kernel_magics.inspect.debugger.kept import left_behind
from kernel_magics.inspect.debugger.moving import Moving
from kernel_magics.inspect.debugger.session import Session
from kernel_magics.inspect.debugger.setting import Setting
from kernel_magics.inspect.debugger.stop import Stop
from kernel_magics.inspect.debugger.variables import Text, Variables
from kernel_magics.inspect.stacks.stack import Backtrace

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

    _selected = 0
    _selected_at: Stop | None = None

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
    def selected(self) -> int:
        """The number of the frame that `locals` and `evaluate` mean; after each motion the
        innermost, 0, or the one that Stop.depth says."""
        if self._selected_at is not None and self._selected_at is self.stop:
            return self._selected
        return self.stop.depth if self.stop else 0

    def select(self, frame: int) -> Text:
        """Have `locals` and `evaluate` mean a frame: 0 the innermost, 1 its caller …

        Returns it as text, with its source lines.  Raises UsageError if there is no such.
        """
        def look(session: Session) -> Text:
            found = session.frames().frame(frame)
            lines = excerpt(self._guest.image, found.file, found.line)
            return Text("\n".join(part for part in (f"#{frame} {found!r}", lines) if part))

        shown = self._looked(look)
        self._selected, self._selected_at = frame, self.stop
        return shown

    @property
    def locals(self) -> Variables:
        """The variables of the selected frame by name, by default the innermost's."""
        frame = self.selected
        return Variables(self._looked(lambda session: session.frames().locals(frame)))

    def evaluate(self, expression: str, frame: int | None = None) -> Any:
        """Return the value of an expression at this stop: "p->next", "table[i] + 1", "$rax".

        `frame` is whose variables it means, by default the selected one's.
        Raises UsageError for what is no expression or a name that is not known there.
        """
        depth = self.selected if frame is None else frame
        return self._looked(lambda session: session.evaluate_here(expression, depth))

    def examine(self, address: int | str, count: int = 1, form: str = "x",
                size: str = "") -> Text:
        """Return memory as text, as gdb's x does: `form` x, d, u, o, t, c, s (text) or i
        (instructions), `size` b, h, w or g.  `address` may be an expression."""
        depth = self.selected

        def look(session: Session) -> Text:
            at = address if isinstance(address, int) else session.address_of(address, depth)
            return Text(examine_text(session.read, at, count, form, size, session.name_of))

        return self._looked(look)

    def list(self, place: Any = None, around: int = 5) -> Text:
        """Return the source lines around a place, by default where the selected frame is."""
        def look(session: Session) -> Text:
            if place is None:
                found = session.frames().frame(self.selected)
                return Text(excerpt(self._guest.image, found.file, found.line, around))
            here = self.stop.place if self.stop else None
            first = self.places.find(place, here)[0]
            return Text(excerpt(self._guest.image, first.file, first.line, around))

        return Text(self._looked(look) or "its source is not here")

    def assign(self, what: str, value: Any) -> Any:
        """Write a variable, a member, or a register ("$rax"); return its new value.

        `value` is a number or an expression.  Raises UsageError for what cannot be written,
        and in a replay, which would be another run then.
        """
        depth = self.selected
        return self._looked(lambda session: session.assign(what, value, depth))

    def command(self, line: str, timeout: float | None = None) -> Any:
        """Carry out a command as gdb has it: "break main if argc > 1", "bt", "p *node", "c".

        Returns what the method behind it returns; see commands.COMMANDS for what there is.
        """
        return run_command(self, line, timeout)

    @property
    def guest(self) -> Any:
        """The guest."""
        return self._guest

    def _looked(self, look: Callable[[Session], _Result]) -> _Result:
        if not self.is_attached:
            self._attach_for_a_look()
        self._check_stopped()
        session = self._need_session()
        return self._do(lambda: look(session))

    def _attach_for_a_look(self) -> None:
        if self._guest.state == "running":
            raise GuestError(f"{self._guest.name} runs: there is no place to look from",
                             name=self._guest.name,
                             next_step="guest.debugger.interrupt() stops it")
        self._attach()

    @property
    def can_go_back(self) -> bool:
        """Whether the guest is a replay: then reverse_cont and the like go back."""
        return bool(self._guest.record.spec.get("replay"))

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
            now = self._guest.state
            state = f"{name} is {now}, and not being debugged" if now in (
                "running", "paused") else f"{name} has ended ({now})"
        elif self.is_running:
            state = "; ".join(part for part in (f"{name} runs", self.cost_text) if part)
        else:
            state = repr(self.stop)
        return f"{state}\n{self.breakpoints!r}" if count else state
