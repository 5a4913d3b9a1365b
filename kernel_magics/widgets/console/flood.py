"""Of output that comes faster than it can be drawn: what a terminal would have left of it.

A terminal keeps its newest lines.  Of plain lines, those that have scrolled out of it by the
end need not be drawn: the terminal is the same without them.  Colours are carried over;
whatever else moves or changes something has to be drawn.
"""

import re

__all__ = ["MOST_LINES", "is_plain", "remains", "whole"]

MOST_LINES = 11_000
"""What the views' terminals keep, SCROLLBACK_LINES of terminal.ts, and the tallest window."""

_MOST_COLOURS = 64  # since the last reset of them
# ECMA-48: SGR, the C1 controls in UTF-8, and the bytes of text and of the ends of lines.
_COLOUR = re.compile(rb"\x1b\[[0-9;:]*m")
_RESETS = (b"\x1b[m", b"\x1b[0m")
_C1 = re.compile(rb"\xc2[\x80-\x9f]")
_TEXT = bytes(byte for byte in range(256) if byte in b"\t\r\n" or (byte >= 0x20 and byte != 0x7F))
_BEGUN = re.compile(rb"(?:\xc2|\x1b(?:\[[0-9;:]*)?)\Z")


def whole(data: bytes) -> bytes:
    """Return output without the beginning of a sequence at its end, if more is before it."""
    found = _BEGUN.search(data, max(0, len(data) - _MOST_COLOURS))
    return data[:found.start()] if found and found.start() else data


def is_plain(data: bytes) -> bool:
    """Whether output is lines with colours and nothing else that a terminal does."""
    if b"\x1b" in data:
        data = _COLOUR.sub(b"", data)
    return not data.translate(None, _TEXT) and _C1.search(data) is None


def remains(data: bytes, *, raw: bool, lines: int = MOST_LINES) -> bytes:
    """Return the end of plain output, in its colours, that a terminal keeps of it.

    raw: the program ends its lines with CR and LF itself; without, LF begins a line.
    """
    end = len(data)
    mark = b"\r\n" if raw else b"\n"
    for _ in range(lines + 1):
        end = data.rfind(mark, 0, end)
        if end < 0:
            return data
    cut = end + len(mark)
    reset = max(0, *(data.rfind(one, 0, cut) for one in _RESETS))
    colours = _COLOUR.findall(data, reset, cut)[-_MOST_COLOURS:]
    return b"".join(colours) + data[cut:]
