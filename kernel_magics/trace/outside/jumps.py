"""Functions of an image that end with a jump to another one, instead of a call and a return.

What is jumped to returns to where the jumping function would have: one who waits for it must
look there.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["jumping_to"]

# Opcodes of a jump, near and short, and of the first of sixteen conditional ones.
_NEAR, _SHORT, _TWO_BYTES, _IF_NEAR, _IF_SHORT, _CONDITIONS = 0xE9, 0xEB, 0x0F, 0x80, 0x70, 16
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
    """Return where something like a jump is, and where it leads."""
    text = elf.section(".text")
    if text is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    code = np.frombuffer(elf.section_bytes(text), np.uint8)
    near = np.concatenate([
        np.flatnonzero(code == _NEAR) + 1,
        np.flatnonzero((code[:-1] == _TWO_BYTES) & (code[1:] - _IF_NEAR < _CONDITIONS)) + 2])
    short = np.flatnonzero((code == _SHORT) | (code - _IF_SHORT < _CONDITIONS)) + 1
    found = [(at, at + size + _distances(code, at, size))
             for at, size in ((near[near + 4 <= len(code)], 4), (short[short < len(code)], 1))]
    return (text.address + np.concatenate([at for at, _ in found]),
            text.address + np.concatenate([to for _, to in found]))


def _distances(code: np.ndarray, at: np.ndarray, size: int) -> np.ndarray:
    """Return the signed little-endian numbers of `size` bytes at these places."""
    value = np.zeros(len(at), np.int64)
    for byte in range(size):
        value |= code[at + byte].astype(np.int64) << 8 * byte
    sign = np.int64(1 << 8 * size - 1)
    return (value ^ sign) - sign
