"""guest.debugger: stop a guest where it matters, look, go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from kernel_magics.boot.registers import Registers
from kernel_magics.errors import GuestError, GuestTimeout, UsageError
from kernel_magics.inspect.debugger.attachment import Attachment, gdb_command, listen
from kernel_magics.inspect.debugger.backwards import Backwards
from kernel_magics.inspect.debugger.breakpoints import (
    MOST_WATCHED_BYTES,
    WATCH_KINDS,
    Breakpoint,
    BreakpointList,
    Condition,
)
from kernel_magics.inspect.debugger.expressions import parse
from kernel_magics.inspect.debugger.kept import forget, keep, left_behind
from kernel_magics.inspect.debugger.motions import Arrival
from kernel_magics.inspect.debugger.places import Places
from kernel_magics.inspect.debugger.session import Session
from kernel_magics.inspect.debugger.stop import Stop
from kernel_magics.inspect.debugger.variables import Variables
from kernel_magics.inspect.debugger.worker import Worker
from kernel_magics.inspect.stack import Backtrace

__all__ = ["Debugger"]

RESUME_PATIENCE_S = 2.0
_Result = TypeVar("_Result")


class Debugger:
    """Stops a guest and lets it go on, through QEMU's gdb stub.

    The first call that needs it attaches; a guest that ran then runs again after a
    breakpoint was set.  Motions (`cont`, `step`, `next`, `finish` …) return the Stop at which
    they end; with `wait=False` they return at once, and `wait` waits for the stop.  Ctrl-C
    ends a wait and leaves the guest running: `interrupt` stops it.
    """

    def __init__(self, guest: Any) -> None:
        self._guest = guest
        self._attachment: Attachment | None = None
        self._session: Session | None = None
        self._worker: Worker | None = None
        self._motion: Future[Stop] | None = None
        self._folder = Path(guest.host_files.folder)
        self._table: dict[int, Breakpoint] | None = None
        self._number = 0
        self._listeners: list[Callable[[Stop], object]] = []
        self._places: Places | None = None
        self.stop: Stop | None = None
        """Where the guest stands, or stood last."""

    # Attaching

    @property
    def is_attached(self) -> bool:
        """Whether this debugger has the guest."""
        return self._session is not None

    @property
    def is_running(self) -> bool:
        """Whether the guest goes, under this debugger."""
        return self._motion is not None and not self._motion.done()

    @property
    def gdb_command(self) -> str:
        """The shell command with which a plain gdb attaches.

        QEMU talks to one debugger: this one lets go of the guest first, which stays stopped
        or goes on as it did.
        """
        self.detach(resume=self.is_running)
        listen(self._guest)
        return gdb_command(self._guest)

    def attach(self, *, take_over: bool = False) -> Stop:
        """Take the guest and stop it; return where it stands.

        `take_over` takes it from another debugger.  Raises GuestError if that has it, or the
        guest has ended, or is not on this machine.
        """
        if self._session is None:
            self._attach(take_over)
        if self.is_running:
            return self.interrupt()
        assert self.stop is not None
        return self.stop

    def _attach(self, take_over: bool = False) -> None:
        was_running = self._guest.state == "running"
        attachment = Attachment(self._guest, take_over=take_over)
        self._attachment = attachment
        self._worker = Worker(f"debugger of {self._guest.name}")
        self._session = Session(self, self._guest, attachment.stub, self.places)
        self.stop = self._do(lambda: self._need_session().make_stop(Arrival("attached")))
        self._was_running = was_running

    def detach(self, *, resume: bool = True) -> None:
        """Let go of the guest: without its breakpoints it goes on, or stays where it is.

        The breakpoints are kept in the list and set again by the next attachment.
        """
        if self._session is None:
            return
        if self.is_running:
            self.interrupt()
        attachment, self._attachment = self._attachment, None
        session, self._session = self._session, None
        worker, self._worker = self._worker, None
        assert attachment and worker
        worker.do(lambda: session.leave(attachment, resume))
        worker.end()
        forget(self._folder)

    @property
    def places(self) -> Places:
        """The functions and lines of the guest's image."""
        if self._places is None:
            self._places = Places(self._guest.image)
        return self._places

    @property
    def source_files(self) -> tuple[str, ...]:
        """The source files of the guest's image, the runtime's included."""
        return self.places.lines.files

    # Breakpoints

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
                one._owner = self
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
            self._next_number(), str(getattr(place, "name", place)), "break", tuple(places),
            condition=condition, thread=thread, ignore=ignore, is_temporary=temporary,
            action=action))

    def watch(self, what: Any, kind: str = "write", condition: Condition = None, *,
              size_bytes: int | None = None, temporary: bool = False,
              thread: int | None = None, ignore: int = 0,
              action: Callable[[Stop], object] | None = None) -> Breakpoint:
        """Stop when memory is touched: a variable, an expression ("p->next"), an address.

        `kind` is "write", "read" or "access" (both); `size_bytes` at most 8, by default that
        of the variable.  What devices write is not seen: the processor does not.
        Raises UsageError for what has no address or is too long.
        """
        if kind not in WATCH_KINDS:
            raise UsageError(f"no such kind of watchpoint: {kind!r}",
                             next_step=f"use {', '.join(WATCH_KINDS)}")
        self._check(condition, thread, ignore)
        address, found_bytes = self._stopped(lambda session: session.locate(what))
        size_bytes = size_bytes or min(found_bytes, MOST_WATCHED_BYTES)
        if not 0 < size_bytes <= MOST_WATCHED_BYTES:
            raise UsageError(f"{size_bytes} bytes cannot be watched",
                             next_step=f"watch 1 to {MOST_WATCHED_BYTES} of them")
        return self._add(Breakpoint(
            self._next_number(), f"{what:#x}" if isinstance(what, int) else str(what), kind,
            address=address, size_bytes=size_bytes, condition=condition, thread=thread,
            ignore=ignore, is_temporary=temporary, action=action))

    @staticmethod
    def _check(condition: Condition, thread: int | None, ignore: int) -> None:
        if condition is not None and not callable(condition):
            parse(condition)
        for name, value in (("thread", thread), ("ignore", ignore)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)
                                      or value < 0):
                raise UsageError(f"{name}={value!r} is not a number", next_step="pass 0 or more")

    def _add(self, one: Breakpoint) -> Breakpoint:
        one._owner = self
        self._breakpoints[one.number] = one
        try:
            self._stopped(lambda session: session.added(one))
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

    def _changed(self) -> None:
        if self.is_attached:
            self._stopped(lambda session: session.set_points())
            keep(self._folder, self.breakpoints)

    def _find(self, number: int) -> Breakpoint:
        if number not in self._breakpoints:
            known = ", ".join(map(str, self._breakpoints)) or "none at all"
            raise UsageError(f"there is no breakpoint {number!r}", next_step=f"there are {known}")
        return self._breakpoints[number]

    # Motion

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
        addresses = [one.address for one in self.places.find(place, here)]
        return self._move(lambda session: session.motions.until(addresses), timeout, wait)

    # Back, in a replay

    def reverse_cont(self, timeout: float | None = None, *, wait: bool = True) -> Stop | None:
        """Go back to the last breakpoint, or to before the last change of what is watched;
        to the start of the recording if there was none.  For guests of `lab.replay`."""
        return self._move(lambda session: session.back(Backwards.run), timeout, wait)

    def reverse_step(self, count: int = 1, timeout: float | None = None, *,
                     wait: bool = True) -> Stop | None:
        """Go back to the beginning of a source line, also into what was called."""
        return self._move(lambda session: session.repeat(
            count, lambda: session.back(lambda way: way.line(into_calls=True))), timeout, wait)

    def reverse_next(self, count: int = 1, timeout: float | None = None, *,
                     wait: bool = True) -> Stop | None:
        """Go back to the beginning of a source line, over what was called."""
        return self._move(lambda session: session.repeat(
            count, lambda: session.back(lambda way: way.line(into_calls=False))), timeout, wait)

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

    def interrupt(self, timeout: float = 10.0) -> Stop:
        """Stop the guest where it is; one that stands stays where it stands."""
        if not self.is_attached:
            self._attach()
        elif self.is_running:
            self._need_session().interrupt()
            self.wait(timeout)
        assert self.stop is not None
        return self.stop

    def wait(self, timeout: float | None = None) -> Stop:
        """Wait until the guest stops, and return where.

        `timeout` is in seconds.  Raises GuestTimeout after it; the guest goes on.
        """
        motion = self._motion
        if motion is None:
            if self.stop is None:
                raise GuestError(f"{self._guest.name} is not being debugged",
                                 name=self._guest.name, next_step="set a breakpoint, or attach()")
            return self.stop
        try:
            return motion.result(timeout)
        except NotDone:
            raise GuestTimeout(
                f"{self._guest.name} still runs after {timeout:g} s and has hit no breakpoint",
                name=self._guest.name,
                next_step="guest.debugger.interrupt() stops it, .wait() waits on") from None

    def _move(self, motion: Callable[[Session], Arrival | None], timeout: float | None,
              wait: bool) -> Stop | None:
        if not self.is_attached:
            self._attach()
        self._check_stopped()
        self._start(motion)
        return self.wait(timeout) if wait else None

    def _start(self, motion: Callable[[Session], Arrival | None]) -> None:
        session, worker = self._need_session(), self._worker
        assert worker
        session.processor.begin()
        self._motion = worker.start_work(lambda: self._finished(session.move(motion)))

    def _finished(self, stop: Stop) -> Stop:
        """Note a stop and tell those who want to know (from the debugger's thread)."""
        self.stop = stop
        if stop.has_ended:
            self._let_go()
        for listener in list(self._listeners):
            try:
                listener(stop)
            except Exception:  # a panel's problem must not lose the stop
                continue
        return stop

    def _let_go(self) -> None:
        attachment, self._attachment = self._attachment, None
        worker, self._worker = self._worker, None
        self._session = None
        if attachment:
            attachment.release(resume=False)
        if worker:
            worker.end()

    def pause_held(self) -> bool:
        """Stop the guest if this debugger has it; Guest.pause asks."""
        if self.is_attached:
            self.interrupt()
        return self.is_attached

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

    def on_stop(self, listener: Callable[[Stop], object]) -> Callable[[], None]:
        """Have `listener(stop)` called at each stop, from another thread; returns the end."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

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

    # Inside

    def _stopped(self, work: Callable[[Session], _Result]) -> _Result:
        """Do something that needs a stopped guest; one that ran goes on afterwards."""
        if not self.is_attached:
            self._attach()
            goes_on = self._was_running
        else:
            goes_on = self.is_running
            if goes_on:
                self.interrupt()
        session, worker = self._need_session(), self._worker
        assert worker
        try:
            result: _Result = worker.do(lambda: work(session))
        finally:
            if goes_on:
                self._start(lambda session: session.motions.run())
        return result

    def _do(self, work: Callable[[], _Result]) -> _Result:
        assert self._worker
        result: _Result = self._worker.do(work)
        return result

    def _need_session(self) -> Session:
        if self._session is None:
            raise GuestError(f"{self._guest.name} is not being debugged any more",
                             name=self._guest.name,
                             next_step="it has ended, or the debugger was detached")
        return self._session

    def _check_stopped(self) -> None:
        if self.is_running and threading.current_thread() is not self._worker:
            raise GuestError(f"{self._guest.name} runs", name=self._guest.name,
                             next_step="guest.debugger.wait() waits for a stop, "
                                       ".interrupt() stops it")

    def __repr__(self) -> str:
        name, count = self._guest.name, len(self._breakpoints)
        if not self.is_attached:
            state = f"{name} is not being debugged"
        elif self.is_running:
            state = f"{name} runs"
        else:
            state = repr(self.stop)
        return f"{state}\n{self.breakpoints!r}" if count else state
