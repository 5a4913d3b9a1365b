"""What a function without call frame information has done to the stack at an instruction.

musl, as Debian builds it, has no call frame information and no frame pointers.  But its
machine code says everything: each push, pop and subtraction is followed along all paths
from the function's first instruction to the one in question.

Source: System V ABI for x86-64, section 3.2 (who saves which register).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from kernel_magics.inspect.stacks.cfi_rules import FrameRules, Rule

__all__ = ["StackDepths"]

MOST_CODE_BYTES = 64 * 1024
MOST_STEPS = 20_000
_RBP, _RSP, _RETURN_ADDRESS = 6, 7, 16
# The registers a function gives back as it got them, with DWARF's numbers.
_KEPT = {"rbx": 3, "rbp": 6, "r12": 12, "r13": 13, "r14": 14, "r15": 15}
_PARTS = {part: whole for whole in _KEPT for part in
          ((f"{whole}d", f"{whole}w", f"{whole}b", whole) if whole[1:].isdigit() else
           (f"e{whole[1:]}", whole[1:], f"{whole[1:]}l" if whole == "rbp" else "bl", whole))}
_READS_ONLY = frozenset(("cmp", "test", "push", "call", "jmp", "nop", "ret"))
_SLOT = re.compile(r"qword ptr \[(rsp|rbp)(?: ([+-]) (0x[0-9a-f]+|\d+))?\]$")
_LEA = re.compile(r"rsp, \[(rsp|rbp)(?: ([+-]) (0x[0-9a-f]+|\d+))?\]$")


@dataclass(frozen=True)
class _State:
    """`depth`: bytes from rsp up to the frame's end, None if unknown; `base` the same of
    rbp where that is a frame pointer; `saved`: register → where, from the frame's end;
    `lost`: registers with other contents that were not saved."""

    depth: int | None = 8
    base: int | None = None
    saved: tuple[tuple[int, int], ...] = ()
    lost: frozenset[int] = frozenset()


class StackDepths:
    """Follows the machine code of functions; each function is read once."""

    def __init__(self) -> None:
        self._functions: dict[int, dict[int, _State]] = {}

    def rules(self, code: bytes, start: int, address: int) -> FrameRules | None:
        """Return the rules at `address` of the function with these bytes from `start` on.

        None if no path from its start leads there, or the stack pointer is not known there.
        """
        if start not in self._functions:
            self._functions[start] = self._follow(code[:MOST_CODE_BYTES], start)
        states = self._functions[start]
        state = states.get(address)
        if state is None:  # the byte before a return address, inside its call
            before = [one for one in states if address - 15 < one <= address]
            state = states[max(before)] if before else None
        return None if state is None else _rules(state)

    @cached_property
    def _disassembler(self) -> Any:
        import capstone

        return capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)

    def _follow(self, code: bytes, start: int) -> dict[int, _State]:
        instructions = {address: (size, name.removeprefix("notrack "), operands)
                        for address, size, name, operands
                        in self._disassembler.disasm_lite(code, start)}
        found: dict[int, _State] = {}
        paths = [(start, _State())]
        # What is behind a call comes late, by address: some calls never return, and then
        # it belongs to another path.
        behind_calls: dict[int, _State] = {}
        for _ in range(MOST_STEPS):
            if not paths:
                if not behind_calls:
                    break
                address = min(behind_calls)
                paths.append((address, behind_calls.pop(address)))
            address, state = paths.pop()
            if address in found or address not in instructions:
                continue
            found[address] = state
            size, name, operands = instructions[address]
            state = _after(state, name, operands)
            if name.startswith("j") and operands.startswith("0x"):
                paths.append((int(operands, 16), state))
            if name == "call":
                behind_calls.setdefault(address + size, state)
            elif name not in ("jmp", "ret", "hlt", "ud2"):
                paths.append((address + size, state))
        return found


def _rules(state: _State) -> FrameRules | None:
    registers: dict[int, Rule] = {_RETURN_ADDRESS: ("offset", -8)}
    registers |= {number: ("undefined", 0) for number in state.lost}
    registers |= {number: ("offset", place) for number, place in state.saved}
    if state.base is not None:
        return FrameRules(_RBP, state.base, b"", registers, False, False)
    return None if state.depth is None else \
        FrameRules(_RSP, state.depth, b"", registers, False, False)


def _after(state: _State, name: str, operands: str) -> _State:
    """Return the state behind one instruction."""
    depth = state.depth
    if name == "push":
        state = replace(state, depth=None if depth is None else depth + 8)
        return _save(state, operands, state.depth)
    if name == "pop":
        state = _restore(state, operands)
        return replace(state, depth=None if depth is None else depth - 8)
    if name == "leave" and state.base is not None:
        return replace(_restore(state, "rbp"), depth=state.base - 8, base=None)
    first, _, second = operands.partition(", ")
    if first == "rsp":
        return _moved(state, name, operands, second)
    slot = _SLOT.match(first)
    if slot and name == "mov" and second in _KEPT:
        return _save(state, second, _place(state, slot))
    if name == "mov" and (slot := _SLOT.match(second)) and first in _KEPT \
            and (_KEPT[first], -(_place(state, slot) or 0)) in state.saved:
        return _restore(state, first)
    if first in _PARTS and name not in _READS_ONLY:
        return _overwritten(state, name, first, second)
    return state


def _moved(state: _State, name: str, operands: str, second: str) -> _State:
    """Return the state behind an instruction that changes rsp itself."""
    depth = state.depth
    if name in ("sub", "add") and depth is not None and _is_number(second):
        count = int(second, 0)
        return replace(state, depth=depth + (count if name == "sub" else -count))
    if name == "mov" and second == "rbp":
        return replace(state, depth=state.base)
    lea = _LEA.match(operands) if name == "lea" else None
    if lea:
        return replace(state, depth=_place(state, lea))
    return state if name in _READS_ONLY else replace(state, depth=None)


def _overwritten(state: _State, name: str, first: str, second: str) -> _State:
    whole = _PARTS[first]
    number = _KEPT[whole]
    if whole == "rbp":
        is_frame = name == "mov" and second == "rsp" and first == "rbp"
        state = replace(state, base=state.depth if is_frame else None)
    if any(number == one for one, _ in state.saved):
        return state
    return replace(state, lost=state.lost | {number})


def _place(state: _State, match: re.Match[str]) -> int | None:
    """Return how far below the frame's end a memory operand lies."""
    start = state.depth if match[1] == "rsp" else state.base
    count = int(match[3] or "0", 0)
    return None if start is None else start - (count if match[2] != "-" else -count)


def _save(state: _State, register: str, below: int | None) -> _State:
    number = _KEPT.get(register)
    if number is None or below is None or number in state.lost \
            or any(number == one for one, _ in state.saved):
        return state
    return replace(state, saved=(*state.saved, (number, -below)))


def _restore(state: _State, register: str) -> _State:
    number = _KEPT.get(register)
    if number is None:
        return state
    saved = tuple(one for one in state.saved if one[0] != number)
    # A pop of what was never saved loads something else into it.
    lost = state.lost | ({number} if len(saved) == len(state.saved) else frozenset())
    return replace(state, saved=saved, lost=lost,
                   base=None if register == "rbp" else state.base)


def _is_number(text: str) -> bool:
    return text.startswith("0x") or text.lstrip("-").isdigit()
