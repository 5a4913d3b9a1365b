"""Memory as a debugger's user looks at it: numbers, text or instructions, a few a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernel_magics.errors import GuestError, UsageError

__all__ = ["FORMATS", "SIZES", "examine_text"]

SIZES = {"b": 1, "h": 2, "w": 4, "g": 8}
FORMATS = "xduoctsi"
MOST_COUNT = 4096
_A_LINE_BYTES = 16
_LONGEST_INSTRUCTION = 15
_MOST_TEXT_BYTES = 4096
Read = Callable[[int, int], bytes]


def examine_text(read: Read, address: int, count: int, form: str, size: str,
                 name: Callable[[int], str]) -> str:
    """Return memory as text: a line's address, and what lies there.

    `form` is x, d, u, o, t (binary), c, s or i; `size` b, h, w or g, "" for the format's own;
    `name(address)` is what an address is called.  Raises UsageError for others; GuestError
    where nothing is mapped.
    """
    if form not in FORMATS or len(form) != 1:
        raise UsageError(f"no such format: {form!r}", next_step=f"use one of {' '.join(FORMATS)}")
    if size and size not in SIZES:
        raise UsageError(f"no such size: {size!r}", next_step="use b, h, w or g: 1, 2, 4, 8 bytes")
    if not 0 < count <= MOST_COUNT:
        raise UsageError(f"{count} is too many at once", next_step=f"ask for up to {MOST_COUNT}")
    if form == "i":
        return "\n".join(_instructions(read, address, count, name))
    if form == "s":
        return "\n".join(_strings(read, address, count, name))
    unit = SIZES[size] if size else 1 if form == "c" else 8 if form == "x" else 4
    return "\n".join(_numbers(read, address, count, form, unit, name))


def _numbers(read: Read, address: int, count: int, form: str, unit: int,
             name: Callable[[int], str]) -> list[str]:
    data = read(address, count * unit)
    per_line = max(1, _A_LINE_BYTES // unit)
    lines = []
    for first in range(0, count, per_line):
        cells = [_number(data[at * unit:(at + 1) * unit], form)
                 for at in range(first, min(first + per_line, count))]
        lines.append(f"{_label(address + first * unit, name)}:  {'  '.join(cells)}")
    return lines


def _number(data: bytes, form: str) -> str:
    value = int.from_bytes(data, "little", signed=form == "d")
    if form == "x":
        return f"0x{value:0{2 * len(data)}x}"
    if form == "c":
        return f"{value} {chr(value)!r}" if 32 <= value < 127 else f"{value}"
    return format(value, {"t": f"0{8 * len(data)}b", "o": "#o"}.get(form, "d"))


def _strings(read: Read, address: int, count: int, name: Callable[[int], str]) -> list[str]:
    lines = []
    for _ in range(count):
        text = _string(read, address)
        lines.append(f"{_label(address, name)}:  {text.decode('utf-8', 'backslashreplace')!r}")
        address += len(text) + 1
    return lines


def _string(read: Read, address: int) -> bytes:
    text = b""
    while b"\0" not in text and len(text) < _MOST_TEXT_BYTES:
        size = 64 - (address + len(text)) % 64
        try:
            text += read(address + len(text), size)
        except GuestError:
            if not text:
                raise
            break
    return text.split(b"\0")[0]


def _instructions(read: Read, address: int, count: int,
                  name: Callable[[int], str]) -> list[str]:
    import capstone

    machine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    lines: list[str] = []
    data = _as_much(read, address, count * _LONGEST_INSTRUCTION)
    for one in machine.disasm(data, address, count):
        lines.append(f"{_label(one.address, name)}:  {one.mnemonic:<7} {one.op_str}".rstrip())
    return lines or [f"{_label(address, name)}:  no instruction"]


def _as_much(read: Read, address: int, size_bytes: int) -> bytes:
    """Read up to the end of what is mapped."""
    while True:
        try:
            return read(address, size_bytes)
        except GuestError as error:
            stops_at: Any = getattr(error, "address", None)
            if not isinstance(stops_at, int) or not address < stops_at < address + size_bytes:
                raise
            size_bytes = stops_at - address


def _label(address: int, name: Callable[[int], str]) -> str:
    called = name(address)
    return f"{address:#x} <{called}>" if called else f"{address:#x}"
