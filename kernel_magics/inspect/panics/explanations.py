"""What a panic means, in words for somebody who meets it for the first time.

Source: Intel SDM volume 3, section 6.15 (exceptions) and 4.7 (page-fault error code).
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from kernel_magics.boot.abi import Panic, PanicKind
from kernel_magics.build.elf import ElfFile
from kernel_magics.inspect.images.layers import layer_of_section

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage

__all__ = ["FETCH", "GENERAL_PROTECTION", "UNKNOWN_PLACE", "describe_address", "describe_fault",
           "explain", "title"]

NULL_PAGE_BYTES = 64 * 1024
NEAR_STACK_BYTES = 64 * 1024
GENERAL_PROTECTION = 13
FETCH = 16  # the bit of a page fault's error code
_CANONICAL_HALF = 1 << 47
UNKNOWN_PLACE = "where nothing of the image is"

_EXCEPTIONS = {
    0: ("divide error", "An integer was divided by zero, or the quotient does not fit."),
    1: ("debug exception", "A debug exception that nobody asked for."),
    3: ("breakpoint", "The program executed a breakpoint instruction."),
    4: ("overflow", "The program asked for a trap on overflow."),
    5: ("bound range exceeded", "The program asked for a trap on a range check."),
    6: ("invalid opcode", "The processor met bytes that are no instruction: "
        "__builtin_trap(), a jump into data, or an instruction this CPU model lacks."),
    7: ("device not available", "Floating point was used while it is switched off."),
    8: ("double fault", "A fault happened while the processor delivered a fault."),
    10: ("invalid TSS", "The runtime's task state segment is damaged."),
    11: ("segment not present", "A segment register was loaded with a missing segment."),
    12: ("stack-segment fault", "A stack access used an address that cannot exist."),
    GENERAL_PROTECTION:
        ("general protection fault", "Mostly an address that cannot exist (bits 48 to 63 "
         "must all equal bit 47), such as a pointer read from freed or overwritten memory."),
    16: ("x87 floating-point error", "An unmasked floating-point exception."),
    17: ("alignment check", "A misaligned access while alignment checks are on."),
    18: ("machine check", "The machine reported a hardware error."),
    19: ("SIMD floating-point error", "An unmasked floating-point exception."),
}

_TITLES = {
    PanicKind.NONE: "no reason given",
    PanicKind.ASSERTION: "an assertion of the runtime failed",
    PanicKind.PAGE_FAULT: "page fault",
    PanicKind.NULL_DEREFERENCE: "null pointer",
    PanicKind.STACK_OVERFLOW: "stack overflow",
    PanicKind.OUT_OF_MEMORY: "out of memory",
    PanicKind.PROTECTION: "memory protection",
}

_EXPLANATIONS = {
    PanicKind.NONE: "The record gives no reason.",
    PanicKind.ASSERTION:
        "The runtime checks what must always hold, and found that it did not. This is a "
        "mistake in rumpkit, or the program overwrote memory of the runtime: both live in "
        "one address space.",
    PanicKind.PAGE_FAULT:
        "The program used an address where no memory is: a wild pointer, an index far "
        "outside an array, or memory that was unmapped.",
    PanicKind.NULL_DEREFERENCE:
        "The program used a null pointer, or a member or element at a small offset from "
        "one. The lowest 64 KiB are never mapped, so that this is caught: check what "
        "returned the pointer (malloc, fopen, a list's next).",
    PanicKind.STACK_OVERFLOW:
        "The thread's stack is full and it touched the guard page below: recursion that "
        "does not end, or a large local array. Make the array static or malloc it, or "
        "give the thread a larger stack (pthread_attr_setstacksize).",
    PanicKind.PROTECTION:
        "The memory is there but does not allow this: constants and code cannot be "
        "written (a string literal, for instance), data cannot be executed.",
}

_SECTIONS = {"text": "the code", "rodata": "the constants", "data": "the variables",
             "bss": "the variables"}

_SIGNALS = {
    signal.SIGABRT: "The program gave up on its own: abort(), or an assert() that failed; "
                    "the console has its message.",
    signal.SIGFPE: "An arithmetic error: an integer division by zero.",
    signal.SIGILL: "The processor met bytes that are no instruction.",
    signal.SIGSEGV: "The program used memory that is not there or does not allow it.",
    signal.SIGBUS: "The program used memory that its mapping does not back.",
    signal.SIGTRAP: "The program met a breakpoint.",
    signal.SIGPIPE: "The program wrote to a pipe that nobody reads any more.",
}


def title(kind: PanicKind, record: Panic) -> str:
    """Return the panic's name, a few words."""
    if kind == PanicKind.EXCEPTION:
        return _EXCEPTIONS.get(record.vector, (f"CPU exception {record.vector}", ""))[0]
    if kind == PanicKind.SIGNAL:
        return f"killed by {_signal_name(record.signal)}"
    if kind == PanicKind.NULL_DEREFERENCE and record.error_code & FETCH:
        return "call of a null pointer"
    return _TITLES[kind]


def explain(kind: PanicKind, record: Panic, *, ram_bytes: int = 0, free_pages: int = 0) -> str:
    """Return what the panic means and where to look, a sentence or three."""
    if kind == PanicKind.EXCEPTION:
        text = _EXCEPTIONS.get(record.vector, ("", "An exception of the processor."))[1]
    elif kind == PanicKind.SIGNAL:
        text = _SIGNALS.get(record.signal, "The program did not handle the signal.")
    elif kind == PanicKind.OUT_OF_MEMORY:
        text = _explain_memory(ram_bytes, free_pages)
    else:
        text = _EXPLANATIONS[kind]
    if record.in_kernel and kind != PanicKind.ASSERTION:
        text += (" The runtime itself was running: a bad pointer given to a system call, or "
                 "a mistake in rumpkit.")
    return text


def _explain_memory(ram_bytes: int, free_pages: int) -> str:
    return (f"The guest has {ram_bytes / 2**20:.1f} MiB of RAM and {free_pages} free pages "
            "are left. Memory is given when it is first touched, so malloc may have succeeded "
            "long before. Boot it with more (memory_mib=…), or use less.")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def describe_fault(kind: PanicKind, record: Panic, registers: dict[str, int],
                   image: GuestImage) -> str:
    """Return where a page fault's address is, "" for a panic that has no such address."""
    if kind == PanicKind.STACK_OVERFLOW:
        return f"address {record.fault_address:#x}, below the end of its stack"
    if kind in (PanicKind.PAGE_FAULT, PanicKind.NULL_DEREFERENCE, PanicKind.PROTECTION):
        return describe_address(record.fault_address, registers, image)
    return ""


def describe_address(address: int, registers: dict[str, int], image: GuestImage) -> str:
    """Return in words what an address is: null, a symbol, near the stack pointer …"""
    if address < NULL_PAGE_BYTES:
        return f"{address} bytes from null" if address else "null"
    if _CANONICAL_HALF <= address < 2**64 - _CANONICAL_HALF:
        return "an address that cannot exist"
    found = image.symbols.at(address)
    if found:
        symbol, offset = found
        return f"in {symbol.name}+{offset:#x} ({symbol.kind}, layer {symbol.layer})"
    section = ElfFile.read(image.stripped_path).section_at(address)
    if section:
        layer = layer_of_section(section.name)
        what = _SECTIONS.get(section.name.lstrip(".").partition(".")[0], section.name)
        return f"in {what}" + (f" of layer {layer}" if layer else "")
    distance = address - registers.get("rsp", 0)
    if abs(distance) < NEAR_STACK_BYTES:
        side = "above" if distance >= 0 else "below"
        return f"{abs(distance)} bytes {side} the stack pointer"
    return UNKNOWN_PLACE
