"""inspect/memory/ram.py: page tables laid out by hand after the processor's manual."""

import pytest

from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.ram import PAGE_BYTES, GuestRam

PRESENT, WRITABLE, LARGE, NO_EXECUTE = 1, 2, 1 << 7, 1 << 63


class Memory:
    """Physical memory of 64 pages with entries that a test sets."""

    def __init__(self):
        self.bytes = bytearray(64 * PAGE_BYTES)

    def entry(self, table, index, value):
        at = table + index * 8
        self.bytes[at:at + 8] = value.to_bytes(8, "little")

    def read(self, address, size_bytes):
        if address + size_bytes > len(self.bytes):
            raise GuestError("beyond the guest's RAM")
        return bytes(self.bytes[address:address + size_bytes])


@pytest.fixture
def memory():
    memory = Memory()
    # Level 4 at 0x1000, then 0x2000, 0x3000, 0x4000 for one path down to 4 KiB pages.
    memory.entry(0x1000, 1, 0x2000 | PRESENT | WRITABLE)
    memory.entry(0x2000, 2, 0x3000 | PRESENT)
    memory.entry(0x3000, 3, 0x4000 | PRESENT)
    memory.entry(0x4000, 4, 0x8000 | PRESENT | NO_EXECUTE)
    memory.entry(0x4000, 5, 0x6000 | PRESENT)
    return memory


BASE = 1 << 39 | 2 << 30 | 3 << 21 | 4 << 12


def test_four_levels(memory):
    ram = GuestRam(memory.read, 0x1000 | 0x18)  # cr3 has flags in its low bits
    assert ram.translate(BASE) == 0x8000
    assert ram.translate(BASE + 0xFFF) == 0x8FFF
    assert ram.translate(BASE + 0x1000) == 0x6000
    assert ram.translate(BASE + 0x2000) is None
    assert ram.translate(0) is None


def test_large_pages(memory):
    memory.entry(0x3000, 7, 0x20_0000 | PRESENT | LARGE)
    memory.entry(0x2000, 9, 0x8000_0000 | PRESENT | LARGE)
    ram = GuestRam(memory.read, 0x1000)
    assert ram.translate((1 << 39 | 2 << 30 | 7 << 21) + 0x12345) == 0x21_2345
    assert ram.translate((1 << 39 | 9 << 30) + 0x1234567) == 0x8123_4567


def test_read_crosses_pages_that_are_not_neighbours(memory):
    memory.bytes[0x8FFE:0x9000] = b"ab"
    memory.bytes[0x6000:0x6002] = b"cd"
    ram = GuestRam(memory.read, 0x1000)
    assert ram.read_virtual(BASE + 0xFFE, 4) == b"abcd"
    assert ram.read_virtual(BASE, 0) == b""
    assert ram.read(0x8FFE, 2) == b"ab"


def test_unmapped_page_is_named(memory):
    ram = GuestRam(memory.read, 0x1000)
    with pytest.raises(GuestError) as caught:
        ram.read_virtual(BASE + 0x1FFE, 4)
    assert caught.value.address == BASE + 0x2000


def test_table_that_points_outside_ram(memory):
    memory.entry(0x1000, 0, 0xFFFF_F000 | PRESENT)
    with pytest.raises(GuestError, match="beyond"):
        GuestRam(memory.read, 0x1000).translate(0x1000)
