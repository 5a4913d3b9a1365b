"""What lies behind a panic, told from who was called: an exception that nobody caught, an
assertion, a damaged heap, an overwritten return address.

Source: the Itanium C++ ABI's exception handling, section 2.4; musl's src/exit/assert.c and
src/malloc/mallocng; glibc's assert.c.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kernel_magics.boot.abi import Panic, PanicKind
from kernel_magics.errors import LabError
from kernel_magics.inspect.panics.explanations import FETCH, GENERAL_PROTECTION

if TYPE_CHECKING:
    from kernel_magics.inspect.stacks.backtrace import Frame

__all__ = ["cause_of"]

MOST_CONSOLE_LINES = 50  # of its end, that are searched
_CANONICAL_HALF = 1 << 47
_THROWN = re.compile(r"terminate called after throwing an instance of '([^'\n]{1,200})'"
                     r"(?:\r?\n\s*what\(\):\s*([^\r\n]{0,300}))?")
_ASSERTED = re.compile(r"Assertion failed: [^\r\n]{1,300}|"
                       r"[^\r\n]{1,300}: Assertion [^\r\n]{1,300}")
_HEAP = frozenset(("free", "__libc_free", "cfree", "realloc", "__libc_realloc", "malloc",
                   "__libc_malloc_impl", "__libc_malloc", "calloc", "get_meta",
                   "nontrivial_free", "alloc_slot", "_int_free", "_int_malloc",
                   "malloc_printerr", "operator delete", "operator new"))
_HEAP_TEXT = (
    "The C library's allocator met a block that is not as it left it: one that was freed twice, "
    "that no allocation returned, or memory beside it that was written past an end, mostly long "
    "before. Build with heap_calls=True (%%rumpbuild --heap-calls), and "
    "guest.memory.heap.calls says who allocated and who freed a block.")
_FETCH_TEXT = {
    PanicKind.NULL_DEREFERENCE:
        "A function was called through a null pointer: a pointer to a function, or a table of "
        "them, that was never set. The frame below is the caller.",
    PanicKind.PROTECTION:
        "What was to be executed is data: a function was called through a wrong pointer, or a "
        "return address was overwritten.",
    PanicKind.PAGE_FAULT:
        "What was to be executed is where no memory is: a function was called through a wild "
        "pointer, or a return address was overwritten.",
}


def cause_of(kind: PanicKind, record: Panic, registers: dict[str, int],
             frames: Sequence[Frame], guest: Any) -> str:
    """Return what the stack and the console say about a panic's cause, "" if nothing."""
    calls = _before_the_program(frames)
    if kind == PanicKind.SIGNAL:
        if "__cxa_throw" in calls or "__cxa_rethrow" in calls:
            return _uncaught(_console(guest))
        if "__assert_fail" in calls:
            said = _last(_ASSERTED, _console(guest))
            return f"An assert() failed. {said[0].strip()}" if said else ""
    if kind != PanicKind.OUT_OF_MEMORY and not record.in_kernel and calls & _HEAP \
            and any(frame.layer == "app" for frame in frames):
        return _HEAP_TEXT
    return _sent_astray(kind, record, registers.get("rip", 0))


def _before_the_program(frames: Sequence[Frame]) -> set[str]:
    """Return the functions of libraries that were called when it happened, up to the program's
    own code; what is inlined from a header is the library's."""
    calls = set()
    for frame in frames:
        if frame.layer == "app" and not frame.file.startswith("/usr/"):
            break
        calls.add(frame.function)
    return calls


def _uncaught(console: str) -> str:
    found = _last(_THROWN, console)
    what = ""
    if found:
        what = f" of type {found[1]}" + (f": {found[2]}" if found[2] else "")
    return (f"A C++ exception{what} was thrown and nothing caught it. The frame that called "
            "__cxa_throw threw it.")


def _sent_astray(kind: PanicKind, record: Panic, place: int) -> str:
    """Return what is to be said of a processor that was sent to where no code is."""
    is_nowhere = record.vector == GENERAL_PROTECTION and \
        _CANONICAL_HALF <= place < (1 << 64) - _CANONICAL_HALF
    if not is_nowhere and not (kind in _FETCH_TEXT and record.error_code & FETCH):
        return ""
    data = place.to_bytes(8, "little").rstrip(b"\0")
    is_text = len(data) >= 4 and all(32 <= byte < 127 for byte in data)
    if is_nowhere or is_text:
        says = f', which is the text "{data.decode("ascii")}"' if is_text else ""
        return (f"A function returned to {place:#x}{says}: its return address was overwritten, "
                "mostly by an array on the stack that was written past its end. The callers "
                "cannot be told any more; cflags=\"-fstack-protector-all\" finds the function.")
    return _FETCH_TEXT[kind]


def _console(guest: Any) -> str:
    try:
        return str(guest.console.tail(MOST_CONSOLE_LINES))
    except (AttributeError, LabError):
        return ""  # a dump, or a report made of a record alone


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)
