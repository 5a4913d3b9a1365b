"""What each thread of a program is doing, a line each: the answer to "why does it not end?"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel_magics.errors import LabError
from kernel_magics.inspect.threads.threads import GuestThreads

if TYPE_CHECKING:
    from kernel_magics.inspect.threads.thread import Thread

__all__ = ["Whereabouts"]

SHOWN_THREADS = 4
MOST_LOOKED_AT = 64  # for the program's own functions: a stack each
BOOT_THREAD = "main"  # it prepares what the program needs, and then is the program's first
# Phases of a boot after which a program runs; of an unmodified one nobody is told of its main.
_BEGUN = frozenset(("libc", "main", "output", "exit"))


class Whereabouts:
    """The threads that run the program, as they are at each question.

    `lines`: a line for each, with what it waits for and the program's own function where it
    does; threads of the runtime are left out, unless the program has not begun: then the first
    line says how far the boot has come.  Of a guest that has ended it says that.  Raises
    GuestError if the guest's tables cannot be read.
    """

    def __init__(self, subject: Any) -> None:
        self._subject = subject

    @property
    def lines(self) -> list[str]:
        """A line per thread, by number; the last one counts those that are not shown."""
        state = getattr(self._subject, "state", "")
        if state == "exited":
            return [f"it has exited with status {self._subject.exit_status}"]
        phase = _phase(self._subject)
        first = {"panicked": ["it has panicked: guest.panic"],
                 "paused": ["it is paused: guest.resume() lets it go on"],
                 "stopped": ["it was stopped; before that"],
                 "died": ["QEMU is gone; before that"]}.get(state, [])
        if phase and phase not in _BEGUN:
            return [*first, f"its program has not begun: the boot is at {phase} "
                            "(guest.boot_phases)", *self._waiting()]
        return first + self._of_the_program()

    def _of_the_program(self) -> list[str]:
        threads = [one for one in GuestThreads(self._subject).read() if one.state != "exited"]
        found = [one for number, one in enumerate(threads)
                 if one.process or (number < MOST_LOOKED_AT and _own_frame(one))]
        return _told(found) or ["no thread runs the program"]

    def _waiting(self) -> list[str]:
        """A line for the thread that the boot goes on in, if it waits; [] while there is none."""
        try:
            return _told([one for one in GuestThreads(self._subject).read()
                          if one.name == BOOT_THREAD and one.state == "blocked" and one.wait])
        except LabError:
            return []

    def __repr__(self) -> str:
        return "\n".join(self.lines)


def _phase(subject: Any) -> str:
    """Return where in its boot a guest is, "" if that is not known."""
    try:
        return list(subject.boot_phases)[-1]
    except (AttributeError, IndexError, LabError):  # (a dump does not know it)
        return ""


def _told(threads: list[Thread]) -> list[str]:
    shown = [_line(one) for one in threads[:SHOWN_THREADS]]
    if len(threads) > SHOWN_THREADS:
        shown.append(f"and {len(threads) - SHOWN_THREADS} more: guest.threads")
    return shown


def _own_frame(thread: Thread) -> Any:
    return next((one for one in thread.stack if one.layer == "app" and one.function), None)


def _line(thread: Thread) -> str:
    waits = f"waits for {thread.wait.text}" if thread.wait else f"is {thread.state}"
    frame = _own_frame(thread)
    return f"{thread.named} {waits}" + (f", in {frame.named}" if frame else "")
