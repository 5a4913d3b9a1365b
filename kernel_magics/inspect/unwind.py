"""Walks a guest's stack from its registers: through functions with and without frames.

The program and the runtime say in their call frame information how to find the caller.
musl, as Debian builds it, neither has that nor keeps frame pointers: there the stack is
searched for the first return address whose call instruction leads to the function at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from kernel_magics.errors import GuestError, UsageError
from kernel_magics.inspect.cfi import CallFrames, FrameRule
from kernel_magics.inspect.code import INDIRECT, Code
from kernel_magics.inspect.ram import PAGE_BYTES
from kernel_magics.inspect.symbols import SymbolIndex

__all__ = ["Unwinder"]

MOST_FRAMES = 100_000
SEARCHED_BYTES = 64 * 1024
# Over a whole walk: a stack full of garbage must not keep the notebook busy.
SEARCHED_WORDS = 200_000
_OUTERMOST = ("_start", "_rumpkit_entry32")
# A system call's return address in the runtime's entry code; struct rumpcomp_frame of
# images/rumpkit/include/rumpcomp.h lies above it and has the program's registers.
_SYSCALL_RETURN = "arch_syscall_return"
_FRAME_RBP, _FRAME_RIP, _FRAME_RSP = 32, 104, 120


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: an instruction, the stack below its frame's end, rbp's last value."""

    instruction: int
    stack: int
    rbp: int


class Unwinder:
    """Walks stacks of one guest.

    `read(address, size_bytes)` reads the guest's virtual memory, GuestError if unmapped.
    """

    def __init__(self, code: Code, frames: CallFrames, symbols: SymbolIndex,
                 read: Callable[[int, int], bytes]) -> None:
        self._code, self._frames, self._symbols, self._read = code, frames, symbols, read
        self._pages: dict[int, bytes | None] = {}
        self._functions: dict[int, tuple[int, str]] = {}
        self._words_left = SEARCHED_WORDS

    def walk(self, registers: Mapping[str, int], *, after_call: bool = False) -> list[int]:
        """Return the instruction pointer and the return addresses above it, innermost first.

        `after_call` says that the instruction pointer is a return address itself.
        """
        place = _Place(registers["rip"], registers["rsp"], registers["rbp"])
        found = [place.instruction]
        while len(found) < MOST_FRAMES:
            caller = self._system_call(place)
            if caller is None:
                caller = self._caller(place, innermost=len(found) == 1 and not after_call)
                if caller is None or caller.stack <= place.stack:
                    break
            place = caller
            found.append(place.instruction)
        return found

    def _system_call(self, place: _Place) -> _Place | None:
        """Return the program's side if the walk has come to the entry of a system call."""
        if place.instruction != self._syscall_return:
            return None
        rip, rsp, rbp = (self._word(place.stack + offset)
                         for offset in (_FRAME_RIP, _FRAME_RSP, _FRAME_RBP))
        if rip is None or rsp is None or rbp is None or not self._code.holds(rip - 1):
            return None
        return _Place(rip, rsp, rbp)

    @cached_property
    def _syscall_return(self) -> int | None:
        try:
            return self._symbols.find(_SYSCALL_RETURN).address
        except UsageError:  # an image of another kit
            return None

    def _caller(self, place: _Place, innermost: bool) -> _Place | None:
        at = place.instruction - (not innermost)
        if not self._code.holds(at):
            # A call through a bad pointer: all it did was to push the return address.
            return self._return(place, place.stack + 8, place.rbp) if innermost else None
        function, name = self._function(at)
        if name in _OUTERMOST:
            return None
        rule = self._frames.rule(at)
        if rule is not None:
            end = self._frame_end(place, rule, function)
            caller = self._by_rule(place, rule, end) if end else None
            if caller is not None:
                return caller
        return self._by_search(place, function, rule)

    def _function(self, instruction: int) -> tuple[int, str]:
        """Return start and name of the function an instruction is in (its own, "" if none)."""
        if instruction not in self._functions:
            found = self._symbols.at(instruction)
            self._functions[instruction] = (found[0].address, found[0].name) if found else \
                (instruction, "")
        return self._functions[instruction]

    def _frame_end(self, place: _Place, rule: FrameRule, function: int) -> int | None:
        if not rule.from_rbp:
            return place.stack + rule.offset
        # rbp may be stale where functions without rules lie between: check before use.
        end = place.rbp + rule.offset
        if end <= place.stack or end % 8:
            return None
        called = self._code.called(self._word(end - 8) or 0)
        is_call = called is not None and (called == INDIRECT
                                          or self._code.leads_to(called, function))
        return end if is_call else None

    def _by_rule(self, place: _Place, rule: FrameRule, end: int) -> _Place | None:
        saved = None if rule.rbp_offset is None else self._word(end + rule.rbp_offset)
        return self._return(place, end, place.rbp if saved is None else saved)

    def _return(self, place: _Place, end: int, rbp: int) -> _Place | None:
        """Return the caller if the word below `end` is a return address."""
        address = self._word(end - 8)
        if address is None or self._code.called(address) is None:
            return None
        return _Place(address, end, rbp)

    def _by_search(self, place: _Place, function: int, rule: FrameRule | None) -> _Place | None:
        slot = self._search(place.stack, function)
        if slot is None:
            return None
        rbp = place.rbp
        if rule is not None and rule.from_rbp:
            rbp = self._word(slot - 8) or 0
        return _Place(self._word(slot) or 0, slot + 8, rbp)

    def _search(self, start: int, function: int) -> int | None:
        """Return where on the stack the return address of a call of `function` lies.

        A call through a pointer may have called anything, so it counts only if no direct
        call of the function is found.
        """
        possible = None
        for slot in range(start + -start % 8, start + SEARCHED_BYTES, 8):
            word = self._word(slot)
            self._words_left -= 1
            if word is None or self._words_left <= 0:
                break
            if not self._code.holds(word - 1):
                continue  # (a call that never returns may be the last code there is)
            called = self._code.called(word)
            if called is not None and called != INDIRECT:
                if self._code.leads_to(called, function):
                    return slot
            elif called == INDIRECT and possible is None:
                possible = slot
        return possible

    def _word(self, address: int) -> int | None:
        """Return eight bytes of the stack, None where nothing is mapped."""
        page, offset = address & -PAGE_BYTES, address % PAGE_BYTES
        if page not in self._pages:
            try:
                self._pages[page] = self._read(page, PAGE_BYTES)
            except GuestError:
                self._pages[page] = None
        data = self._pages[page]
        if data is None or offset > PAGE_BYTES - 8:
            return None
        return int.from_bytes(data[offset:offset + 8], "little")
