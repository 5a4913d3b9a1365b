"""A debugger's breakpoints and watchpoints: set, listed, kept, removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.breakpoints import (
    MOST_WATCHED_BYTES,
    WATCH_KINDS,
    Breakpoint,
    BreakpointList,
    Condition,
)
from kernel_magics.inspect.debugger.expressions import parse
from kernel_magics.inspect.debugger.holding import Holding
from kernel_magics.inspect.debugger.kept import keep, left_behind
from kernel_magics.inspect.debugger.stop import Stop

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.debugger import Debugger

__all__ = ["Setting"]


class Setting(Holding):
    """The part of a debugger that has the breakpoints; see Debugger."""

    @property
    def breakpoints(self) -> BreakpointList:
        """The breakpoints and watchpoints, by number; also those that the notebook had set
        before its kernel was started again."""
        return BreakpointList(self._breakpoints.values())

    @property
    def _breakpoints(self) -> dict[int, Breakpoint]:
        if self._table is None:
            self._table = {}
            for one in left_behind(self._folder, lambda: self.places):
                one._owner = cast("Debugger", self)
                self._table[one.number] = one
            self._number = max(self._table, default=0)
        return self._table

    def _next_number(self) -> int:
        self._number = max(self._number, max(self._breakpoints, default=0)) + 1
        return self._number

    def break_at(self, place: Any, condition: Condition = None, *, temporary: bool = False,
                 thread: int | None = None, ignore: int = 0,
                 action: Callable[[Stop], object] | None = None) -> Breakpoint:
        """Set a breakpoint at a function, "file.c:12", a line, or an address.

        In a packaged image it may be a program's or a library's ("sqlite3_step",
        "libc.so.6:write"), also before a process has that mapped: it waits for it then.

        `condition` is an expression ("i == 3 && p->next") or a function of the Stop; it
        stops only where that is true.  `temporary` removes it at its first stop, `thread`
        is the number of the only thread that stops, `ignore` how many hits are passed over.
        `action(stop)` is called at each hit; if it returns False the guest goes on.
        Raises UsageError for a place or a condition that is none.
        """
        here = self.stop.place if self.stop else None
        places = self.places.find(place, here)
        self._check(condition, thread, ignore)
        return self._add(Breakpoint(
            self._next_number(), str(getattr(place, "name", place)), "break",
            tuple(one for one in places if not one.module),
            tuple(one for one in places if one.module), condition=condition, thread=thread,
            ignore=ignore, is_temporary=temporary, action=action))

    def watch(self, what: Any, kind: str = "write", condition: Condition = None, *,
              size_bytes: int | None = None, temporary: bool = False,
              thread: int | None = None, ignore: int = 0,
              action: Callable[[Stop], object] | None = None) -> Breakpoint:
        """Stop when memory is touched: a variable, an expression ("p->next"), an address.

        A variable on a stack is watched until its function returns: the guest stops there and
        says so.  An address (&name, as a number) is watched for ever.
        `kind` is "write", "read" or "access" (both); `size_bytes` at most 8, by default that
        of the variable.  What devices write is not seen: the processor does not.
        Raises UsageError for what has no address or is too long.
        """
        if kind not in WATCH_KINDS:
            raise UsageError(f"no such kind of watchpoint: {kind!r}",
                             next_step=f"use {', '.join(WATCH_KINDS)}")
        self._check(condition, thread, ignore)
        depth = cast("Debugger", self).selected
        address, found_bytes, scope = self._stopped(
            lambda session: (*session.locate(what, depth), session.scope(what, depth)))
        size_bytes = size_bytes or min(found_bytes, MOST_WATCHED_BYTES)
        if not 0 < size_bytes <= MOST_WATCHED_BYTES:
            raise UsageError(f"{size_bytes} bytes cannot be watched",
                             next_step=f"watch 1 to {MOST_WATCHED_BYTES} of them")
        return self._add(Breakpoint(
            self._next_number(), f"{what:#x}" if isinstance(what, int) else str(what), kind,
            address=address, size_bytes=size_bytes, condition=condition, thread=thread,
            ignore=ignore, is_temporary=temporary, action=action, scope=scope), depth)

    @staticmethod
    def _check(condition: Condition, thread: int | None, ignore: int) -> None:
        if condition is not None and not callable(condition):
            parse(condition)
        for name, value in (("thread", thread), ("ignore", ignore)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)
                                      or value < 0):
                raise UsageError(f"{name}={value!r} is not a number", next_step="pass 0 or more")

    def _add(self, one: Breakpoint, depth: int = 0) -> Breakpoint:
        one._owner = cast("Debugger", self)
        self._breakpoints[one.number] = one
        try:
            self._stopped(lambda session: session.added(one, depth))
        except BaseException:
            self._drop(one)
            raise
        keep(self._folder, self.breakpoints)
        return one

    def _drop(self, one: Breakpoint) -> None:
        self._breakpoints.pop(one.number, None)
        one._owner = None

    def remove(self, number: int | None = None) -> None:
        """Remove a breakpoint or watchpoint by number, or all of them."""
        for one in [self._find(number)] if number is not None else self.breakpoints:
            self._drop(one)
        self._changed()

    def enable(self, number: int, enabled: bool = True) -> None:
        """Let a breakpoint stop the guest, or not."""
        self._find(number).is_enabled = enabled
        self._changed()

    def condition(self, number: int, condition: Condition) -> Breakpoint:
        """Give a breakpoint another condition, None for none; return it."""
        self._check(condition, None, 0)
        one = self._find(number)
        one.condition = condition
        self._changed()
        return one

    def ignore(self, number: int, count: int) -> Breakpoint:
        """Have the next `count` hits of a breakpoint passed over; return it."""
        self._check(None, None, count)
        one = self._find(number)
        one.ignore = count
        self._changed()
        return one

    def _changed(self) -> None:
        if self.is_attached:
            self._stopped(lambda session: session.set_points())
            keep(self._folder, self.breakpoints)

    def _find(self, number: int) -> Breakpoint:
        if number not in self._breakpoints:
            known = ", ".join(map(str, self._breakpoints)) or "none at all"
            raise UsageError(f"there is no breakpoint {number!r}", next_step=f"there are {known}")
        return self._breakpoints[number]
