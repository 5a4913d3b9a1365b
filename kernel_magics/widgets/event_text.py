"""One event of a trace in words: its arguments by name, its result, where it was called."""

from typing import Any

import pandas as pd

from kernel_magics.trace.events import event_arguments, event_number
from kernel_magics.trace.hypercalls import Argument

__all__ = ["event_cells", "event_fields"]

_FIRST_ADDRESS = 1 << 16
_MAX_RESULT = 1 << 32  # larger results are addresses
_SHOWN_ALREADY = {"time_ns", "event", "group", "kind", "thread", "a0", "a1", "a2", "a3", "result",
                  "duration_ns", "caller", "sequence"}


def event_cells(row: Any, symbols: Any) -> list:
    """Return a row of the events' table for the browser: time, thread … caller.

    row: of `DataFrame.itertuples` over a table like `guest.trace.df`.  symbols: of the
    guest's image, or None.
    """
    event = str(row.event)
    took = None if pd.isna(row.duration_ns) else int(row.duration_ns)
    return [int(row.time_ns), str(row.thread), str(row.group), event,
            _arguments(event, tuple(getattr(row, f"a{n}", 0) for n in range(4))), _result(row),
            took, _place(symbols, int(getattr(row, "caller", 0)))]


def event_fields(row: pd.Series, symbols: Any) -> list[tuple[str, str]]:
    """Return what else is known of an event: names and texts; missing columns are left out."""
    fields = []
    if {"a0", "a1", "a2", "a3"} <= set(row.index):
        values = tuple(row[f"a{number}"] for number in range(4))
        fields.append(("arguments", _arguments(str(row["event"]), values)))
    if "result" in row.index:
        fields.append(("result", _result(row)))
    if "caller" in row.index:
        fields.append(("called from", _place(symbols, int(row["caller"]))))
    others = [name for name in row.index if name not in _SHOWN_ALREADY]
    return fields + [(str(name), _other(row[name])) for name in others]


def _other(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ← ".join(map(str, value))
    return "" if value is None or pd.isna(value) else str(value)


def _result(row: Any) -> str:
    result = getattr(row, "result", None)
    return "" if result is None or pd.isna(result) else _value(int(result))


def _arguments(event: str, values: tuple) -> str:
    arguments = event_arguments(event_number(event))
    return ", ".join(f"{a.name}={_value(int(v), _is_address(a, int(v)))}"
                     for a, v in zip(arguments, values, strict=False))


def _is_address(argument: Argument, value: int) -> bool:
    """Of a system call's arguments only the names are known; page 0 to 15 is unmapped."""
    return argument.is_pointer or (not argument.type and value >= _FIRST_ADDRESS)


def _value(value: int, address: bool = False) -> str:
    if value >= 1 << 63:
        value -= 1 << 64  # a negative int that was passed in a register
    return f"{value:#x}" if (address and value) or value >= _MAX_RESULT else str(value)


def _place(symbols: Any, address: int) -> str:
    found = symbols.at(address) if address and symbols is not None else None
    if found is None:
        return f"{address:#x}" if address else ""
    symbol, offset = found
    return f"{symbol.name}+{offset:#x}" if offset else symbol.name

