"""How a Rumprun guest ended, if it crashed, and what that means in words.

Source: platform/hw/arch/amd64/intr.S and include/bmk-core/core.h of
github.com/rumpkernel/rumprun; sys/rump/librump/rumpkern/vm.c and sys/lib/libkern/kern_assert.c
of NetBSD 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kernel_magics.boot.abi import PanicKind
from kernel_magics.inspect.memory.ram import PAGE_BYTES
from kernel_magics.inspect.panics.details import NO_VECTOR
from kernel_magics.inspect.panics.explanations import GENERAL_PROTECTION

__all__ = ["Crash", "crash_of", "explanation", "title"]

_TRAP = re.compile(r"FATAL TRAP: (.+) at (0x[0-9a-f]{1,16}|\(nil\)) \((0x[0-9a-f]{1,16})\)")
_PANIC = re.compile(r"(?:PANIC|panic): ([^\r\n]+)")
_ASSERTION = re.compile(r'assert "|diagnostic assertion|\bassertion\b')
_VECTORS = {"divide-by-zero": 0, "invalid opcode": 6, "general protection": 13, "page fault": 14}
_PAGE_FAULT = 14
CONSOLE_BYTES = 64 << 10
LONGEST_REASON = 250
MOST_OVERFLOW_BYTES = 64 << 20

_EXPLANATIONS = {
    PanicKind.NULL_DEREFERENCE:
        "The program used a null pointer, or a member or element at a small offset from one. "
        "Rumprun leaves the lowest page (4 KiB) unmapped, so that this is caught: check what "
        "returned the pointer (malloc, fopen, a list's next).",
    PanicKind.PAGE_FAULT:
        "The program used an address where no memory is. Rumprun maps the lowest 4 GiB, so this "
        "is a wild pointer far beyond: uninitialised, freed, or overwritten.",
    PanicKind.ASSERTION:
        "Rumprun checks what must always hold, and found that it did not. This is a mistake in "
        "it, or the program overwrote memory of the kernel: both live in one address space.",
    PanicKind.NONE:
        "The kernel found itself unable to go on and halted. The console has its message; the "
        "calls below say which part of it gave up.",
}
_RESET = ("An exception happened while the processor could not handle one, and it reset: mostly a "
          "stack that overflowed. Rumprun has no guard pages below its stacks, so that what lay "
          "there was overwritten first. The calls are what is left of the stack of the thread "
          "that ran; the innermost may be missing.")
_SETJMP = re.compile(r"__(sig)?(set|long)jmp14")
_SETJMP_STEP = (" setjmp, longjmp and their sig… forms of NetBSD do so when they save or restore "
                "the mask of signals. Images that the lab bakes are mended: %rumpbuild NAME "
                "--kit rumprun --from FILE bakes a program again; where that cannot be done, "
                "_setjmp and _longjmp leave the mask alone.")


@dataclass(frozen=True, slots=True)
class Crash:
    """Why a guest stopped: `reason` in its own words; `vector` of the exception, NO_VECTOR if
    there was none; `place` the instruction, `address` what it accessed, 0 if unknown;
    `is_reset` that the processor reset, and nothing was said."""

    kind: PanicKind
    reason: str
    vector: int = NO_VECTOR
    place: int = 0
    address: int = 0
    is_reset: bool = False


def crash_of(guest: Any) -> Crash | None:
    """Return how a guest or a dump crashed, None if it did not."""
    if guest.state != "panicked":
        return None
    end = getattr(guest, "end", None)  # (a dump has none)
    if end is not None and end.kind == "reset":
        return Crash(PanicKind.NONE, str(end.reason), is_reset=True)
    return read_crash(_console_end(guest)) or \
        Crash(PanicKind.NONE, getattr(end, "reason", "") or "it does not say why")


def read_crash(text: str) -> Crash | None:
    """Return the last crash that a console tells of, None if it tells of none."""
    trap = next(iter([*_TRAP.finditer(text)][-1:]), None)
    panic = next(iter([*_PANIC.finditer(text)][-1:]), None)
    if trap is not None and (panic is None or panic.start() < trap.start()):
        return _trap(trap)
    if panic is None:
        return None
    told = _first_of_the_end(text, panic)
    kind = PanicKind.ASSERTION if _ASSERTION.search(told) else PanicKind.NONE
    return Crash(kind, told.strip()[:LONGEST_REASON])


def _trap(found: re.Match[str]) -> Crash:
    place = 0 if found[2] == "(nil)" else int(found[2], 16)
    vector = _VECTORS.get(found[1], NO_VECTOR)
    # (cr2 keeps the address of the last page fault: it says something of those only)
    address = int(found[3], 16) if vector == _PAGE_FAULT else 0
    kind = PanicKind.EXCEPTION if vector != _PAGE_FAULT else \
        PanicKind.NULL_DEREFERENCE if address < PAGE_BYTES else PanicKind.PAGE_FAULT
    where = f", address {address:#x}" if vector == _PAGE_FAULT else ""
    return Crash(kind, f"{found[1]} at {place:#x}{where}", vector, place, address)


def _first_of_the_end(text: str, last: re.Match[str]) -> str:
    """Return the message that came first: the kernel's panic ends in one of bmk's."""
    if last[1].startswith("rumpuser panic"):
        before = [*_PANIC.finditer(text, 0, last.start())]
        if before:
            return before[-1][1]
    return last[1]


def _console_end(guest: Any) -> str:
    console = getattr(guest, "console", None)
    if console is None:  # a dump
        return str(guest.console_text)[-CONSOLE_BYTES:]
    _, data = console.since(max(0, console.size_bytes - CONSOLE_BYTES), CONSOLE_BYTES)
    return bytes(data).decode("utf-8", "replace")


def title(crash: Crash, usual: str) -> str:
    """Return a crash's name, a few words; `usual` is that of a guest of rumpkit."""
    if crash.is_reset:
        return "its processor reset"
    if crash.kind == PanicKind.ASSERTION:
        return "an assertion failed"
    return "the kernel gave up" if crash.kind == PanicKind.NONE else usual


def explanation(crash: Crash, usual: str, is_own: bool, overflow_bytes: int,
                calls: Iterable[str] = ()) -> str:
    """Return what a crash means.

    `calls` are the functions that were being called; `is_own` says that it is the kernel's own,
    with the program not among the calls; `overflow_bytes` how far the stack pointer was below
    the end of its stack.
    """
    if 0 < overflow_bytes <= MOST_OVERFLOW_BYTES:
        return (f"The stack pointer is {overflow_bytes >> 10} KiB below the end of its thread's "
                "stack: the stack has overflowed, by recursion that does not end or a large "
                "local array. Rumprun has no guard pages there, and what lay below, the "
                "kernel's code perhaps, was overwritten first. Make the array static, or give "
                "the threads larger stacks: env={\"PTHREAD_STACKSIZE\": \"4096\"} (in KiB).")
    if crash.is_reset:
        return _RESET
    text = _EXPLANATIONS.get(crash.kind, usual.replace("rumpkit", "Rumprun"))
    if crash.vector == GENERAL_PROTECTION and any(map(_SETJMP.fullmatch, calls)):
        return text + _SETJMP_STEP
    if not is_own or crash.vector == NO_VECTOR:
        return text
    return f"{text} It happened in the kernel itself, for none of the program's calls."
