"""Reads a guest's trace ring out of its mapped RAM while the guest keeps writing.

The guest owns the ring and never waits for a reader, so a record can be overwritten
before it was read, or be half written when it is looked at.  Both are told from the
record's `sequence` and the ring's write index, and every record that was begun is in
the end either delivered once or counted as lost.  Nothing in guest RAM is believed:
each field of the header is checked against the mapping on every use.
"""

from collections.abc import Callable
from ctypes import sizeof

import numpy as np

from kernel_magics.boot import abi
from kernel_magics.errors import TraceError
from kernel_magics.trace.records.events import ENTER, EVENTS, FACT, RECORD

__all__ = ["RingReader", "WORDS"]

# Rows are handled as words: NumPy copies plain integers much faster than structures.
WORDS = RECORD.itemsize // 8
_SEQUENCE, _EVENT = 0, 2

# A reader that copies in pieces falls less far behind a fast writer than one that looks
# at the write index again only after the whole ring.
_PIECE_RECORDS = 8192
# Interrupts and thread switches leave some records unfinished for a while; more of them
# than this means damage.
_MAX_UNFINISHED = 1024
_MAX_GAPS = 65536
_MAX_INDEX = 1 << 62
_NEXT_STEP = "boot the guest again to trace it; its console and RAM can still be read"


class RingReader:
    """One reader's position in one guest's ring; not safe for several threads at once.

    ram: writable buffer of the guest's RAM, indexed by guest-physical address.
    header_address: where struct lab_header lies.  Raises TraceError if it can't.
    """

    def __init__(self, ram, header_address: int) -> None:
        self._ram = ram
        self._ram_bytes = memoryview(ram).nbytes
        self.header = self._map_header(header_address)
        self._place: tuple[int, int] | None = None  # address and capacity once attached
        self._slots = np.empty((0, WORDS), "<u8")
        # Used again and again: fresh memory would cost a page fault every 64 records.
        self._scratch = np.empty((_PIECE_RECORDS, WORDS), "<u8")
        self._next = 0
        self._unfinished = np.empty(0, np.int64)
        self.overwritten = 0  # records the guest wrote over before they were read
        self.torn = 0         # records begun and never finished
        self.damaged = 0      # finished records that hold nonsense
        self._gaps: list[int] = []

    @property
    def lost(self) -> int:
        """How many records were begun by the guest and will never be delivered."""
        return self.overwritten + self.torn + self.damaged

    @property
    def capacity(self) -> int:
        """How many records the ring holds; 0 while the guest has not made one."""
        return self._place[1] if self._place else 0

    def counters(self) -> np.ndarray | None:
        """Return calls since boot by event number, u64[1024]; None if none are to be had."""
        address, size = self.header.counters_address, EVENTS * 8
        if self.header.magic != abi.MAGIC or not 0 < address <= self._ram_bytes - size:
            return None
        return np.frombuffer(self._ram, np.uint8, size, address).copy().view("<u8")

    def forget_losses(self) -> None:
        """Count from zero again."""
        self.overwritten = self.torn = self.damaged = 0

    def separate(self) -> None:
        """Let no call begun before now be matched with an exit after it."""
        self._miss([self.header.ring_write_index])

    def gaps(self) -> np.ndarray:
        """Return indices where records are missing, one for each run of them, ascending."""
        return np.unique(np.array(self._gaps, np.int64))

    def drain(self, deliver: Callable[[np.ndarray], object], final: bool = False) -> None:
        """Hand over the records that were finished since the last call.

        deliver: gets u64[n, 8] rows, valid during its call only, nearly in order of
        `sequence` (records finished late come late).  final: the guest is known to have
        stopped, so what is unfinished now is lost.  Raises TraceError when the header or
        the whole ring is not credible.
        """
        if not self._attach():
            return
        end = self._begun()
        late = self._retry()
        start = max(self._next, end - self.capacity)
        if start > self._next:
            self.overwritten += start - self._next
            self._miss([self._next])
        count = self._deliver(late, deliver)
        for first in range(start, end, _PIECE_RECORDS):
            rows = self._take(first, min(first + _PIECE_RECORDS, end))
            self._next = min(first + _PIECE_RECORDS, end)
            count += self._deliver(rows, deliver)
        if final and len(self._unfinished):
            self.torn += len(self._unfinished)
            self._miss(self._unfinished)
            self._unfinished = self._unfinished[:0]
        self._believe(start, end, count)

    def _map_header(self, address: int) -> abi.Header:
        room = self._ram_bytes - sizeof(abi.Header)
        if address % 8 or not 0 <= address <= room:
            raise TraceError(f"the guest's header is said to be at {address:#x}, outside its"
                             f" {self._ram_bytes} bytes of RAM", address=address,
                             next_step="the image and the running guest may not belong together")
        return abi.Header.from_buffer(self._ram, address)

    def _attach(self) -> bool:
        """Find the ring, or check that it is still where it was found."""
        header = self.header
        if header.magic != abi.MAGIC or not header.ring_address:
            if self._place is None:
                return False  # not booted that far
            raise self._damage("the guest's header no longer describes its trace ring")
        if header.version != abi.ABI_VERSION:
            raise self._damage(f"the guest speaks ABI version {header.version}, this lab"
                               f" {abi.ABI_VERSION}")
        place = header.ring_address, header.ring_capacity
        if place == self._place:
            return True
        if self._place is not None:
            raise self._damage("the guest's trace ring has moved or changed its size")
        self._check(*place, header.ring_record_bytes)
        words = np.frombuffer(self._ram, "<u8", place[1] * WORDS, place[0])
        self._slots = words.reshape(-1, WORDS)
        self._place = place
        return True

    def _check(self, address: int, capacity: int, record_bytes: int) -> None:
        if record_bytes != RECORD.itemsize:
            raise self._damage(f"trace records of {record_bytes} bytes, expected"
                               f" {RECORD.itemsize}")
        if capacity == 0 or capacity & (capacity - 1):
            raise self._damage(f"a trace ring of {capacity} records, expected a power of two")
        if address % 8 or address + capacity * record_bytes > self._ram_bytes:
            raise self._damage(f"a trace ring of {capacity} records at {address:#x}, which"
                               f" does not lie in {self._ram_bytes} bytes of RAM")

    def _damage(self, found: str) -> TraceError:
        return TraceError(f"damaged trace ring: {found}", next_step=_NEXT_STEP)

    def _begun(self) -> int:
        """Read the write index: how many records the guest has begun."""
        end = self.header.ring_write_index
        if end < self._next:
            raise self._damage(f"the write index went back from {self._next} to {end}")
        if end > _MAX_INDEX:
            raise self._damage(f"the write index is {end:#x}")
        return end

    def _take(self, first: int, end: int) -> np.ndarray:
        """Copy the finished ones of records first..end-1 and note the others."""
        expected = np.arange(first + 1, end + 1, dtype=np.int64)
        finished = np.empty(end - first, bool)
        rows = self._scratch[:end - first]
        done = 0
        while done < len(rows):
            slot = (first + done) & (self.capacity - 1)
            count = min(self.capacity - slot, len(rows) - done)
            piece = slice(done, done + count)
            slots = self._slots[slot:slot + count]
            # The sequence is looked at before the rest is copied, and the write index
            # after: whatever was overwritten in between then shows.
            finished[piece] = slots[:, _SEQUENCE] == expected[piece]
            rows[piece] = slots
            done += count
        kept = self._begun() - self.capacity
        stale = min(max(kept - first, 0), len(rows))
        if stale:
            self.overwritten += stale
            self._miss([first])
        if stale or not finished.all():
            self._postpone(expected[stale:][~finished[stale:]] - 1)
            return rows[stale:][finished[stale:]]
        return rows

    def _retry(self) -> np.ndarray:
        """Return those unfinished earlier that are finished now."""
        waiting = self._unfinished
        if not len(waiting):
            return self._slots[:0]
        slots = waiting & (self.capacity - 1)
        finished = self._slots[slots, _SEQUENCE] == (waiting + 1).astype("<u8")
        rows = self._slots[slots]
        alive = waiting >= self._begun() - self.capacity
        self.overwritten += int((~alive).sum())
        self._miss(waiting[~alive])
        self._unfinished = waiting[alive & ~finished]
        return rows[alive & finished]

    def _postpone(self, indices: np.ndarray) -> None:
        waiting = np.concatenate([self._unfinished, indices])
        given_up = waiting[:-_MAX_UNFINISHED]
        self.torn += len(given_up)
        self._miss(given_up)
        self._unfinished = waiting[-_MAX_UNFINISHED:]

    def _deliver(self, rows: np.ndarray, deliver: Callable[[np.ndarray], object]) -> int:
        """Hand over the rows whose event and kind exist; return how many rows there were."""
        event = rows[:, _EVENT] & 0xFFFF
        kind = (rows[:, _EVENT] >> 16) & 0xFF
        sound = (event - 1 < EVENTS - 1) & (kind - ENTER <= FACT - ENTER)
        if not sound.all():
            self.damaged += int((~sound).sum())
            self._miss(rows[~sound, _SEQUENCE].astype(np.int64) - 1)
        if sound.any():
            deliver(rows if sound.all() else rows[sound])
        return len(rows)

    def _believe(self, start: int, end: int, finished: int) -> None:
        """Raise if a ring full of records has none that is what the index says."""
        if finished or end - start < self.capacity or self._begun() - end >= self.capacity:
            return
        raise self._damage(f"the write index is {end} and none of the {end - start} newest"
                           " records carries its sequence number")

    def _miss(self, indices) -> None:
        """Remember where records are missing; of a flood of places the newest."""
        self._gaps.extend(min(int(index), _MAX_INDEX) for index in indices)
        if len(self._gaps) > 2 * _MAX_GAPS:
            self._gaps = self.gaps()[-_MAX_GAPS:].tolist()
