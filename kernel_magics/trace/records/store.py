"""Keeps the newest trace records of a guest in bounded memory, and counts the others."""

from bisect import bisect_left
from collections import deque

import numpy as np

from kernel_magics.trace.records.ring import WORDS

__all__ = ["RecordStore"]

# Blocks of 8 MiB: large enough for NumPy to ask for huge pages, which makes touching
# them for the first time several times faster.
_BLOCK_RECORDS = 1 << 17
_TSC = 1  # word of a row


class RecordStore:
    """A queue of record rows, addressed by position: how many came before.

    keep: at least this many of the newest records are retained (64 bytes each).
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._block_records = max(min(_BLOCK_RECORDS, keep // 4), 1024)
        self._blocks: deque[np.ndarray] = deque()
        self._filled = self._block_records  # of the last block
        self._skipped = 0                   # of the first block, already let go
        self.first = 0   # position of the oldest retained record
        self.end = 0     # position after the newest
        self.let_go = 0  # records dropped for newer ones

    def __len__(self) -> int:
        return self.end - self.first

    def append(self, rows: np.ndarray) -> None:
        """Add rows, u64[n, 8], and let go of the oldest blocks beyond the bound."""
        done = 0
        while done < len(rows):
            if self._filled == self._block_records:
                self._blocks.append(np.empty((self._block_records, WORDS), "<u8"))
                self._filled = 0
            count = min(self._block_records - self._filled, len(rows) - done)
            self._blocks[-1][self._filled:self._filled + count] = rows[done:done + count]
            self._filled += count
            done += count
            self.end += count
            while len(self) - self._block_records >= self._keep:
                self.first += self._block_records - self._skipped
                self.let_go += self._block_records - self._skipped
                self._blocks.popleft()
                self._skipped = 0

    def forget_before(self, ticks: int) -> None:
        """Forget rows whose time stamp is this much older than the newest one's, as they are
        not wanted; they do not count as let go."""
        if not len(self):
            return
        newest = int(self._blocks[-1][self._filled - 1, _TSC])
        oldest = max(newest - ticks, 0)
        while len(self._blocks) > 1 and int(self._blocks[0][-1, _TSC]) < oldest:
            self.first += self._block_records - self._skipped
            self._blocks.popleft()
            self._skipped = 0
        block = self._blocks[0][:self._filled if len(self._blocks) == 1 else None, _TSC]
        # Records finished late are a few places from where their time would put them.  NumPy's
        # own search would copy the column first, 8 MiB apart, at every look at a ring.
        old = bisect_left(block, oldest, self._skipped)
        if old < len(block):
            self.first += old - self._skipped
            self._skipped = old

    def since(self, position: int) -> np.ndarray:
        """Return a copy of the retained rows from `position` on."""
        start = max(position, self.first)
        if start >= self.end:
            return np.empty((0, WORDS), "<u8")
        skip, offset = divmod(start - self.first + self._skipped, self._block_records)
        parts = list(self._blocks)[skip:]
        parts[-1] = parts[-1][:self._filled]
        parts[0] = parts[0][offset:]
        return np.concatenate(parts)

    def clear(self) -> None:
        """Let go of everything; positions go on counting."""
        self._blocks.clear()
        self._filled = self._block_records
        self._skipped = 0
        self.first = self.end
        self.let_go = 0
