"""Matches the two records of each call: its enter with its exit.

They are matched for each thread and event like brackets, so recursion works, and never
across a place where records were lost, because there the partner of an enter may be
missing and a wrong one taken.
"""

import numpy as np

from kernel_magics.trace.records.events import ENTER, EVENTS

__all__ = ["KIND_BIT", "THREAD_BIT", "adjacent_pairs", "nested_pairs"]

# Bits of a record's third word, which holds event, kind, detail and thread.
KIND_BIT, THREAD_BIT = 16, 32


def adjacent_pairs(what: np.ndarray, sequence: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Return positions of enters whose exit is the very next record.

    Most calls call nothing that is recorded, and are found so in a few comparisons.
    """
    return np.flatnonzero((kind[:-1] == ENTER) & (what[1:] - what[:-1] == 1 << KIND_BIT)
                          & (sequence[1:] - sequence[:-1] == 1))


def nested_pairs(what: np.ndarray, sequence: np.ndarray,
                 gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions of enters, of their exits, and of enters that are still open.

    Within one thread and event the nesting level of an enter equals that of its exit, and
    between the two there is no other record of that level.
    """
    key = _thread_codes(what >> THREAD_BIT) * EVENTS + (what & 0xFFFF).astype(np.int64)
    order = np.argsort(_narrow(key), kind="stable")
    key = key[order]
    is_enter = (what[order] >> KIND_BIT).astype(np.uint8) == ENTER
    depth = np.cumsum(np.where(is_enter, 1, -1))
    begins = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    before = np.r_[0, depth[begins[1:] - 1]]
    level = depth + ~is_enter - np.repeat(before, np.diff(np.r_[begins, len(key)]))
    if level.min() != level.max():
        again = np.lexsort((level, key))  # stable: within a level still by time
        order, key, is_enter, level = order[again], key[again], is_enter[again], level[again]
    same = (key[1:] == key[:-1]) & (level[1:] == level[:-1])
    together = is_enter[:-1] & ~is_enter[1:] & same
    still_open = is_enter & ~np.r_[same, False]
    if len(gaps):
        era = np.searchsorted(gaps, sequence[order].astype(np.int64) - 1, "right")
        together &= era[1:] == era[:-1]
        still_open &= era == len(gaps)
    first = np.flatnonzero(together)
    return order[first], order[first + 1], np.sort(order[still_open])


def _thread_codes(thread: np.ndarray) -> np.ndarray:
    """Number threads densely; their numbers are small unless the ring is damaged."""
    if thread.max() < EVENTS:
        return thread.astype(np.int64)
    return np.unique(thread, return_inverse=True)[1]


def _narrow(key: np.ndarray) -> np.ndarray:
    """Renumber keys to 16 bits where that fits: NumPy then sorts in linear time."""
    used = np.flatnonzero(np.bincount(key))
    if len(used) > 0xFFFF:
        return key
    codes = np.zeros(used[-1] + 1, np.uint16)
    codes[used] = np.arange(len(used), dtype=np.uint16)
    return codes[key]
