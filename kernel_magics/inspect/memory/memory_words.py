"""A guest's memory as arrays of 64-bit words, whole pages at a time."""

import numpy as np

from kernel_magics.inspect.memory.ram import PAGE_BYTES, GuestRam

__all__ = ["words_of"]

_WORD_BYTES = 8


def words_of(ram: GuestRam, start: int, end: int) -> np.ndarray:
    """Return the aligned words of [start, end) as uint64; pages that are not mapped are left
    out."""
    start, end = start + -start % _WORD_BYTES, end - end % _WORD_BYTES
    parts = []
    at = start
    while at < end:
        stop = min(end, (at | (PAGE_BYTES - 1)) + 1)
        physical = ram.translate(at)
        if physical is not None:
            parts.append(ram.read(physical, stop - at))
        at = stop
    return np.frombuffer(b"".join(parts), "<u8")
