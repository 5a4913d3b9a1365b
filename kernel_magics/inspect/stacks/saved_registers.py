"""Registers that lie on a stack as one structure: of a system call, of a signal."""

from collections.abc import Callable

__all__ = ["SIGNAL_RETURN", "SYSTEM_CALL", "of_signal", "of_system_call"]

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
