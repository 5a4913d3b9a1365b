"""Code addresses of a stack as frames: which function, which layer, which line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernel_magics.inspect.images.layers import OTHER
from kernel_magics.inspect.images.lines import shown_file
from kernel_magics.inspect.images.names import plain_name

if TYPE_CHECKING:
    from kernel_magics.inspect.images.symbol import Symbol
    from kernel_magics.inspect.images.symbols import SymbolIndex
    from kernel_magics.inspect.stacks.file_symbols import FileSymbols

__all__ = ["Frame", "frames_at", "frames_text", "function_name", "symbolise"]

SHOWN_INNER, SHOWN_OUTER = 20, 6
# What rumprun-bake calls the main functions of its programs.
_MAIN = re.compile(r"rumprun_main[1-8]")
# What the compiler adds to the name of a function it made a version of.
_COPIED = re.compile(r" \[clone [^\]]*\]|\[abi:\w+\]")
_COPY = re.compile(r"(\.(isra|constprop|part|cold|lto_priv)(\.\d+)?)+$")


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
        return f"{shown_file(self.file)}:{self.line}" if self.line else ""

    @property
    def named(self) -> str:
        """The function with its place, as a sentence names it."""
        return f"{self.function} ({self.place})" if self.place else self.function


def symbolise(addresses: Sequence[int], symbols: SymbolIndex, *,
              first_is_return: bool = False) -> tuple[Frame, ...]:
    """Return the frames of a stack, innermost first.

    `addresses` are the instruction pointer and then return addresses, or only those if
    `first_is_return`.  A return address may belong to the next function already (after a
    call that never returns), so the byte before it is looked up.
    """
    frames: list[Frame] = []
    known: dict[int, list[Frame]] = {}
    for depth, address in enumerate(addresses):
        lookup = address - (depth > 0 or first_is_return)
        if lookup not in known:
            known[lookup] = list(frames_at(address, lookup, symbols))
        frames += known[lookup]
    return tuple(frames)


def frames_at(address: int, lookup: int, symbols: SymbolIndex | FileSymbols,
              bias: int = 0) -> tuple[Frame, ...]:
    """Return the function at `address`, and before it those that were inlined there.

    `lookup` is an address inside the instruction: before a return address, its call; `bias`
    is where the code lies minus where it was linked for.
    """
    found = symbols.at(lookup - bias)
    if found is None:
        return (Frame(address, "", 0, getattr(symbols, "layer", OTHER)),)
    symbol, offset = found
    offset += address - lookup
    places = symbols.lines(lookup - bias)
    name = function_name(symbol)
    if not places:
        return (Frame(address, name, offset, symbol.layer),)
    inlined = [Frame(address, place.function, 0, symbol.layer, place.file, place.line, True)
               for place in places[:-1]]
    outer = places[-1]
    return (*inlined,
            Frame(address, name, offset, symbol.layer, outer.file, outer.line))


def function_name(symbol: Symbol) -> str:
    """Return a function's name in the source, without parameters."""
    name = _COPY.sub("", symbol.name)
    if _MAIN.fullmatch(name):
        return "main"
    if name.startswith(("_Z", "_R")):
        name = _COPIED.sub("", plain_name(_COPIED.sub("", symbol.demangled)))
    # (main's wrapper is the runtime's own)
    return name.removeprefix("__wrap_") if symbol.layer == "libc" else name


def frames_text(frames: Sequence[Frame]) -> str:
    """Return the frames as aligned text: a line each, for equal neighbours one together."""
    runs: list[tuple[int, Frame, int]] = []
    for depth, frame in enumerate(frames):
        if runs and _same(runs[-1][1], frame):
            first, same, count = runs[-1]
            runs[-1] = (first, same, count + 1)
        else:
            runs.append((depth, frame, 1))
    is_long = len(runs) > SHOWN_INNER + SHOWN_OUTER + 1
    chosen = [*runs[:SHOWN_INNER], *runs[-SHOWN_OUTER:]] if is_long else runs
    width = max((len(_function_text(frame)) for _, frame, _ in chosen), default=0)
    texts = [_line_text(*run, width) for run in chosen]
    if is_long:
        texts.insert(SHOWN_INNER, f"… {runs[-SHOWN_OUTER][0] - runs[SHOWN_INNER][0]} more")
    return "\n".join(texts)


def _same(one: Frame, other: Frame) -> bool:
    return (one.function, one.file, one.line, one.is_inlined) == \
        (other.function, other.file, other.line, other.is_inlined) and bool(one.function)


def _line_text(depth: int, frame: Frame, count: int, width: int) -> str:
    times = f"  … {count} times" if count > 1 else ""
    place = frame.place or f"{frame.address:#x}"
    return f"#{depth:<3} {_function_text(frame):<{width}}  {frame.layer:<8}  {place}{times}"


def _function_text(frame: Frame) -> str:
    if not frame.function:
        return "nothing known here"
    return f"{frame.function} (inlined)" if frame.is_inlined else frame.function
