"""One process's memory by virtual address, quickly: translations once looked up are kept."""

from __future__ import annotations

from typing import Any

from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.mapping import (
    DIRECT_BASE,
    DIRECT_END,
    is_identity_mapped,
    memory_of,
)
from kernel_magics.inspect.memory.ram import PAGE_BYTES

__all__ = ["AddressSpace"]


class AddressSpace:
    """Reads the memory of a subject as one of its processes sees it.

    `page_table` is the physical address of the process's level-4 table, by default of the
    one in use; `is_default` tells that apart.  A guest that maps its RAM one to one has no
    tables to look at (`page_table` 0) and one address space.  Meant for one look: the tables
    of a running guest change.
    """

    def __init__(self, subject: Any, page_table: int = 0) -> None:
        self._subject = subject
        self._read = subject.ram.read
        self.is_default = not page_table
        self._walk = memory_of(subject, page_table)
        self.page_table = self._walk.page_table
        self._is_identity = is_identity_mapped(subject)
        self._pages: dict[int, int | None] = {}

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return memory; raises GuestError (attribute `address`) where nothing is mapped."""
        if self._is_identity:
            return self._walk.read_virtual(address, size_bytes)
        # The runtime's own view of RAM needs no tables, which may be half written just now.
        if DIRECT_BASE <= address < DIRECT_END:
            return bytes(self._read(address - DIRECT_BASE, size_bytes))
        parts = []
        while size_bytes > 0:
            offset = address % PAGE_BYTES
            count = min(size_bytes, PAGE_BYTES - offset)
            parts.append(bytes(self._read(self._page(address - offset) + offset, count)))
            address, size_bytes = address + count, size_bytes - count
        return b"".join(parts)

    @property
    def is_mapped(self) -> bool:
        """Whether there is anything to see: a guest that has just begun has no tables."""
        return self._is_identity or bool(self.page_table)

    def _page(self, page: int) -> int:
        if page not in self._pages:
            self._pages[page] = self._walk.translate(page)
        physical = self._pages[page]
        if physical is None:
            raise GuestError(f"address {page:#x} of the guest is not mapped", address=page,
                             next_step="the pointer may be wild, or the page not yet touched")
        return physical

    def word(self, address: int, size_bytes: int = 8) -> int | None:
        """Return a number of so many bytes, None where nothing is mapped."""
        try:
            return int.from_bytes(self.read(address, size_bytes), "little")
        except GuestError:
            return None
