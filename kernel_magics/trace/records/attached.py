"""What goes with events: the bytes of their arguments, and their stacks.

The guest writes these records right behind the event they belong to, so they are found by
their sequence numbers.  Where one of them was lost, what is left of its run is dropped.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kernel_magics.boot import abi
from kernel_magics.trace.records.events import DATA, FACT, INSTANT, STACK
from kernel_magics.trace.records.ring import WORDS

__all__ = ["Attached", "Excerpt", "RawStack", "attached", "split"]

_SEQUENCE, _WHAT, _ARGS, _LAST = 0, 2, 3, 7
_KIND_BIT, _DETAIL_BIT = 16, 24
_PART_BYTES = 32
_WORDS_PART = 5
_HALF = (1 << 32) - 1
_STACK_PARTS = tuple(int(getattr(abi.StackPart, name)) for name in ("FRAMES", "REGISTERS", "WORDS"))


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The first bytes of an argument: `data` of `total_bytes` that it has."""

    argument: int
    data: bytes
    total_bytes: int


@dataclass(frozen=True, slots=True)
class RawStack:
    """A stack as it was recorded: return addresses in the runtime, innermost first; the
    program's registers (rip, rsp, rbp, rbx, r12), if any; words of its stack from rsp up."""

    frames: tuple[int, ...]
    registers: tuple[int, ...]
    words: tuple[int, ...]


@dataclass(frozen=True)
class Attached:
    """Runs of attached rows by the sequence number of the event they belong to."""

    rows: np.ndarray
    owners: np.ndarray  # ascending; of each run
    starts: np.ndarray  # of each run in rows, and the end of the last

    def _run(self, sequence: int) -> np.ndarray:
        at = int(np.searchsorted(self.owners, sequence))
        if at == len(self.owners) or self.owners[at] != sequence:
            return self.rows[:0]
        return self.rows[self.starts[at]:self.starts[at + 1]]

    def excerpts(self, sequence: int) -> list[Excerpt]:
        """Return the bytes recorded with an event, by argument."""
        return _excerpts(self._run(sequence))

    def stack(self, sequence: int) -> RawStack | None:
        """Return the stack recorded with an event, None if there is none."""
        return _stack(self._run(sequence))

    def stacks(self) -> Iterator[tuple[int, RawStack]]:
        """Yield the sequence number and the stack of each event that has one."""
        kinds = _kind(self.rows)
        for owner, first, end in zip(self.owners, self.starts, self.starts[1:], strict=False):
            if kinds[end - 1] == STACK and (found := _stack(self.rows[first:end])):
                yield int(owner), found


def split(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the events among rows, u64[n, 8], what is attached to them, and the facts."""
    kind = _kind(rows)
    events = kind <= INSTANT
    if events.all():
        return rows, rows[:0], rows[:0]
    others = rows[~events]
    facts = kind[~events] == FACT
    return rows[events], others[~facts], others[facts]


def attached(rows: np.ndarray) -> Attached:
    """Return attached rows, which `split` gave, by their events."""
    rows = rows[np.argsort(rows[:, _SEQUENCE], kind="stable")]
    sequence = rows[:, _SEQUENCE].astype(np.int64)
    begins = np.flatnonzero(np.r_[True, np.diff(sequence) != 1]) if len(rows) else sequence
    return Attached(rows, sequence[begins] - 1, np.r_[begins, len(rows)])


def _kind(rows: np.ndarray) -> np.ndarray:
    return (rows[:, _WHAT] >> _KIND_BIT).astype(np.uint8)


def _detail(row: np.ndarray) -> int:
    return int(row[_WHAT]) >> _DETAIL_BIT & 0xFF


def _excerpts(rows: np.ndarray) -> list[Excerpt]:
    found: dict[int, tuple[bytes, int]] = {}
    for row in rows[_kind(rows) == DATA]:
        argument, last = _detail(row), int(row[_LAST])
        total, offset = last & _HALF, last >> 32
        before = found.get(argument, (b"", total))[0]
        if offset == len(before):  # else a part was lost, or the guest lies
            part = row[_ARGS:_ARGS + 4].tobytes()[:max(0, min(total - offset, _PART_BYTES))]
            found[argument] = before + part, total
    most = max(abi.DATA_BYTES_MOST, abi.PACKET_BYTES_MOST)
    return [Excerpt(argument, data[:most], total) for argument, (data, total) in found.items()]


def _stack(rows: np.ndarray) -> RawStack | None:
    rows = rows[_kind(rows) == STACK] if len(rows) else rows
    if not len(rows):
        return None
    detail = rows[:, _WHAT] >> _DETAIL_BIT & 0xFF
    parts = rows[:, _ARGS:WORDS]
    frames, registers, words = (parts[detail == part].ravel().tolist() for part in _STACK_PARTS)
    frames = [address for address in frames if address]
    if not frames and not registers:
        return None
    return RawStack(tuple(frames), tuple(registers[:_WORDS_PART]), tuple(words))
