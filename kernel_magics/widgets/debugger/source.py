"""The source that a debugger's panel shows: the lines around a stop, and where it may stop."""

from typing import Any

from kernel_magics.errors import LabError
from kernel_magics.inspect.debugger.excerpts import source_text

__all__ = ["source_told", "toggle_line"]

MOST_LINES, LINES_AROUND = 400, 40


def source_told(debugger: Any, stands: bool) -> dict[str, Any]:
    """Return file, lines and breakpoints of what is to be shown, {} if no source is here.

    The selected frame's, if the guest stands and that has source lines; else the program's,
    so that breakpoints can be set before it runs.  lines: number and text of each; line: the
    one where the guest is, 0 for none; points: line → number of a breakpoint there, and
    whether it is enabled.
    """
    file, line = _selected(debugger) if stands else ("", 0)
    lines = _lines(debugger.guest.image, file, line)
    if not lines and (sources := debugger.guest.image.sources):
        file, line = sources[0].filename, 0
        lines = _lines(debugger.guest.image, file, 0)
    return {"file": file, "line": line, "lines": lines, "points": _points(debugger, file)} \
        if lines else {}


def toggle_line(debugger: Any, file: str, line: int) -> None:
    """Remove the breakpoints at a source line, or set one if there is none.

    Raises UsageError if neither that line nor one after it has code.
    """
    there = [one for one in debugger.breakpoints if line in
             [place.line for place in (*one.targets, *one.places) if _is_of(place.file, file)]]
    for one in there:
        one.remove()
    if not there:
        debugger.break_at(f"{file}:{line}")


def _selected(debugger: Any) -> tuple[str, int]:
    try:
        frame = debugger.backtrace()[debugger.selected]
    except LabError:
        return "", 0
    return str(frame.file), int(frame.line)


def _lines(image: Any, file: str, line: int) -> list[list[Any]]:
    """Return the lines of a file, of a long one those around a line; [] if it is not here."""
    if not file:
        return []
    first = max(1, line - LINES_AROUND) if line > MOST_LINES - LINES_AROUND else 1
    found = [[number, source_text(image, file, number).expandtabs(8)]
             for number in range(first, first + MOST_LINES)]
    while found and not found[-1][1]:
        found.pop()
    while found and not found[0][1]:  # a cell's first line is its magic's
        found.pop(0)
    return found


def _points(debugger: Any, file: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in debugger.breakpoints:
        for place in (*one.targets, *one.places):
            if place.line and _is_of(place.file, file):
                found[str(place.line)] = [one.number, one.is_enabled]
    return found


def _is_of(one: str, other: str) -> bool:
    """Whether two names are of one source file: a path may be told in full or not."""
    return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")
