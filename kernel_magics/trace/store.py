"""Keeps the newest trace records of a guest in bounded memory, and counts the others."""

from collections import deque

import numpy as np

from kernel_magics.trace.ring import WORDS

__all__ = ["RecordStore"]

_BLOCK_RECORDS = 32768


class RecordStore:
    """A queue of record rows, addressed by position: how many came before.

    keep: at least this many of the newest records are retained (64 bytes each).
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._blocks: deque[np.ndarray] = deque()
        self._filled = _BLOCK_RECORDS  # of the last block
        self.first = 0   # position of the oldest retained record
        self.end = 0     # position after the newest
        self.let_go = 0  # records dropped for newer ones

    def __len__(self) -> int:
        return self.end - self.first

    def append(self, rows: np.ndarray) -> None:
        """Add rows, u64[n, 8], and let go of the oldest blocks beyond the bound."""
        done = 0
        while done < len(rows):
            if self._filled == _BLOCK_RECORDS:
                self._blocks.append(np.empty((_BLOCK_RECORDS, WORDS), "<u8"))
                self._filled = 0
            count = min(_BLOCK_RECORDS - self._filled, len(rows) - done)
            self._blocks[-1][self._filled:self._filled + count] = rows[done:done + count]
            self._filled += count
            done += count
            self.end += count
            while len(self) - _BLOCK_RECORDS >= self._keep:
                self._blocks.popleft()
                self.first += _BLOCK_RECORDS
                self.let_go += _BLOCK_RECORDS

    def since(self, position: int) -> np.ndarray:
        """Return a copy of the retained rows from `position` on."""
        start = max(position, self.first)
        if start >= self.end:
            return np.empty((0, WORDS), "<u8")
        skip, offset = divmod(start - self.first, _BLOCK_RECORDS)
        parts = list(self._blocks)[skip:]
        parts[-1] = parts[-1][:self._filled]
        parts[0] = parts[0][offset:]
        return np.concatenate(parts)

    def clear(self) -> None:
        """Let go of everything; positions go on counting."""
        self._blocks.clear()
        self._filled = _BLOCK_RECORDS
        self.first = self.end
        self.let_go = 0
