"""Where to stop: a symbol, file:line, or an address, as addresses of code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.line_addresses import LineAddresses
from kernel_magics.inspect.images.lines import shown_file
from kernel_magics.inspect.stacks.code import Code

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage
    from kernel_magics.inspect.images.symbols import Symbol

__all__ = ["Place", "Places"]

_LINE = re.compile(r"(?:(?P<file>[^:]+):)?(?P<line>\d+)")
_ADDRESS = re.compile(r"\*?\s*(0[xX][0-9a-fA-F]+)|\*\s*(\d+)")
_OFFSET = re.compile(r"(?P<name>[^+]+?)\s*\+\s*(?P<offset>0[xX][0-9a-fA-F]+|\d+)")
# push %rbp; mov %rsp,%rbp, perhaps after endbr64: the variables are where they are said to be
# only after this.
_FRAME_SET_UP = re.compile(rb"(?:\xf3\x0f\x1e\xfa)?\x55\x48\x89\xe5")
_PROLOGUE_BYTES = 64
_LEAST_ADDRESS = 0x10000  # below it nothing is ever mapped


@dataclass(frozen=True, slots=True)
class Place:
    """An address of code: in which function, at which source line ("" and 0 if unknown)."""

    address: int
    function: str = ""
    offset: int = 0
    file: str = ""
    line: int = 0

    @property
    def text(self) -> str:
        """The place in words: function, then source line or address."""
        where = f"{shown_file(self.file)}:{self.line}" if self.line else f"{self.address:#x}"
        offset = f"+{self.offset:#x}" if self.offset and not self.line else ""
        return f"{self.function}{offset} at {where}" if self.function else where


class Places:
    """The places of one image."""

    def __init__(self, image: GuestImage) -> None:
        self.image = image
        self.lines = LineAddresses.of_image(image)

    @cached_property
    def _code(self) -> Code:
        return Code(ElfFile.read(self.image.path), self.image.symbols)

    def find(self, wanted: str | int | Symbol, near: Place | None = None) -> list[Place]:
        """Return the places that `wanted` means, at least one.

        `wanted` is a symbol or its name ("main", "main+0x10"), "file.c:12", "12" (in the file
        of `near`, else of the program), an address (an int, "0x100000", "*0x100000").  A
        function's place is after its prologue; "*main" is its first instruction.  A line
        without code means the next one that has some; one that was inlined has several places.
        Raises UsageError with the nearest names if there is no such symbol, file or line.
        """
        if isinstance(wanted, bool) or not isinstance(wanted, int | str):
            if isinstance(wanted, bool) or not hasattr(wanted, "address"):
                raise _no_place(wanted)
            return [self._function(wanted)]
        if isinstance(wanted, int):
            return [self._address(wanted)]
        text = wanted.strip()
        if found := _ADDRESS.fullmatch(text):
            return [self._address(int(found[1] or found[2], 0))]
        if found := _LINE.fullmatch(text):
            return self._line(found["file"], int(found["line"]), near)
        if (found := _OFFSET.fullmatch(text)) and text not in self.image.symbols.names:
            start = self.image.symbols.find(found["name"]).address
            return [self.at(start + int(found["offset"], 0))]
        if not text.strip("*"):
            raise _no_place(wanted)
        if text.startswith("*"):
            return [self.at(self.image.symbols.find(text[1:].strip()).address)]
        return [self._function(self.image.symbols.find(text))]

    def _address(self, address: int) -> Place:
        if not _LEAST_ADDRESS <= address < 1 << 64:
            raise UsageError(f"{address:#x} is no address of code",
                             next_step=f'a line is given as text: "{address}"')
        return self.at(address)

    def at(self, address: int) -> Place:
        """Return the place of an address, outermost function and innermost line."""
        found = self.image.symbols.at(address)
        line = self.image.symbols.line(address)
        name, offset = (found[0].name, found[1]) if found else ("", 0)
        return Place(address, name, offset, *(line or ("", 0)))

    def _function(self, symbol: Symbol) -> Place:
        if symbol.kind in ("object", "tls"):
            raise UsageError(f"{symbol.name} is a variable: it is not executed",
                             next_step="stop when it changes: "
                                       f'guest.debugger.watch("{symbol.name}")')
        return self.at(self.after_prologue(symbol.address))

    def after_prologue(self, start: int) -> int:
        """Return where a function's body begins: at its second statement, if it sets up a
        frame."""
        if not _FRAME_SET_UP.match(self._code.read(start, 8)):
            return start
        symbols = self.image.symbols
        first, found = symbols.lines(start), symbols.at(start)
        reach = min(_PROLOGUE_BYTES, found[0].size_bytes if found else 0)
        for address in range(start + 1, start + reach):
            places = symbols.lines(address)
            if first and places and places != first:  # another line, or column, or inlined code
                return address
        return start

    def _line(self, file: str | None, line: int, near: Place | None) -> list[Place]:
        name = self.lines.find_file(file) if file else self._own_file(near)
        _, addresses = self.lines.addresses(name, line)
        found: dict[str, Place] = {}
        for address in addresses:
            place = self.at(address)
            found.setdefault(place.function, place)
        return list(found.values())

    def _own_file(self, near: Place | None) -> str:
        """Return the file that a line number alone means."""
        if near and near.file:
            return self.lines.find_file(near.file)
        if self.image.sources:
            return self.lines.find_file(self.image.sources[0].filename)
        found = self.image.symbols.line(self.image.symbols.find("main").address)
        if not found:
            raise UsageError("a line alone says nothing here: main has no debugging information",
                             next_step='give the file too, such as "main.c:12"')
        return self.lines.find_file(found[0])


def _no_place(wanted: object) -> UsageError:
    return UsageError(f"not a place in a program: {wanted!r}",
                      next_step='give a function, "file.c:12", a line, or an address')
