"""What each thread of a program is doing, a line each: the answer to "why does it not end?"."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.threads.threads import GuestThreads

if TYPE_CHECKING:
    from kernel_magics.inspect.threads.thread import Thread

__all__ = ["Whereabouts"]

SHOWN_THREADS = 4


class Whereabouts:
    """The threads that run the program, as they were at the first question.

    `lines`: a line for each, with what it waits for and the program's own function where it
    does; threads of the runtime are left out.  Raises GuestError if the guest's tables
    cannot be read.
    """

    def __init__(self, subject: Any) -> None:
        self._subject = subject

    @cached_property
    def lines(self) -> list[str]:
        """A line per thread, by number; the last one counts those that are not shown."""
        threads = [one for one in GuestThreads(self._subject).read()
                   if one.state != "exited" and (one.process or _own_frame(one))]
        shown = [_line(one) for one in threads[:SHOWN_THREADS]]
        if len(threads) > SHOWN_THREADS:
            shown.append(f"and {len(threads) - SHOWN_THREADS} more: guest.threads")
        return shown

    def __repr__(self) -> str:
        return "\n".join(self.lines or ["no thread runs the program"])


def _own_frame(thread: Thread) -> Any:
    return next((one for one in thread.stack if one.layer == "app" and one.function), None)


def _line(thread: Thread) -> str:
    waits = f"waits for {thread.wait.text}" if thread.wait else f"is {thread.state}"
    frame = _own_frame(thread)
    return f"{thread.named} {waits}" + (f", in {frame.named}" if frame else "")
