"""Registers that lie on a stack as one structure: of a system call, a signal, an interrupt."""

from collections.abc import Callable

__all__ = ["SIGNAL_RETURN", "SYSTEM_CALL", "of_interrupt", "of_signal", "of_system_call"]

SYSTEM_CALL = b"\x0f\x05"
"""The instruction."""

SIGNAL_RETURN = b"\x48\xc7\xc0\x0f\0\0\0" + SYSTEM_CALL
"""mov $15, %rax; syscall: what a signal's handler returns to, in any C library."""

# struct rumpcomp_frame of images/rumpkit/include/rumpcomp.h, with DWARF's numbers.
_FRAME = (15, 14, 13, 12, 6, 3, 9, 8, 10, 1, 4, 5, 0, 16, None, 7)
# Where struct sigcontext lies in struct ucontext, and the order of its registers.
# Source: sigreturn(2), Linux' arch/x86/include/uapi/asm/sigcontext.h.
_CONTEXT = 40
_CONTEXT_ORDER = (8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16)

# What the processor pushes on an interrupt, above an error code: Intel SDM volume 3, section
# 6.14.2.  Selectors of code and stack in upstream Rumprun (platform/hw/arch/amd64/locore.S).
_RIP, _RSP, _FLAGS = 16, 7, 49
_CODE_SELECTOR, _STACK_SELECTORS = 0x08, frozenset((0x00, 0x10, 0x18))
# The registers that its x86_isr_N push before they call C, the last one first.
_PUSHED = (4, 5, 1, 2, 3, 0)
_MOST_PUSHED = 8

Word = Callable[[int], "int | None"]


def of_system_call(word: Word, address: int) -> dict[int, int]:
    """Return the program's registers of a system call whose frame lies at an address.

    `word(address)` reads eight bytes, None if unmapped; what cannot be read is left out.
    """
    return {number: value for index, number in enumerate(_FRAME)
            if number is not None and (value := word(address + 8 * index)) is not None}


def of_signal(word: Word, address: int) -> dict[int, int]:
    """Return the registers that a signal interrupted; its struct ucontext lies at an address."""
    return {number: value for index, number in enumerate(_CONTEXT_ORDER)
            if (value := word(address + _CONTEXT + 8 * index)) is not None}


def of_interrupt(word: Word, stack: int, is_code: Callable[[int], bool]) -> dict[int, int]:
    """Return the registers that were interrupted, {} if no frame of the processor's is there.

    `stack` is the stack pointer in the function that the interrupt came to, which may have
    pushed a few registers; `is_code(address)` says whether there is code.
    """
    for pushed in range(_MOST_PUSHED + 1):
        at = stack + 8 * pushed
        place, code, flags, pointer, selector = (word(at + 8 * one) for one in range(5))
        # (it may have come from a jump to nowhere, but then at least the rest fits)
        if place is None or flags is None or pointer is None or code != _CODE_SELECTOR \
                or selector not in _STACK_SELECTORS or not (is_code(place) or not pushed):
            continue
        kept = {number: value for index, number in enumerate(_PUSHED)
                if pushed == len(_PUSHED) and (value := word(stack + 8 * index)) is not None}
        return {**kept, _RIP: place, _RSP: pointer, _FLAGS: flags}
    return {}
