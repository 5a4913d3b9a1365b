"""One event of a trace in words: its arguments by name, its result, where it was called."""

from typing import Any

import pandas as pd

from kernel_magics.errors import LabError
from kernel_magics.trace.calls.hypercalls import Argument
from kernel_magics.trace.records.events import event_arguments, event_number

__all__ = ["EventText"]

_FIRST_ADDRESS = 1 << 16
_MAX_RESULT = 1 << 32  # larger results are addresses
_SHOWN_ALREADY = {"time_ns", "event", "group", "kind", "thread", "a0", "a1", "a2", "a3", "a4",
                  "a5", "result", "duration_ns", "caller", "sequence", "exit_sequence",
                  "in_interrupt", "process", "Index"}


class EventText:
    """Tells rows of a trace's table in words.

    recording: the trace.Recording they are of, which decodes arguments and has stacks; None
    for a table of unknown origin: then arguments are numbers.
    """

    def __init__(self, recording: Any = None) -> None:
        self._recording = recording

    def cells(self, row: Any) -> list:
        """Return a row (of `itertuples`) for the browser: time, thread … caller."""
        took = None if pd.isna(row.duration_ns) else int(row.duration_ns)
        return [int(row.time_ns), str(row.thread), str(row.group), str(row.event),
                self._arguments(row), self._result(row), took, self._caller(row)]

    def fields(self, row: Any) -> list[tuple[str, str]]:
        """Return what else is known of an event: names and texts."""
        fields = [("arguments", self._arguments(row)), ("result", self._result(row)),
                  ("called from", self._caller(row))]
        others = [name for name in getattr(row, "_fields", ()) if name not in _SHOWN_ALREADY]
        if self._recording is not None and (process := int(getattr(row, "process", 0))):
            fields.append(("process", self._recording.processes.title(process)))
        fields += [(str(name), _other(getattr(row, name))) for name in others]
        if self._recording is not None:
            stack = self._recording.stack(int(row.sequence))
            called = " ← ".join(frame.title for frame in stack)
            fields.append(("calls", called))
        return [(name, text) for name, text in fields if text]

    def _arguments(self, row: Any) -> str:
        if self._recording is None:
            values = tuple(getattr(row, f"a{number}", 0) for number in range(4))
            return _plain_arguments(str(row.event), values)
        return ", ".join(f"{name}={text}" if name and not text.startswith(f"{name}=") else text
                         for name, text in self._recording.decoder.arguments(row))

    def _result(self, row: Any) -> str:
        if self._recording is not None:
            return str(self._recording.decoder.result(row))
        result = getattr(row, "result", None)
        return "" if result is None or pd.isna(result) else _value(int(result))

    def _caller(self, row: Any) -> str:
        address = int(getattr(row, "caller", 0))
        process = int(getattr(row, "process", 0))
        named = self._recording.symbol(address, process) if self._recording is not None else ""
        return named or (f"{address:#x}" if address else "")


def _other(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ← ".join(map(str, value))
    return "" if value is None or pd.isna(value) else str(value)


def _plain_arguments(event: str, values: tuple) -> str:
    try:
        arguments = event_arguments(event_number(event))
    except LabError:  # a table may hold events of its own making
        return ""
    return ", ".join(f"{a.name}={_value(int(v), _is_address(a, int(v)))}"
                     for a, v in zip(arguments, values, strict=False))


def _is_address(argument: Argument, value: int) -> bool:
    """Of a system call's arguments only the names are known; page 0 to 15 is unmapped."""
    return argument.is_pointer or (not argument.type and value >= _FIRST_ADDRESS)


def _value(value: int, address: bool = False) -> str:
    if value >= 1 << 63:
        value -= 1 << 64  # a negative int that was passed in a register
    return f"{value:#x}" if (address and value) or value >= _MAX_RESULT else str(value)
