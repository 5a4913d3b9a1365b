"""Code addresses of a stack as frames: which function, which layer, which line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernel_magics.inspect.layers import OTHER

if TYPE_CHECKING:
    from kernel_magics.inspect.symbols import SymbolIndex

__all__ = ["Frame", "frames_text", "symbolise"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One call: `function`+`offset` at `address`, and its `file` and `line` ("" and 0 if
    nothing knows).  `is_inlined`: the compiler put it into the next frame's function."""

    address: int
    function: str
    offset: int
    layer: str
    file: str = ""
    line: int = 0
    is_inlined: bool = False

    @property
    def place(self) -> str:
        """The source place as text, "" if unknown."""
        return f"{self.file}:{self.line}" if self.line else ""


def symbolise(addresses: Sequence[int], symbols: SymbolIndex) -> tuple[Frame, ...]:
    """Return the frames of a stack, innermost first.

    `addresses` are the instruction pointer and then return addresses.  A return address
    may belong to the next function already (after a call that never returns), so the
    byte before it is looked up.
    """
    frames: list[Frame] = []
    for depth, address in enumerate(addresses):
        frames += _frames_at(address, address - (depth > 0), symbols)
    return tuple(frames)


def _frames_at(address: int, lookup: int, symbols: SymbolIndex) -> list[Frame]:
    found = symbols.at(lookup)
    if found is None:
        return [Frame(address, "", 0, OTHER)]
    symbol, offset = found
    offset += address - lookup
    places = symbols.lines(lookup)
    if not places:
        return [Frame(address, symbol.name, offset, symbol.layer)]
    inlined = [Frame(address, place.function, 0, symbol.layer, place.file, place.line, True)
               for place in places[:-1]]
    outer = places[-1]
    return [*inlined,
            Frame(address, symbol.name, offset, symbol.layer, outer.file, outer.line)]


def frames_text(frames: Sequence[Frame]) -> str:
    """Return the frames as aligned text, a line each."""
    rows = [(_function_text(frame), frame.layer, frame.place or f"{frame.address:#x}")
            for frame in frames]
    width = max((len(row[0]) for row in rows), default=0)
    return "\n".join(f"#{depth:<2} {function:<{width}}  {layer:<8}  {place}".rstrip()
                     for depth, (function, layer, place) in enumerate(rows))


def _function_text(frame: Frame) -> str:
    if not frame.function:
        return "nothing known here"
    return f"{frame.function} (inlined)" if frame.is_inlined else frame.function
