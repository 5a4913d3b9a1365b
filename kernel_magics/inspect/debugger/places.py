"""Where to stop: a symbol, file:line, or an address, as addresses of code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import LabError, UsageError, meant
from kernel_magics.inspect.debugger.inlined import inlined_at, is_named
from kernel_magics.inspect.debugger.line_addresses import LineAddresses
from kernel_magics.inspect.debugger.root_files import RootFile, RootFiles
from kernel_magics.inspect.images.lines import shown_file
from kernel_magics.inspect.stacks.backtrace import function_name
from kernel_magics.inspect.stacks.code import Code

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage
    from kernel_magics.inspect.images.symbols import Symbol, SymbolIndex
    from kernel_magics.inspect.stacks.file_symbols import FileSymbols

__all__ = ["Place", "Places", "after_prologue"]

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
    """An address of code: in which function, at which source line ("" and 0 if unknown).

    `module` is the path of the program or library that it is in, "" for the image itself, and
    `module_offset` how far behind that file's first byte in memory; `address` is 0 as long as
    no process has the file mapped.
    """

    address: int
    function: str = ""
    offset: int = 0
    file: str = ""
    line: int = 0
    module: str = ""
    module_offset: int = 0

    @property
    def module_name(self) -> str:
        """The last part of the module's path."""
        return self.module.rpartition("/")[2]

    @property
    def text(self) -> str:
        """The place in words: function, then source line or address."""
        where = f"{shown_file(self.file)}:{self.line}" if self.line else \
            f"{self.module_name}+{self.module_offset:#x}" if self.module else f"{self.address:#x}"
        offset = f"+{self.offset:#x}" if self.offset and not self.line else ""
        return f"{self.function}{offset} at {where}" if self.function else where


class Places:
    """The places of one image."""

    def __init__(self, image: GuestImage) -> None:
        self.image = image
        self.lines = LineAddresses.of_image(image)
        self.root = RootFiles(image)

    @cached_property
    def _code(self) -> Code:
        return Code(ElfFile.read(self.image.path), self.image.symbols)

    def find(self, wanted: str | int | Symbol, near: Place | None = None) -> list[Place]:
        """Return the places that `wanted` means, at least one.

        `wanted` is a symbol or its name ("main", "main+0x10"), "file.c:12", "12" (in the file
        of `near`, else of the program), an address (an int, "0x100000", "*0x100000").  A
        function's place is after its prologue; "*main" is its first instruction.  A line
        without code means the next one that has some; one that was inlined has several places.
        Of a packaged image the programs and libraries in its root are meant first, mapped or
        not: "sqlite3_step", "libc.so.6:write", a file:line of one with debugging information.
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
            return self._root_lines(found["file"], int(found["line"]), near) \
                or self._line(found["file"], int(found["line"]), near)
        if self.root and (files := self._root_functions(text)):
            return files
        if (found := _OFFSET.fullmatch(text)) and text not in self.image.symbols.names:
            start = self.image.symbols.find(found["name"]).address
            return [self.at(start + int(found["offset"], 0))]
        if not text.strip("*"):
            raise _no_place(wanted)
        if text.startswith("*"):
            return [self.at(self.image.symbols.find(text[1:].strip()).address)]
        return self._functions(text)

    def _functions(self, name: str) -> list[Place]:
        """Return a function's place, and those where the compiler put it into its callers."""
        lines = self.image.symbols
        try:
            symbol = self._symbol(name)
        except UsageError:
            if not is_named(self.image.path, name):
                raise
            files = [one for one in self.lines.files if not one.startswith("/usr/")]
            copies = inlined_at(name, files, self.lines, lines)
            if not copies:
                raise
            return [self.at(address) for address in copies]
        own, line = self._function(symbol), lines.line(symbol.address)
        if line is None or line[0] not in self.lines.files:
            return [own]
        copies = inlined_at(function_name(symbol), [line[0]], self.lines, lines)
        return [own, *(self.at(address) for address in copies)]

    def _symbol(self, name: str) -> Symbol:
        try:
            return self.image.symbols.find(name)
        except UsageError as error:
            if self.root and (near := self.root.near(name.rpartition(":")[2])):
                error.next_step = f"{meant(near)} Names of functions that a stripped file does " \
                                  "not export are not known"
            raise

    # In the files of a packaged image's root

    def _root_functions(self, text: str) -> list[Place]:
        """Return the places of "function", "*function", "function+0x10" and these behind
        "file:"; [] if no file has such a function."""
        is_first, plain = text.startswith("*"), text.removeprefix("*").strip()
        where, _, name = plain.rpartition(":") if "::" not in plain else ("", "", plain)
        offset = _OFFSET.fullmatch(name)
        name, more = (offset["name"], int(offset["offset"], 0)) if offset else (name, 0)
        found = self.root.functions(name)
        if where:
            file = self.root.file(where)
            if file is None and not found:
                return []
            if file is None or name not in file.functions:
                raise UsageError(f"no function {name!r} in {where!r}",
                                 next_step="it is in " + " and ".join(
                                     one.name for one, _ in found[:3]) if found else
                                 "give a function that the file exports, or an address")
            found = [(file, file.functions[name])]
        return [self._in_file(file, one.address + more if is_first or more else after_prologue(
            file.code, file.symbols, one.address)) for file, one in found]

    def _root_lines(self, file: str | None, line: int, near: Place | None) -> list[Place]:
        """Return the places of a line in the files that have its source, [] if none has."""
        wanted = file or (near.file if near and near.module else "")
        if not self.root or not wanted:
            return []
        found: dict[tuple[str, str], Place] = {}
        for one, name in self.root.with_source(wanted):
            assert one.lines is not None
            for address in one.lines.addresses(name, line)[1]:
                place = self._in_file(one, address)
                found.setdefault((one.path, place.function), place)
        return list(found.values())

    @staticmethod
    def _in_file(file: RootFile, address: int) -> Place:
        """Return the place of a link address; where it is in memory shows when it is mapped."""
        found, lines = file.symbols.at(address), file.symbols.lines(address)
        name, offset = (function_name(found[0]), found[1]) if found else ("", 0)
        source = (lines[0].file, lines[0].line) if lines else ("", 0)
        return Place(0, name, offset, *source, file.path, address - file.start)

    def _address(self, address: int) -> Place:
        if not _LEAST_ADDRESS <= address < 1 << 64:
            raise UsageError(f"{address:#x} is no address of code",
                             next_step=f'a line is given as text: "{address}"')
        return self.at(address)

    def at(self, address: int) -> Place:
        """Return the place of an address, outermost function and innermost line."""
        found = self.image.symbols.at(address)
        line = self.image.symbols.line(address)
        name, offset = (function_name(found[0]), found[1]) if found else ("", 0)
        return Place(address, name, offset, *(line or ("", 0)))

    def _function(self, symbol: Symbol) -> Place:
        if symbol.kind in ("object", "tls"):
            raise UsageError(f"{symbol.name} is a variable: it is not executed",
                             next_step="stop when it changes: "
                                       f'guest.debugger.watch("{symbol.name}")')
        return self.at(self.after_prologue(symbol.address))

    def addresses_of(self, names: Sequence[str]) -> set[int]:
        """Return the addresses of those of these symbols that the image has."""
        found = set()
        for name in names:
            with suppress(LabError):
                found.add(self.image.symbols.find(name).address)
        return found

    def after_prologue(self, start: int) -> int:
        """Return where a function's body begins: at its second statement, if it sets up a
        frame."""
        return after_prologue(self._code, self.image.symbols, start)

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
        if near and near.file and not self._is_runtime(near):
            return self.lines.find_file(near.file)
        if self.image.sources:
            return self.lines.find_file(self.image.sources[0].filename)
        found = self.image.symbols.line(self.image.symbols.find("main").address)
        if not found:
            raise UsageError("a line alone says nothing here: main has no debugging information",
                             next_step='give the file too, such as "main.c:12"')
        return self.lines.find_file(found[0])


    def _is_runtime(self, place: Place) -> bool:
        """Whether a place is in code that is not the user's, who means a line of the program."""
        found = self.image.symbols.at(place.address)
        return bool(self.image.sources) and found is not None and found[0].layer != "app"


def after_prologue(code: Code, symbols: SymbolIndex | FileSymbols, start: int) -> int:
    """Return where a function's body begins in an image or another file; see Places."""
    if not _FRAME_SET_UP.match(code.read(start, 8)):
        return start
    first, found = symbols.lines(start), symbols.at(start)
    reach = min(_PROLOGUE_BYTES, found[0].size_bytes if found else 0)
    for address in range(start + 1, start + reach):
        places = symbols.lines(address)
        if first and places and places != first:  # another line, or column, or inlined code
            return address
    return start


def _no_place(wanted: object) -> UsageError:
    return UsageError(f"not a place in a program: {wanted!r}",
                      next_step='give a function, "file.c:12", a line, or an address')
