"""Functions of an image that end with a jump to another one, instead of a call and a return.

What is jumped to returns to where the jumping function would have: one who waits for it must
look there.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["jumping_to"]

_JUMP, _TWO_BYTES, _CONDITIONAL, _CONDITIONALS = 0xE9, 0x0F, 0x80, 16
_DISTANCE_BYTES = 4
_MOST_ROUNDS = 8


def jumping_to(image: Any, targets: Iterable[int]) -> set[int]:
    """Return where functions begin that jump to one of the targets, or to one that does.

    The machine code is not decoded: bytes that look like such a jump and are none cost a
    look now and then.
    """
    sources, destinations = _jumps(image.symbols.elf)
    found: set[int] = set()
    wanted = set(targets)
    for _ in range(_MOST_ROUNDS):
        hits = sources[np.isin(destinations, np.fromiter(wanted, np.int64, len(wanted)))]
        owners = {found_at[0].address for address in hits.tolist()
                  if (found_at := image.symbols.at(address)) is not None}
        wanted = owners - found
        if not wanted:
            break
        found |= wanted
    return found


def _jumps(elf: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return where something like a near jump is, and where it leads."""
    text = elf.section(".text")
    if text is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    code = np.frombuffer(elf.section_bytes(text), np.uint8)
    plain = np.flatnonzero(code == _JUMP) + 1
    conditional = np.flatnonzero((code[:-1] == _TWO_BYTES)
                                 & (code[1:] - np.uint8(_CONDITIONAL) < _CONDITIONALS)) + 2
    at = np.concatenate([plain, conditional])
    at = at[at + _DISTANCE_BYTES <= len(code)]
    parts = [code[at + byte].astype(np.int64) << 8 * byte for byte in range(_DISTANCE_BYTES)]
    distance = np.add.reduce(parts).astype(np.int32).astype(np.int64)
    return text.address + at, text.address + at + _DISTANCE_BYTES + distance
