"""Walks a stack from registers: through functions with and without frames, system calls,
interrupts and signal handlers.

The program and the runtime say in their call frame information how to find the caller.
musl, as Debian builds it, has none: there the machine code is followed instead, and
where that does not lead to a caller either, the stack is searched for the first return
address whose call instruction leads to the function at hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.ram import PAGE_BYTES
from kernel_magics.inspect.stacks.cfi import FrameRules
from kernel_magics.inspect.stacks.code import INDIRECT
from kernel_magics.inspect.stacks.code_objects import CodeObject, CodeObjects, Step
from kernel_magics.inspect.stacks.dwarf_bytes import DwarfError, evaluate
from kernel_magics.inspect.stacks.saved_registers import (
    SIGNAL_RETURN,
    SYSTEM_CALL,
    of_interrupt,
    of_signal,
    of_system_call,
)

__all__ = ["Activation", "REGISTER_NAMES", "Unwinder"]

REGISTER_NAMES = ("rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10",
                  "r11", "r12", "r13", "r14", "r15", "rip")
"""By DWARF's numbers: System V ABI for x86-64, figure 3.36."""

MOST_FRAMES = 100_000
# A walk changes the stack at a system call, an interrupt, a signal: rarely.
MOST_STACKS = 64
SEARCHED_BYTES = 64 * 1024
# Over a whole walk: a stack full of garbage must not keep the notebook busy.
SEARCHED_WORDS = 200_000
_RBP, _RSP, _RIP = 6, 7, 16
_KEPT = (3, 6, 12, 13, 14, 15)  # what a function gives back as it got it
_OUTERMOST = frozenset(("_start", "_rumpkit_entry32", "__clone", "clone", "clone3",
                        "arch_thread_begin", "bmk_cpu_sched_bouncer", "_start64"))
# Entries of upstream Rumprun: platform/hw/arch/amd64/intr.S.
_INTERRUPT_ENTRY = re.compile(r"(x86_(trap|isr)_\d+|cpu_insr|cpu_isr_clock)$")
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Activation:
    """One call that is going on: its next instruction, and its registers (by DWARF number)
    as far as they are known.  `is_return`: `address` is where a call returns to, so that
    the call itself is before it."""

    address: int
    registers: Mapping[int, int]
    is_return: bool

    @property
    def lookup(self) -> int:
        """An address inside the instruction that is being executed."""
        return self.address - self.is_return


class Unwinder:
    """Walks stacks of one address space of a guest.

    `objects` is the code in it; `read(address, size_bytes)` reads its memory, GuestError if
    unmapped.  Pages once read are kept: one walk sees one state of them.  From the address
    `end` on nothing is known.
    """

    def __init__(self, objects: CodeObjects, read: Callable[[int, int], bytes],
                 end: int = _MASK) -> None:
        self._objects, self._read, self._end = objects, read, end
        self._pages: dict[int, bytes | None] = {}
        self._words_left = SEARCHED_WORDS

    def walk(self, registers: Mapping[str, int], *, after_call: bool = False) -> list[int]:
        """Return the instruction pointer and the return addresses above it, innermost first.

        `after_call` says that the instruction pointer is a return address itself.
        """
        return [one.address for one in self.activations(registers, after_call=after_call)]

    def activations(self, registers: Mapping[str, int], *, after_call: bool = False,
                    most: int = MOST_FRAMES) -> list[Activation]:
        """Return the calls that are going on, innermost first, at most so many.

        `registers` by name, at least rip and rsp.
        """
        numbered = {number: registers[name] for number, name in enumerate(REGISTER_NAMES)
                    if name in registers}
        found = [Activation(numbered[_RIP], numbered, after_call)]
        stacks = 0
        while len(found) < most and stacks < MOST_STACKS:
            callee = found[-1]
            caller = self._caller(callee, is_innermost=len(found) == 1)
            if caller is None:
                break
            if caller.registers[_RSP] <= callee.registers[_RSP]:
                if caller.is_return:  # only an interruption may lead to another stack
                    break
                stacks += 1
            elif not caller.is_return:
                stacks += 1
            found.append(caller)
        return found

    def _caller(self, place: Activation, is_innermost: bool) -> Activation | None:
        if not place.is_return and self._is_signal_return(place.address):
            return self._interrupted(place.registers[_RSP])
        step = self._objects.step(place.lookup)
        if step is None:
            # A call through a bad pointer: all it did was to push the return address.
            is_broken_off = is_innermost or not place.is_return
            return self._called_from(place.registers[_RSP] + 8, {}) if is_broken_off else None
        if step.name in _OUTERMOST and place.is_return:
            return None
        if _INTERRUPT_ENTRY.match(step.name):
            return self._before_interrupt(place)
        rules = step.rules
        if rules is not None:
            caller = self._by_rules(place, rules, step)
            if caller is not None:
                return caller
            if rules.registers.get(_RIP, ("", 0))[0] == "undefined":
                return None
        if not step.name:  # nothing says where the function begins
            return self._by_frame_pointer(place, step)
        return self._by_search(place, step)

    def _before_interrupt(self, place: Activation) -> Activation | None:
        """Return what an interrupt or trap came to, from an entry without frame information.

        The entry keeps what it does not push, so that is as it was.
        """
        found = of_interrupt(self.word, place.registers[_RSP],
                             lambda address: self._objects.at(address) is not None)
        kept = {number: place.registers[number] for number in _KEPT if number in place.registers}
        return Activation(found[_RIP], {**kept, **found}, False) if found else None

    def _by_frame_pointer(self, place: Activation, step: Step) -> Activation | None:
        """Return the caller of a function without a name: of a stripped image.

        The runtime keeps frame pointers.  Where its outermost function returns to, its
        registers lie as struct rumpcomp_frame of images/rumpkit/include/rumpcomp.h has them,
        behind a system call's instruction.
        """
        base, stack = place.registers.get(_RBP, 0), place.registers[_RSP]
        if stack < base < stack + SEARCHED_BYTES and base % 8 == 0:
            saved = self.word(base)
            return self._called_from(base + 16, {} if saved is None else {_RBP: saved})
        frame = of_system_call(self.word, stack)
        caller = self._objects.at(frame.get(_RIP, 0))
        if caller is not None and caller.read(frame[_RIP] - len(SYSTEM_CALL), 2) == SYSTEM_CALL:
            return Activation(frame[_RIP], frame, False)
        # A function without a frame of its own, such as a memcpy in assembler.
        kept = {number: place.registers[number] for number in _KEPT if number in place.registers}
        return self._called_from(stack + 8, kept)

    def _by_rules(self, place: Activation, rules: FrameRules, step: Step) -> Activation | None:
        registers = place.registers
        try:
            if rules.end_expression:
                end = evaluate(rules.end_expression, registers, self.word)
            elif rules.end_register in registers:
                end = (registers[rules.end_register] + rules.end_offset) & _MASK
            else:
                return None
            values = {number: value for number, offset in step.offsets
                      if (value := self.word((end + offset) & _MASK)) is not None}
            for number, rule in step.others:
                if (found := self._value(rule, end, registers, number)) is not None:
                    values[number] = found
        except DwarfError:
            return None
        if _RIP not in values:
            return None
        for number in _KEPT:
            if number in registers and number not in rules.registers:
                values[number] = registers[number]
        values.setdefault(_RSP, end)
        if rules.is_signal:
            return Activation(values[_RIP], values, False)
        if end <= registers[_RSP] or end % 8:
            return None
        if self._is_call_of(values[_RIP], place, step):
            return Activation(values[_RIP], values, True)
        # A signal's handler was not called: it returns to code that ends the signal.
        return Activation(values[_RIP], values, False) \
            if self._is_signal_return(values[_RIP]) else None

    def _is_signal_return(self, address: int) -> bool:
        code = self._objects.at(address)
        return code is not None and code.read(address, len(SIGNAL_RETURN)) == SIGNAL_RETURN

    def _interrupted(self, context: int) -> Activation | None:
        registers = of_signal(self.word, context)
        return Activation(registers[_RIP], registers, False) \
            if _RIP in registers and _RSP in registers else None

    def _value(self, rule: tuple[str, int | bytes], end: int, registers: Mapping[int, int],
               number: int) -> int | None:
        kind, argument = rule
        if isinstance(argument, bytes):
            value = evaluate(argument, registers, self.word, end)
            return self.word(value) if kind == "expression" else value
        if kind == "value":
            return (end + argument) & _MASK
        return registers.get(number if kind == "same" else argument) \
            if kind in ("same", "register") else None

    def _is_call_of(self, address: int, callee: Activation, step: Step) -> bool:
        """Whether there is a call before `address` that may have led to the callee."""
        caller = self._objects.step(address - 1)
        called = None if caller is None else caller.code.called(address)
        if called is None or caller is None or caller.code is not step.code \
                or called == INDIRECT:
            return called is not None
        # (a file that tells knows better: calls may go through its table of links)
        return (step.rules is not None and step.rules.is_told) or not callee.is_return or \
            step.code.leads_to(called, step.start)

    def _called_from(self, end: int, registers: dict[int, int]) -> Activation | None:
        """Return the caller if the word below `end` is a return address."""
        address = self.word(end - 8)
        caller = None if address is None else self._objects.at(address - 1)
        if address is None or caller is None or caller.called(address) is None:
            return None
        return Activation(address, {**registers, _RIP: address, _RSP: end}, True)

    def _by_search(self, place: Activation, step: Step) -> Activation | None:
        slot = self._search(place.registers[_RSP], step.code, step.start)
        if slot is None:
            return None
        saved = self.word(slot - 8) if step.rules and step.rules.end_register == _RBP else None
        return self._called_from(slot + 8, {} if saved is None else {_RBP: saved})

    def _search(self, start: int, code: CodeObject, function: int) -> int | None:
        """Return where on the stack the return address of a call of `function` lies.

        A call through a pointer may have called anything, so it counts only if no direct
        call of the function is found.
        """
        possible = None
        first, end = self._objects.span
        for slot in range(start + -start % 8, start + SEARCHED_BYTES, 8):
            word = self.word(slot)
            self._words_left -= 1
            if word is None or self._words_left <= 0:
                break
            if not first < word <= end:  # most words are numbers and data
                continue
            caller = self._objects.at(word - 1)
            called = None if caller is None else caller.called(word)
            if called is not None and called != INDIRECT:
                if caller is code and code.leads_to(called, function):
                    return slot
            elif called == INDIRECT and possible is None:
                possible = slot
        return possible

    def is_return(self, address: int) -> bool:
        """Whether there is a call before an address."""
        code = self._objects.at(address - 1)
        return code is not None and code.called(address) is not None

    def is_outermost(self, place: Activation) -> bool:
        """Whether a call is the first of its thread."""
        step = self._objects.step(place.lookup)
        return step is not None and step.name in _OUTERMOST

    def word(self, address: int) -> int | None:
        """Return eight bytes of memory, None where nothing is mapped or known."""
        if address + 8 > self._end:
            return None
        offset = address % PAGE_BYTES
        try:
            data = self._pages[address - offset]
        except KeyError:
            data = self._page(address - offset)
        if data is None or offset > PAGE_BYTES - 8:
            return None
        return int.from_bytes(data[offset:offset + 8], "little")

    def _page(self, page: int) -> bytes | None:
        try:
            data: bytes | None = self._read(page, PAGE_BYTES)
        except GuestError:
            data = None
        self._pages[page] = data
        return data
