"""A guest's memory by virtual address: the page-table walk of x86-64.

Source: Intel SDM volume 3, section 4.5, "4-level paging".
"""

from collections.abc import Callable

from kernel_magics.errors import GuestError

__all__ = ["GuestRam", "PAGE_BYTES"]

PAGE_BYTES = 4096
_PRESENT, _LARGE = 1, 1 << 7
_ADDRESS_MASK = 0x000F_FFFF_FFFF_F000
# Bits of a virtual address below which each level's entry maps, top level first.
_LEVEL_SHIFTS = (39, 30, 21, 12)


class GuestRam:
    """Reads physical and virtual addresses of a guest.

    `read_physical(address, size_bytes)` returns bytes or raises GuestError beyond the RAM;
    `page_table` is the physical address of the level-4 table, what cr3 holds.
    """

    def __init__(self, read_physical: Callable[[int, int], bytes], page_table: int = 0) -> None:
        self._read = read_physical
        self.page_table = page_table & _ADDRESS_MASK

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return bytes at a physical address; raises GuestError beyond the guest's RAM."""
        return bytes(self._read(address, size_bytes))

    def translate(self, address: int) -> int | None:
        """Return the physical address behind a virtual one, None if it is not mapped."""
        table = self.page_table
        for shift in _LEVEL_SHIFTS:
            index = address >> shift & 511
            entry = int.from_bytes(self.read(table + 8 * index, 8), "little")
            if not entry & _PRESENT:
                return None
            if shift == 12 or (shift in (30, 21) and entry & _LARGE):
                offset_mask = (1 << shift) - 1
                return entry & _ADDRESS_MASK & ~offset_mask | address & offset_mask
            table = entry & _ADDRESS_MASK
        return None

    def read_virtual(self, address: int, size_bytes: int) -> bytes:
        """Return bytes at a virtual address.

        Raises GuestError (attribute `address`) at the first page that is not mapped.
        """
        parts = []
        while size_bytes > 0:
            physical = self.translate(address)
            if physical is None:
                raise GuestError(f"address {address:#x} of the guest is not mapped",
                                 next_step="guest.panic or guest.threads give mapped ones",
                                 address=address)
            count = min(size_bytes, PAGE_BYTES - address % PAGE_BYTES)
            parts.append(self.read(physical, count))
            address, size_bytes = address + count, size_bytes - count
        return b"".join(parts)
