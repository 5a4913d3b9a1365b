"""Machine code of an image as instructions, beside the source lines it was made from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.images.constants import string_at
from kernel_magics.inspect.images.source_text import SourceText
from kernel_magics.inspect.images.symbol import Symbol, SymbolList
from kernel_magics.inspect.images.symbols import SymbolIndex
from kernel_magics.inspect.stacks.code import Code

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.build.image import GuestImage

__all__ = ["Disassembly", "ImageCode", "Instruction"]

MOST_BYTES = 1 << 20
SHOWN_LINES = 400
_AROUND_BYTES = 64
_LONGEST_INSTRUCTION = 15
_ADDRESS = re.compile(r"0x[0-9a-f]{4,}")
_LINE = re.compile(r"([^:\s]+):(\d{1,9})")
_JUMPS = ("call", "j", "loop", "xbegin")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: `operands` as capstone writes them in Intel's syntax, `target` what an
    address in them is ("sum+0x10", "" if there is none), `file` and `line` its source ("" and
    0 if unknown), `is_inlined` whether that line belongs to another function."""

    address: int
    data: bytes
    mnemonic: str
    operands: str
    target: str = ""
    file: str = ""
    line: int = 0
    is_inlined: bool = False

    @property
    def text(self) -> str:
        """Mnemonic, operands and what they point to."""
        return f"{self.mnemonic:<7} {self.operands}".rstrip() + \
            (f"  <{self.target}>" if self.target else "")


class Disassembly:
    """The instructions of one stretch of code; `mark` is the address that text points at."""

    def __init__(self, title: str, instructions: tuple[Instruction, ...], source: SourceText,
                 mark: int | None = None, note: str = "") -> None:
        self.title = title
        self.instructions = instructions
        self.mark = mark
        self.note = note
        self._source = source

    @property
    def df(self) -> pd.DataFrame:
        """A row per instruction: address, bytes (in hexadecimal), mnemonic, operands, target,
        file, line, source (the line's text)."""
        import pandas as pd

        rows = [(one.address, one.data.hex(" "), one.mnemonic, one.operands, one.target,
                 one.file, one.line, self._source.line(one.file, one.line).strip())
                for one in self.instructions]
        return pd.DataFrame(rows, columns=["address", "bytes", "mnemonic", "operands", "target",
                                           "file", "line", "source"])

    def text(self, *, source: bool = True, raw: bool = False) -> str:
        """Return the listing: with `source` lines between, with `raw` the bytes as well."""
        return "\n".join([self.title, *self._lines(source, raw),
                          *([self.note] if self.note else [])])

    def _lines(self, source: bool, raw: bool) -> Iterator[str]:
        shown = ("", 0)
        for one in self.instructions:
            place = (one.file, one.line)
            if source and one.line and place != shown:
                yield f"  {_place(one)}  {self._source.line(*place).strip()}".rstrip()
                shown = place
            code = f"{one.data.hex(' '):<30} " if raw else ""
            arrow = "→" if one.address == self.mark else " "
            yield f"{arrow} {one.address:8x}  {code}{one.text}".rstrip()

    def __len__(self) -> int:
        return len(self.instructions)

    def __iter__(self) -> Iterator[Instruction]:
        return iter(self.instructions)

    def __repr__(self) -> str:
        lines = self.text().splitlines()
        more = len(lines) - SHOWN_LINES
        return "\n".join([*lines[:SHOWN_LINES],
                          *([f"… and {more} lines more: .text() has all"] if more > 0 else [])])


def _place(one: Instruction) -> str:
    return f"{one.file}:{one.line}{' (inlined)' if one.is_inlined else ''}"


class ImageCode:
    """The code of an image: `image.code("main")` is its disassembly."""

    def __init__(self, image: GuestImage) -> None:
        self._image = image
        self._symbols: SymbolIndex = image.symbols
        self._code = Code(self._symbols.elf, self._symbols)

    def __call__(self, what: str | int | Symbol) -> Disassembly:
        """Return the disassembly of a function, or of the code around an address.

        `what` is a Symbol, a name for `symbols.find`, or an address: then the function
        around it, the instruction at it marked; or a line of a source, as "hello.c:7".
        Raises UsageError if there is no code.
        """
        line = _LINE.fullmatch(what) if isinstance(what, str) else None
        if line:
            what = self._at_line(line[1], int(line[2]))
        if isinstance(what, int):
            return self._around(what)
        symbol = what if isinstance(what, Symbol) else self._symbols.find(what)
        if symbol.kind not in ("function", "label") or not self._code.holds(symbol.address):
            raise UsageError(f"{symbol.demangled} is no code, but an {symbol.kind}"
                             if symbol.kind == "object" else
                             f"{symbol.demangled} is no code: {symbol.kind}",
                             next_step="give a function, or an address in one")
        return self._disassemble(symbol, None)

    def _at_line(self, file: str, number: int) -> int:
        from kernel_magics.inspect.debugger.line_addresses import LineAddresses

        lines = LineAddresses.of_image(self._image)
        _, addresses = lines.addresses(lines.find_file(file), number)
        return addresses[0]

    def _around(self, address: int) -> Disassembly:
        if not self._code.holds(address):
            section = self._symbols.elf.section_at(address)
            what = f"{section.name}, which is no code" if section else "no part of the image"
            raise UsageError(f"{address:#x} is in {what}",
                             next_step="image.segments shows where its code is")
        found = self._symbols.at(address)
        if found:
            return self._disassemble(found[0], address)
        return Disassembly(f"code at {address:#x}", self.instructions(address, _AROUND_BYTES),
                           self._source, address)

    def _disassemble(self, symbol: Symbol, mark: int | None) -> Disassembly:
        size = symbol.size_bytes or self._reach(symbol)
        note = ""
        if size > MOST_BYTES:
            size, note = MOST_BYTES, f"… cut after {MOST_BYTES >> 20} MiB"
        if mark is not None and mark >= symbol.address + size:
            mark = None
        found = self.instructions(symbol.address, size)
        where = f", {symbol.object}" if symbol.object else ""
        title = f"{symbol.demangled}: {size} bytes in layer {symbol.layer}{where}"
        if self._symbols.note:
            note = f"{note}\n{self._symbols.note}".strip()
        if self._source.changed:
            note = (f"{note}\n" if note else "") + \
                f"changed since the image was built: {', '.join(sorted(self._source.changed))}"
        return Disassembly(title, found, self._source, mark, note)

    def _reach(self, symbol: Symbol) -> int:
        """Return how far code without a size goes: to the next symbol."""
        starts = self._function_starts
        following = starts[starts.searchsorted(symbol.address, "right"):]
        size = int(following[0]) - symbol.address if len(following) else 0
        return min(size, 4096) or len(self._code.read(symbol.address, 4096))

    @cached_property
    def _function_starts(self) -> Any:
        import numpy as np

        return np.unique([symbol.address for symbol in self._symbols.search()
                          if symbol.kind in ("function", "label")]).astype(np.int64)

    @cached_property
    def _source(self) -> SourceText:
        return SourceText(self._image)

    @cached_property
    def _engine(self) -> Any:
        import capstone

        engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        engine.skipdata = True  # a byte that starts no instruction is shown as data
        return engine

    def instructions(self, address: int, size_bytes: int) -> tuple[Instruction, ...]:
        """Return the instructions that start within a stretch of code."""
        data = self._code.read(address, min(size_bytes, MOST_BYTES))
        return tuple(self._instruction(at, data[at - address:at - address + size], name, operands)
                     for at, size, name, operands in self._engine.disasm_lite(data, address))

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return the bytes of code from an address, fewer where the code ends."""
        return self._code.read(address, size_bytes)

    def plain(self, address: int, size_bytes: int) -> list[tuple[str, str]]:
        """Return (mnemonic, operands) of a stretch of code, quickly: without its sources."""
        data = self._code.read(address, min(size_bytes, MOST_BYTES))
        return [(name, operands) for _, _, name, operands in
                self._engine.disasm_lite(data, address)]

    def _instruction(self, address: int, data: bytes, name: str, operands: str) -> Instruction:
        places = self._symbols.lines(address)
        place = places[0] if places else None
        return Instruction(address, data, name, operands,
                           self._target(address + len(data), name, operands),
                           place.file if place else "", place.line if place else 0,
                           len(places) > 1)

    def _target(self, following: int, name: str, operands: str) -> str:
        """Return what symbol an address among the operands is in; "" for plain numbers."""
        relative = re.search(r"\[rip ([+-]) (0x[0-9a-f]+|\d+)\]", operands)
        if relative:
            offset = int(relative[2], 0)
            return self._named(following + (offset if relative[1] == "+" else -offset))
        match = _ADDRESS.search(operands)
        if match is None:
            return ""
        if name.startswith(_JUMPS) or "[" in operands or name in ("mov", "movabs", "push", "cmp"):
            return self._named(int(match[0], 16))
        return ""

    def _named(self, address: int) -> str:
        elf = self._symbols.elf
        section = elf.section_at(address)
        if section is None:
            return ""
        found = self._symbols.at(address)
        if found is None or found[0].kind == "label":
            text = string_at(elf, section, address)
            if text or found is None:
                return text
        symbol, offset = found
        return f"{symbol.demangled}+{offset:#x}" if offset else symbol.demangled

    def callers(self, what: str | Symbol) -> SymbolList:
        """Return the functions with a direct call of, or jump to, a function's first byte.

        Calls through pointers are not seen.  Raises UsageError for an unknown name.
        """
        import numpy as np

        symbol = what if isinstance(what, Symbol) else self._symbols.find(what)
        found: dict[int, Symbol] = {}
        for start, data in self._code.parts:
            code = np.frombuffer(data, np.uint8)
            if len(code) < 5:
                continue
            at = np.flatnonzero((code[:-4] == 0xE8) | (code[:-4] == 0xE9))
            offsets = np.stack([code[at + byte] for byte in range(1, 5)], 1).astype(np.uint8)
            targets = offsets.copy().view("<i4")[:, 0].astype(np.int64) + at + 5 + start
            for address in (at[targets == symbol.address] + start).tolist():
                caller = self._symbols.at(address)
                if caller and caller[0] != symbol and self._begins(caller[0], address):
                    found[caller[0].address] = caller[0]
        return SymbolList(found[address] for address in sorted(found))

    def _begins(self, symbol: Symbol, address: int) -> bool:
        """Whether an instruction of a function begins at an address: not every E8 is a call."""
        return any(at == address for at, *_ in self._engine.disasm_lite(
            self._code.read(symbol.address, symbol.size_bytes or 4096), symbol.address))

    def __repr__(self) -> str:
        size = sum(len(data) for _, data in self._code.parts)
        return f'{self._image.name}: {size / 1024:.1f} KiB of code; image.code("main") shows some'
