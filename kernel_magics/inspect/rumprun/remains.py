"""What is left of a program's stack in the RAM of a guest that destroyed its kernel.

A stack that overflows in a Rumprun guest runs over whatever lies below: other stacks, the
kernel's data, its code.  Then neither registers nor the list of threads are there to begin
with; but the calls themselves still lie in RAM, one return address after another.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernel_magics.build.elf import PT_LOAD, ElfFile
from kernel_magics.inspect.stacks.unwind import Activation, Unwinder

__all__ = ["remaining_calls"]

PIECE_BYTES = 1 << 20
MOST_RAM_BYTES = 1 << 30
MOST_TRIES = 5000
_RSP, _RIP = 7, 16


def remaining_calls(guest: Any, unwinder: Unwinder) -> Activation | None:
    """Return the innermost call of the longest row of calls in RAM that has one of the
    program's and leads to a thread's beginning; None if there is none."""
    best: list[Activation] = []
    covered: set[int] = set()
    tries = 0
    for slot, word in _return_addresses(guest):
        if slot in covered or not unwinder.is_return(word):
            continue
        tries += 1
        if tries > MOST_TRIES:
            break
        calls = unwinder.activations({"rip": word, "rsp": slot + 8}, after_call=True)
        covered.update(one.registers[_RSP] - 8 for one in calls)
        if len(calls) > len(best) and unwinder.is_outermost(calls[-1]) \
                and any(_is_program(guest, one) for one in calls):
            best = calls
    return best[0] if best else None


def _is_program(guest: Any, call: Activation) -> bool:
    found = guest.image.symbols.at(call.lookup)
    return found is not None and found[0].layer == "app"


def _return_addresses(guest: Any) -> Any:
    """Yield address and value of the words in RAM that are addresses of the image's code."""
    loads = [one for one in ElfFile.read(guest.image.path).segments if one.type == PT_LOAD]
    start = min(one.virtual_address for one in loads)
    end = max(one.virtual_address + one.file_bytes for one in loads if one.flags & 1)
    size = min(guest.ram.size_bytes, MOST_RAM_BYTES)
    for at in range(0, size, PIECE_BYTES):
        words = np.frombuffer(guest.ram.read(at, min(PIECE_BYTES, size - at)), "<u8")
        for index in np.flatnonzero((words > start) & (words < end)):
            yield at + 8 * int(index), int(words[index])
