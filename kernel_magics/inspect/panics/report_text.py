"""The details of a panic report as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kernel_magics.inspect.panics.details import PanicDetails

__all__ = ["details_text"]

SHOWN_EVENTS, SHOWN_THREADS, SHOWN_STACK = 20, 32, 8
_THREAD_COLUMNS = ("thread", "number", "name", "state", "cpu_ns", "waits_for", "wait", "current")
_EVENT_COLUMNS = ("time_ns", "thread", "text", "duration_ns")


def details_text(details: PanicDetails) -> str:
    """Return the parts that there are, each under a line that names it."""
    return "\n\n".join(f"{title}\n{body}" for title, body in _parts(details) if body)


def _parts(details: PanicDetails) -> Iterator[tuple[str, str]]:
    yield "the instruction that failed", details.instruction and f"  {details.instruction}"
    yield "code", "\n".join(details.code)
    yield "registers that point somewhere", "\n".join(
        f"  {name:>4}  {note}" for name, note in details.register_notes.items())
    yield "variables of the innermost calls", "\n".join(
        f"  #{depth} {name} = {value}" for depth, names in enumerate(details.variables)
        for name, value in names.items())
    yield "threads", _rows(details.threads[:SHOWN_THREADS], _THREAD_COLUMNS)
    yield "their stacks", "\n".join(
        f"  {row.get('thread')}: {' < '.join(row['stack'][:SHOWN_STACK])}"
        for row in details.threads[:SHOWN_THREADS] if row.get("stack"))
    yield "last events before it", _rows(details.events[-SHOWN_EVENTS:], _EVENT_COLUMNS)
    yield "console, its end", details.console
    yield "guest and image", "\n".join(f"  {name}: {value}"
                                       for name, value in details.facts.items())
    yield "not known", "\n".join(f"  {one}" for one in details.missing)


def _rows(rows: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> str:
    """Return rows in aligned columns, those of `wanted` that there are."""
    columns = [name for name in wanted if rows and name in rows[0]]
    if not columns:
        return ""
    cells = [columns, *([_cell(row.get(name)) for name in columns] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    return "\n".join("  " + "  ".join(cell.ljust(width) for cell, width
                                      in zip(row, widths, strict=True)).rstrip() for row in cells)


def _cell(value: Any) -> str:
    return "" if value is None else str(value)
