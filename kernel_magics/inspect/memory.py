"""A guest's memory: how much is left, and what is at a virtual address."""

from __future__ import annotations

from typing import Any

from kernel_magics.inspect.ram import PAGE_BYTES, GuestRam

__all__ = ["GuestMemory"]


class GuestMemory:
    """Reads a guest's memory as the guest's own code sees it; `guest` is a boot.Guest."""

    def __init__(self, guest: Any) -> None:
        self._guest = guest

    @property
    def total_bytes(self) -> int:
        """Memory the guest's page allocator was given."""
        return int(self._guest.header.total_pages) * PAGE_BYTES

    @property
    def free_bytes(self) -> int:
        """Memory nobody uses now."""
        return int(self._guest.header.free_pages) * PAGE_BYTES

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return bytes at a virtual address: a symbol's, a pointer's, a stack's.

        Raises GuestError (attribute `address`) at the first page that is not mapped.
        """
        table = self._guest.header.page_table_address
        return GuestRam(self._guest.ram.read, table).read_virtual(address, size_bytes)

    def variable(self, name: str) -> bytes:
        """Return the bytes of a global variable of the program.

        Raises UsageError with the nearest names if there is no such symbol.
        """
        symbol = self._guest.image.symbols.find(name)
        return self.read(symbol.address, symbol.size_bytes)

    def __repr__(self) -> str:
        total, free = self.total_bytes, self.free_bytes
        return (f"{self._guest.name}: {(total - free) / 2**20:.1f} MiB of {total / 2**20:.1f} "
                f"MiB in use, {free / 2**20:.1f} MiB free")
