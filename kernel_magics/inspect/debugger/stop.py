"""A stop of a guest: why, where, and what its source line is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.debugger.places import Place

if TYPE_CHECKING:
    from kernel_magics.boot.registers import Registers
    from kernel_magics.inspect.debugger.breakpoints import Breakpoint
    from kernel_magics.inspect.debugger.debugger import Debugger
    from kernel_magics.inspect.stacks.stack import Backtrace

__all__ = ["REASONS", "Stop"]

REASONS = {
    "attached": "is stopped", "breakpoint": "stopped at", "watchpoint": "stopped at",
    "left": "stopped at the end of", "step": "stopped", "finished": "returned to",
    "called": "went back to the call in",
    "write": "went back to what wrote it:",
    "interrupted": "was interrupted in",
    "panic": "panics in", "exited": "exited", "panicked": "panicked", "ended": "has ended",
    "lost": "is no longer held by this debugger",
    "start": "is at the start of the recording, in", "end": "is at the end of the recording, in",
}
"""Stop.reason → what the guest did."""

EXCERPT_LINES_AROUND = 2


@dataclass(frozen=True)
class Stop:
    """Why and where a guest stopped.

    `reason` is a key of REASONS; `place` where, None after the guest's end; `thread` and
    `thread_name` who ran; `breakpoints` those that were hit; `note` one sentence more: a
    watched value's change, a returned value, a condition that could not be evaluated.
    `status` is the exit status of a guest that exited; `instruction` counts instructions
    since the start of a recording, None for other guests.  `depth` is the frame that a user
    knows: the program's after a panic, the caller of code without source lines.
    """

    guest_name: str
    reason: str
    place: Place | None = None
    thread: int = 0
    thread_name: str = ""
    breakpoints: tuple[Breakpoint, ...] = ()
    note: str = ""
    excerpt: str = ""
    status: int | None = None
    value: object = field(default=None, repr=False, compare=False)
    instruction: int | None = None
    depth: int = 0
    debugger: Debugger | None = field(default=None, repr=False, compare=False)

    @property
    def has_ended(self) -> bool:
        """Whether the guest is gone."""
        return self.place is None

    @property
    def registers(self) -> Registers:
        """The processor's registers, as long as the guest stays here."""
        return self._need_debugger().registers

    @property
    def frames(self) -> Backtrace:
        """The stack, innermost frame first, as long as the guest stays here."""
        return self._need_debugger().backtrace()

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression here; see Debugger.evaluate."""
        return self._need_debugger().evaluate(expression)

    def _need_debugger(self) -> Debugger:
        assert self.debugger is not None
        return self.debugger

    def text(self) -> str:
        """Return the stop as its user reads it: a sentence, and the lines around."""
        return "\n".join(part for part in (self._sentence(), self.note, self.excerpt) if part)

    def _sentence(self) -> str:
        what = REASONS[self.reason]
        if self.reason == "exited":
            return f"{self.guest_name} {what} with status {self.status}"
        if self.place is None:
            return f"{self.guest_name} {what}"
        if self.reason in ("breakpoint", "watchpoint", "left"):
            what += f" {' and '.join(one.title for one in self.breakpoints)}:"
        elif self.reason in ("step", "attached"):
            what += " in"
        name = f" ({self.thread_name})" if self.thread_name else ""
        thread = f", thread {self.thread}{name}" if self.thread else ""
        if not self.place.function and not self.place.line:
            what = what.removesuffix(" in") + " at"
        return f"{self.guest_name} {what} {self.place.text}{thread}"

    def __repr__(self) -> str:
        return self.text()
