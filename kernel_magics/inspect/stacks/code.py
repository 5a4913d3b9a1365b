"""The machine code of an image: which instruction made a call, and of what.

Source: Intel SDM volume 2, CALL, JMP and Jcc; section 2.1.5 for the operand forms.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

from kernel_magics.build.elf import PT_LOAD, ElfFile
from kernel_magics.inspect.images.symbol import Symbol

__all__ = ["INDIRECT", "Code"]

INDIRECT = 0
"""What `Code.called` says of a call through a register or memory."""

_EXECUTABLE = 1
_CALL, _JUMP, _GROUP5, _PREFIX_B = 0xE8, 0xE9, 0xFF, 0x41
_LONGEST_CALL = 8
# A function that ends in a jump to another leaves no return address of its own.
_TAIL_JUMPS = 2


class _Symbols(Protocol):
    def at(self, address: int) -> tuple[Symbol, int] | None: ...

    def search(self) -> Sequence[Symbol]: ...


class Code:
    """The executable bytes of an image, by address."""

    def __init__(self, elf: ElfFile, symbols: _Symbols) -> None:
        self._symbols = symbols
        self.parts = [(one.virtual_address, elf.data[one.offset:one.offset + one.file_bytes])
                       for one in elf.segments
                       if one.type == PT_LOAD and one.flags & _EXECUTABLE]
        self._jumps: dict[int, frozenset[int]] = {}

    def holds(self, address: int) -> bool:
        """Whether there is code at `address`."""
        return any(0 <= address - start < len(data) for start, data in self.parts)

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return code from `address`, shorter where the code ends."""
        for start, data in self.parts:
            if 0 <= address - start < len(data):
                return data[address - start:address - start + size_bytes]
        return b""

    def called(self, return_address: int) -> int | None:
        """Return what the call before `return_address` calls; None if there is no call.

        `INDIRECT` stands for a call through a register or memory.
        """
        before = self.read(return_address - _LONGEST_CALL, _LONGEST_CALL)
        if len(before) < _LONGEST_CALL:
            return None
        if before[-5] == _CALL:
            return return_address + int.from_bytes(before[-4:], "little", signed=True)
        for size in (2, 3, 4, 6, 7):
            if before[-size] == _GROUP5 and _is_indirect_call(before[-size:]):
                return INDIRECT
        return None

    def leads_to(self, target: int, function: int) -> bool:
        """Whether calling `target` can end up in `function` (its first address) without
        another call: it is that function, or jumps to it in its end."""
        if target == function:
            return True
        reached = {self._start(target)}
        for _ in range(_TAIL_JUMPS + 1):
            if function in reached:
                return True
            reached = {jump for start in reached for jump in self._jumps_of(start)}
        return False

    def _start(self, address: int) -> int:
        found = self._symbols.at(address)
        return found[0].address if found else address

    def _jumps_of(self, start: int) -> frozenset[int]:
        """Return the starts of other functions that the one at `start` jumps to."""
        if start not in self._jumps:
            found = self._symbols.at(start)
            size = found[0].size_bytes if found else 0
            data = self.read(start, size)
            targets = {start + at + 5 + int.from_bytes(data[at + 1:at + 5], "little", signed=True)
                       for at in range(len(data) - 4)
                       if data[at] == _JUMP or (data[at] & 0xF0 == 0x80 and data[at - 1] == 0x0F)}
            self._jumps[start] = frozenset(
                target for target in targets
                if not start <= target < start + size and target in self._function_starts)
        return self._jumps[start]

    @cached_property
    def _function_starts(self) -> frozenset[int]:
        return frozenset(symbol.address for symbol in self._symbols.search()
                         if symbol.kind in ("function", "label"))


def _is_indirect_call(instruction: bytes) -> bool:
    """Whether FF /2 with its operand is exactly this long."""
    form = instruction[1]
    if form >> 3 & 7 != 2:
        return False
    mode, operand = form >> 6, form & 7
    if mode == 3:
        size = 2
    elif mode == 0:
        size = 6 if operand == 5 else 2
    else:
        size = 3 if mode == 1 else 6
    if operand == 4 and mode != 3:
        size += 1
        if mode == 0 and len(instruction) > 2 and instruction[2] & 7 == 5:
            size += 4
    return size == len(instruction)
