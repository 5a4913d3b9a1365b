"""Page tables made by hand: what they map, and tables that lie."""

from struct import pack_into

import pytest

from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.page_tables import MappedRange, PageTables

PRESENT, WRITE, LARGE, NO_EXECUTE = 1, 2, 1 << 7, 1 << 63
ROOT, UPPER, MIDDLE, LOWER = 0x1000, 0x2000, 0x3000, 0x4000


class Memory:
    """64 KiB of RAM with the chain of tables for the lowest addresses."""

    def __init__(self) -> None:
        self.data = bytearray(1 << 16)
        for table, following in ((ROOT, UPPER), (UPPER, MIDDLE), (MIDDLE, LOWER)):
            self.set(table, 0, following | PRESENT | WRITE)

    def set(self, table: int, index: int, entry: int) -> None:
        pack_into("<Q", self.data, table + 8 * index, entry)

    def read(self, address: int, size_bytes: int) -> bytes:
        if address < 0 or address + size_bytes > len(self.data):
            raise GuestError("outside")
        return bytes(self.data[address:address + size_bytes])


@pytest.fixture
def memory() -> Memory:
    return Memory()


def tables(memory: Memory) -> PageTables:
    return PageTables(memory.read, ROOT | 0x18)  # cr3 has flags in its low bits


def test_neighbours_with_the_same_permissions_are_one_range(memory: Memory) -> None:
    for index in range(3):
        memory.set(LOWER, index, 0x8000 + index * 0x1000 | PRESENT | WRITE | NO_EXECUTE)
    memory.set(LOWER, 3, 0xB000 | PRESENT)
    memory.set(LOWER, 5, 0xC000 | PRESENT)
    memory.set(LOWER, 6, 0xD000 | WRITE)  # not present
    found = tables(memory)
    assert found.ranges() == [
        MappedRange(0, 0x3000, 0x8000, "rw-"), MappedRange(0x3000, 0x4000, 0xB000, "r-x"),
        MappedRange(0x5000, 0x6000, 0xC000, "r-x")]
    assert not found.problems
    assert found.tables == {ROOT, UPPER, MIDDLE, LOWER}


def test_large_pages_and_the_upper_half(memory: Memory) -> None:
    memory.set(MIDDLE, 2, 0x200000 | PRESENT | WRITE | LARGE | NO_EXECUTE)
    memory.set(ROOT, 256, 0x5000 | PRESENT)
    memory.set(0x5000, 0, PRESENT | WRITE | LARGE)  # 1 GiB
    assert tables(memory).ranges() == [
        MappedRange(0x400000, 0x600000, 0x200000, "rw-"),
        MappedRange(0xFFFF800000000000, 0xFFFF800040000000, 0, "rwx")]


def test_only_the_interval_is_read(memory: Memory) -> None:
    memory.set(LOWER, 0, 0x8000 | PRESENT)
    memory.set(LOWER, 9, 0x9000 | PRESENT)
    memory.set(ROOT, 256, 0xFFFF_F000 | PRESENT)  # never looked at
    found = tables(memory)
    assert [one.start for one in found.ranges(0x9000, 0xA000)] == [0x9000]
    assert not found.problems


def test_a_table_that_is_its_own_is_reported_and_ends(memory: Memory) -> None:
    memory.set(LOWER, 0, 0x8000 | PRESENT)
    for index in range(1, 200):
        memory.set(UPPER, index, UPPER | PRESENT)
    found = tables(memory)
    assert [one.physical for one in found.ranges()] == [0x8000]
    assert found.problems and all("used twice" in one for one in found.problems)


def test_tables_outside_the_ram_are_reported_and_left_out(memory: Memory) -> None:
    memory.set(LOWER, 0, 0x8000 | PRESENT)
    memory.set(ROOT, 1, 0xFFFF_FFFF_F000 | PRESENT)
    found = tables(memory)
    assert len(found.ranges()) == 1
    assert found.problems == ["a page table would be at 0xfffffffff000, outside the RAM"]
