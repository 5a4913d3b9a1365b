"""Holding a guest: one debugger's attachment, its thread, and the motion that goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from kernel_magics.errors import GuestError, GuestTimeout
from kernel_magics.inspect.debugger.attachment import Attachment, gdb_command, listen
from kernel_magics.inspect.debugger.breakpoints import Breakpoint
from kernel_magics.inspect.debugger.kept import forget
from kernel_magics.inspect.debugger.motions import Arrival
from kernel_magics.inspect.debugger.places import Places
from kernel_magics.inspect.debugger.session import Session
from kernel_magics.inspect.debugger.stop import Stop
from kernel_magics.inspect.debugger.stub import StubGone, StubRefused
from kernel_magics.inspect.debugger.worker import Worker

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.debugger import Debugger

__all__ = ["Holding"]

_Result = TypeVar("_Result")


class Holding:
    """What all of a debugger stands on; see Debugger."""

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
        self._session = Session(cast("Debugger", self), self._guest, attachment.stub, self.places)
        self.stop = self._do(lambda: self._need_session().make_stop(Arrival("attached")))
        self._was_running = was_running

    def detach(self, *, resume: bool = True) -> None:
        """Let go of the guest: without its breakpoints it goes on, or stays where it is.

        The breakpoints are kept in the list and set again by the next attachment.  A replay
        runs on to the end of its recording, and is then gone as any guest that has exited: with
        `resume=False` it stays where it is, and the next attachment can go back from there.
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

    # Waiting

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
            cost = self.cost_text
            raise GuestTimeout(
                f"{self._guest.name} still runs after {timeout:g} s and has hit no breakpoint"
                f"{cost and ': '}{cost}", name=self._guest.name,
                next_step="guest.debugger.interrupt() stops it, .wait() waits on") from None

    @property
    def cost_text(self) -> str:
        """Which breakpoints the guest has passed since it was last let go, and what each of these
        takes; "" if none.  They are passed where their condition does not hold."""
        return self._session.hits.cost.text if self._session else ""

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

    def on_stop(self, listener: Callable[[Stop], object]) -> Callable[[], None]:
        """Have `listener(stop)` called at each stop, from another thread; returns the end."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

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
        session = self._need_session()
        try:
            return self._do(lambda: work(session))
        finally:
            if goes_on and self.is_attached:
                self._start(lambda session: session.motions.run())

    def _do(self, work: Callable[[], _Result]) -> _Result:
        """Do something in the debugger's thread; what the stub refuses is a GuestError."""
        assert self._worker
        try:
            result: _Result = self._worker.do(work)
        except (StubGone, StubRefused) as error:
            if self._guest.machine.has_ended():
                self._let_go()
                raise GuestError(f"{self._guest.name} has ended ({self._guest.state}) while the "
                                 "debugger had it", name=self._guest.name,
                                 next_step="boot it again; guest.panic and guest.vars read one "
                                           "that has ended") from error
            if isinstance(error, StubGone):
                self._let_go()
            raise GuestError(f"QEMU's debugging socket for {self._guest.name}: {error}",
                             name=self._guest.name,
                             next_step="guest.debugger.attach(take_over=True) takes it again"
                             ) from error
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
