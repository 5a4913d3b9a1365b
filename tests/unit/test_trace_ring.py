"""RingReader on rings laid out by hand: what is delivered, counted, refused."""

import ctypes

import numpy as np
import pytest

from kernel_magics.boot import abi
from kernel_magics.errors import TraceError
from kernel_magics.trace.records.events import ENTER, RECORD
from kernel_magics.trace.records.ring import RingReader
from kernel_magics.trace.records.table import Clock, call_table

RAM_BYTES = 1 << 20
HEADER_ADDRESS = 0x1000
RING_ADDRESS = 0x2000


class Ring:
    """A guest's RAM with a header and a ring, and the guest's way of writing to it."""

    def __init__(self, capacity: int = 16) -> None:
        self.ram = bytearray(RAM_BYTES)
        self.header = abi.Header.from_buffer(self.ram, HEADER_ADDRESS)
        self.header.magic = abi.MAGIC
        self.header.version = abi.ABI_VERSION
        self.header.tsc_hz = 1_000_000_000
        self.header.ring_address = RING_ADDRESS
        self.header.ring_record_bytes = RECORD.itemsize
        self.header.ring_capacity = capacity
        self.slots = np.frombuffer(self.ram, RECORD, capacity, RING_ADDRESS)

    def reader(self) -> RingReader:
        return RingReader(self.ram, HEADER_ADDRESS)

    def begin(self) -> int:
        index = self.header.ring_write_index
        self.header.ring_write_index = index + 1
        self.slot(index)["sequence"] = 0
        return index

    def finish(self, index: int, event: int = 64, kind: int = ENTER) -> None:
        slot = self.slot(index)
        slot["tsc"], slot["event"], slot["kind"] = index * 10, event, kind
        slot["sequence"] = index + 1

    def slot(self, index: int):
        return self.slots[index % len(self.slots)]

    def write(self, count: int) -> None:
        for _ in range(count):
            self.finish(self.begin())


def drain(reader: RingReader, final: bool = False) -> np.ndarray:
    parts = [np.empty((0, 8), "<u8")]
    reader.drain(lambda rows: parts.append(rows.copy()), final)
    return np.concatenate(parts)


def indices(rows: np.ndarray) -> list[int]:
    return [int(sequence) - 1 for sequence in rows[:, 0]]


def test_delivers_each_record_once_across_the_wrap():
    ring = Ring()
    reader = ring.reader()
    seen = []
    for count in (0, 1, 15, 16, 7, 12, 0, 3):
        ring.write(count)
        seen += indices(drain(reader))
    assert seen == list(range(54))
    assert reader.lost == 0


def test_counts_what_was_overwritten_exactly():
    ring = Ring()
    reader = ring.reader()
    ring.write(5)
    assert len(drain(reader)) == 5
    ring.write(40)
    assert indices(drain(reader)) == list(range(29, 45))
    assert reader.overwritten == reader.lost == 24
    assert reader.gaps().tolist() == [5]


def test_an_unfinished_record_is_delivered_when_it_is_finished():
    ring = Ring()
    reader = ring.reader()
    ring.write(2)
    cut_short = ring.begin()
    ring.write(3)
    assert indices(drain(reader)) == [0, 1, 3, 4, 5]
    assert indices(drain(reader)) == []
    ring.finish(cut_short)
    ring.write(1)
    assert indices(drain(reader)) == [2, 6]
    assert reader.lost == 0


def test_an_unfinished_record_is_lost_when_it_is_overwritten():
    ring = Ring()
    reader = ring.reader()
    ring.begin()
    drain(reader)
    ring.write(16)
    assert indices(drain(reader)) == list(range(1, 17))
    assert reader.overwritten == 1


def test_an_unfinished_record_is_torn_when_the_guest_has_ended():
    ring = Ring()
    reader = ring.reader()
    ring.write(2)
    ring.begin()
    assert indices(drain(reader, final=True)) == [0, 1]
    assert reader.torn == reader.lost == 1


@pytest.mark.parametrize(("event", "kind"), [(0, 1), (1024, 1), (65535, 2), (64, 0), (64, 7)])
def test_a_record_of_nonsense_is_counted_not_delivered(event, kind):
    ring = Ring()
    reader = ring.reader()
    ring.write(1)
    ring.finish(ring.begin(), event, kind)
    ring.write(1)
    assert indices(drain(reader)) == [0, 2]
    assert reader.damaged == reader.lost == 1


def test_no_ring_yet_is_no_error():
    ring = Ring()
    ring.header.magic = 0
    reader = ring.reader()
    assert len(drain(reader)) == 0
    ring.header.magic, ring.header.ring_address = abi.MAGIC, 0
    assert len(drain(reader)) == 0
    assert reader.capacity == 0


@pytest.mark.parametrize("address", [-8, 4, RAM_BYTES - 8, RAM_BYTES, 1 << 40, 2**64 - 8])
def test_refuses_a_header_outside_the_ram(address):
    with pytest.raises(TraceError, match="header"):
        RingReader(bytearray(RAM_BYTES), address)


@pytest.mark.parametrize(("field", "value", "said"), [
    ("ring_capacity", 0, "power of two"),
    ("ring_capacity", 17, "power of two"),
    ("ring_capacity", 0xFFFFFFFF, "power of two"),
    ("ring_capacity", 1 << 31, "does not lie"),
    ("ring_address", RING_ADDRESS + 4, "does not lie"),
    ("ring_address", RAM_BYTES - 64, "does not lie"),
    ("ring_address", 2**64 - 64, "does not lie"),
    ("ring_record_bytes", 0, "0 bytes"),
    ("ring_record_bytes", 128, "128 bytes"),
    ("ring_write_index", 2**64 - 1, "write index"),
    ("ring_write_index", 1 << 40, "sequence"),
    ("version", 2, "version"),
])
def test_refuses_a_header_that_lies(field, value, said):
    ring = Ring()
    setattr(ring.header, field, value)
    with pytest.raises(TraceError, match=said) as caught:
        drain(ring.reader())
    assert caught.value.next_step


@pytest.mark.parametrize(("field", "value", "said"), [
    ("ring_write_index", 3, "went back"),
    ("ring_capacity", 32, "changed its size"),
    ("ring_address", RING_ADDRESS + 64, "moved"),
    ("ring_address", 0, "no longer"),
    ("magic", 0, "no longer"),
])
def test_refuses_a_header_that_changes(field, value, said):
    ring = Ring()
    reader = ring.reader()
    ring.write(5)
    drain(reader)
    setattr(ring.header, field, value)
    with pytest.raises(TraceError, match=said):
        drain(reader)


def test_goes_on_after_the_header_is_sound_again():
    ring = Ring()
    reader = ring.reader()
    ring.write(5)
    drain(reader)
    ring.header.ring_write_index = 1
    with pytest.raises(TraceError):
        drain(reader)
    ring.header.ring_write_index = 5
    ring.write(2)
    assert indices(drain(reader)) == [5, 6]


@pytest.mark.parametrize("seed", range(150))
def test_any_damage_ends_in_an_error_or_in_bounded_results(seed):
    """Flip random bytes of header and ring between reads; nothing else may happen."""
    random = np.random.default_rng(seed)
    ring = Ring(capacity=int(2 ** random.integers(0, 8)))
    reader = ring.reader()
    area = np.frombuffer(ring.ram, np.uint8)
    end = RING_ADDRESS + len(ring.slots) * RECORD.itemsize
    ends = [HEADER_ADDRESS + ctypes.sizeof(abi.Header), end, RAM_BYTES]
    for _ in range(8):
        if ring.header.ring_write_index < 1 << 40:
            ring.write(int(random.integers(0, 40)))
        for _ in range(random.integers(0, 6)):
            start, stop = [(HEADER_ADDRESS, ends[0]), (RING_ADDRESS, end)][random.integers(2)]
            area[random.integers(start, stop)] = random.integers(256)
        try:
            rows = drain(reader, final=bool(random.integers(2)))
            clock = Clock(ring.header.tsc_hz, ring.header.phase_tsc[0])
            table, held = call_table(rows, clock, reader.gaps(), hold=bool(random.integers(2)))
        except TraceError:
            continue
        assert len(table) + len(held) <= len(rows) <= RAM_BYTES // RECORD.itemsize
        assert reader.lost >= 0


def test_random_ram_is_no_ring():
    random = np.random.default_rng(1)
    for _ in range(50):
        ram = bytearray(random.bytes(RAM_BYTES))
        assert len(drain(RingReader(ram, HEADER_ADDRESS))) == 0
