"""How a failure reads in a notebook: the message and the next step, no traceback.

The exception stays what it is: the cell fails, "Run all" stops, ``%tb`` shows the
whole traceback, and a script that uses the library catches it as usual.
"""

import io
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from IPython.core.error import UsageError

from kernel_magics.errors import LabError

__all__ = ["WaitInterrupted", "WorkInterrupted", "install", "remove", "failure_lines"]

# Not red: JupyterLab puts errors on red, and its bold red cannot be read there in the dark.
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


class WaitInterrupted(KeyboardInterrupt):
    """The user ended a wait; what was waited for goes on, and the text says so."""


class WorkInterrupted(WaitInterrupted):
    """The user ended a piece of work; it leaves nothing behind, and the text says so."""


def failure_lines(failure: BaseException, coloured: bool = True) -> list[str]:
    """Return the lines that a notebook shows for `failure`, with ANSI colours if wanted."""
    bold, dim, plain = (_BOLD, _DIM, _PLAIN) if coloured else ("", "", "")
    # A panic's report begins with what the message says, and ends with what to do; what led to
    # it may have more to advise.
    report = getattr(failure, "report", None)
    told = report or getattr(failure, "message", failure)
    lines = [f"{bold}{type(failure).__name__}{plain}: {told}"]
    step = getattr(failure, "advice" if report else "next_step", "")
    return lines + ([f"{dim}→{plain} {step}"] if step else [])


def tolerate_terminal() -> None:
    """Have a terminal that knows fewer characters than Unicode show ? for the others.

    In a locale such as tr_TR, which is not UTF-8, an arrow would be an exception.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def install(shell: Any, told: Callable[[UsageError], LabError | None]) -> None:
    """Make `shell` show the lab's failures without a traceback.

    `told` is what the lab says for an error of IPython's own about a magic, or None.
    """
    tolerate_terminal()
    earlier_types, earlier = shell.custom_exceptions, shell.CustomTB
    shell._rumplab_earlier_failures = (earlier_types, earlier)

    def show(shell: Any, kind: type, failure: BaseException, trace: TracebackType,
             tb_offset: int | None = None) -> list[str]:
        if isinstance(failure, UsageError):
            ours = told(failure)
            if ours is None:
                return shell.showtraceback((kind, failure, trace))
            failure = ours.with_traceback(trace)
        elif not isinstance(failure, LabError | WaitInterrupted):
            return earlier(kind, failure, trace, tb_offset=tb_offset)
        # what %tb and %debug look at
        sys.last_type, sys.last_value, sys.last_traceback = kind, failure, trace
        lines = failure_lines(failure, str(shell.colors).lower() != "nocolor")
        shell._showtraceback(kind, failure, lines)
        return lines

    shell.set_custom_exc((LabError, WaitInterrupted, UsageError, *earlier_types), show)


def remove(shell: Any) -> None:
    """Give the handling of exceptions back to what was there before `install`."""
    earlier = shell.__dict__.pop("_rumplab_earlier_failures", None)
    if earlier:
        shell.custom_exceptions, shell.CustomTB = earlier
