"""Breakpoints and watchpoints as their user sees them: a numbered list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.places import Place

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.inspect.debugger.debugger import Debugger
    from kernel_magics.inspect.debugger.scopes import Scope
    from kernel_magics.inspect.debugger.watching import WatchedValue

__all__ = ["Breakpoint", "BreakpointList", "MOST_WATCHED_BYTES", "WATCH_KINDS"]

MOST_WATCHED_BYTES = 8

WATCH_KINDS = ("write", "read", "access")
Condition = str | Callable[[Any], object] | None


@dataclass(eq=False)
class Breakpoint:
    """Where a guest stops: code (`places`), or memory (`address`, `size_bytes`) that is
    touched in a `kind` of way: "break", "write", "read", "access".

    Code of programs and libraries is in `targets`; `places` is then where they are mapped, in
    whichever process, and follows that.  What is watched in a packaged program's memory is of
    one `process`, by its number.

    `condition` is an expression or a function of the stop; `ignore` so many hits are passed
    over; `thread` is the number of the only thread that stops here; with `is_temporary` it
    goes away at its first stop; `action` is called with the stop at each hit, and if it
    returns False the guest goes on.  `hits` counts those whose condition was true, `passed`
    the others: the guest stands for each while the condition is looked at.  What is watched on
    a stack has a `scope`: with the function's return the watchpoint ends.
    """

    number: int
    wanted: str
    kind: str
    places: tuple[Place, ...] = ()
    targets: tuple[Place, ...] = ()
    process: int = 0
    address: int = 0
    size_bytes: int = 1
    condition: Condition = None
    thread: int | None = None
    ignore: int = 0
    is_temporary: bool = False
    is_enabled: bool = True
    action: Callable[[Any], object] | None = None
    hits: int = 0
    passed: int = 0
    value: WatchedValue | None = field(default=None, repr=False)
    scope: Scope | None = field(default=None, repr=False)
    _owner: Debugger | None = field(default=None, repr=False)

    @property
    def is_watchpoint(self) -> bool:
        """Whether it watches memory."""
        return self.kind != "break"

    @property
    def title(self) -> str:
        """What it is called in a sentence."""
        return f"{'watchpoint' if self.is_watchpoint else 'breakpoint'} {self.number}"

    @property
    def where(self) -> str:
        """Where it is, in words."""
        if self.is_watchpoint:
            of = f" of process {self.process}" if self.process else ""
            return f"{self.wanted} ({self.size_bytes} bytes at {self.address:#x}{of})"
        found = self.targets or self.places
        text = f"{found[0].text} and {len(found) - 1} more" if len(found) > 1 else found[0].text
        if self.is_pending:
            names = " or ".join(dict.fromkeys(one.module_name for one in found[:3]))
            text += f", as soon as {names} is mapped"
        return text

    @property
    def is_pending(self) -> bool:
        """Whether it waits for its file to be mapped by a process."""
        return bool(self.targets) and not self.places

    @property
    def condition_text(self) -> str:
        """The condition as text."""
        if callable(self.condition):
            return getattr(self.condition, "__name__", "a function")
        return self.condition or ""

    def remove(self) -> None:
        """Take it away."""
        self._need_owner().remove(self.number)

    def enable(self) -> None:
        """Let it stop the guest again."""
        self._need_owner().enable(self.number)

    def disable(self) -> None:
        """Keep it, but let the guest pass."""
        self._need_owner().enable(self.number, False)

    def _need_owner(self) -> Debugger:
        if self._owner is None:
            raise UsageError(f"{self.title} was removed", next_step="set it again")
        return self._owner

    def __repr__(self) -> str:
        word = f"{self.kind} watchpoint" if self.is_watchpoint else "breakpoint"
        parts = [f"{word} {self.number}: {self.where}"]
        parts += [f"if {self.condition_text}"] if self.condition else []
        parts += [f"thread {self.thread}"] if self.thread is not None else []
        parts += [f"({self.hits} hit{'s' if self.hits != 1 else ''})"] if self.hits else []
        parts += [f"(passed {self.passed} time{'s' if self.passed != 1 else ''})"] \
            if self.passed else []
        parts += [f"until {self.scope.function} returns"] if self.scope else []
        parts += [f"ignored {self.ignore} times"] if self.ignore else []
        parts += ["temporary"] if self.is_temporary else []
        parts += ["removed"] if self._owner is None else []
        return " ".join(parts + ([] if self.is_enabled else ["disabled"]))


class BreakpointList(list[Breakpoint]):
    """Breakpoints and watchpoints by number."""

    @property
    def df(self) -> pd.DataFrame:
        """A row each: number (index), kind, where, address, condition, thread, hits, passed,
        enabled, temporary; a breakpoint at several places has its first one's address, a pending
        one <NA>."""
        import pandas as pd

        return pd.DataFrame({
            "kind": [one.kind for one in self],
            "where": [one.where for one in self],
            "address": pd.array([one.places[0].address if one.places else one.address or None
                                 for one in self], "UInt64"),
            "condition": [one.condition_text for one in self],
            "thread": pd.array([one.thread for one in self], "Int64"),
            "hits": [one.hits for one in self],
            "passed": [one.passed for one in self],
            "enabled": [one.is_enabled for one in self],
            "temporary": [one.is_temporary for one in self],
        }, index=pd.Index([one.number for one in self], name="number"))

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) or "no breakpoints"
