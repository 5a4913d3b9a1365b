"""Which addresses of a guest mean which RAM: by its page tables, or one to one.

Guests of rumpkit say where their page tables are.  Those of upstream Rumprun map the lowest
4 GiB one to one with tables that never change, all but the first page.

Source: images/rumpkit/bmk/map.c; platform/hw/arch/amd64/pagetable.S of
github.com/rumpkernel/rumprun.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernel_magics.boot.ram import LOW_BYTES
from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.ram import PAGE_BYTES, GuestRam

__all__ = ["DIRECT_BASE", "DIRECT_END", "IdentityRam", "is_identity_mapped", "kit_of",
           "memory_of"]

DIRECT_BASE = 0xFFFF_8000_0000_0000
"""Where the runtime of rumpkit sees all of RAM: address = DIRECT_BASE + physical address."""

DIRECT_END = DIRECT_BASE + (1 << 46)
_IDENTITY_KITS = frozenset({"rumprun"})


class IdentityRam(GuestRam):
    """RAM whose virtual addresses are its physical ones, without the first page.

    `size_bytes` is how much of it lies below 4 GiB.
    """

    def __init__(self, read_physical: Callable[[int, int], bytes], size_bytes: int) -> None:
        super().__init__(read_physical)
        self._end = size_bytes

    def translate(self, address: int) -> int | None:
        """Return the address itself, None where there is no RAM or the first page is."""
        return address if PAGE_BYTES <= address < self._end else None

    def read_virtual(self, address: int, size_bytes: int) -> bytes:
        """Return bytes; raises GuestError (attribute `address`) where nothing is mapped."""
        if address >= PAGE_BYTES and address + size_bytes <= self._end:
            return self.read(address, size_bytes)
        wrong = address if self.translate(address) is None else self._end
        raise GuestError(f"address {wrong:#x} of the guest is not mapped", address=wrong,
                         next_step="guest.panic or guest.threads give mapped ones")


def kit_of(subject: Any) -> str:
    """Return the kit that a subject's image is of: "rumpkit", "rumprun", or "" if unknown."""
    known = getattr(getattr(subject, "record", None), "kit", None)
    return str(known if known is not None else subject.image.kit)


def is_identity_mapped(subject: Any) -> bool:
    """Whether a subject's virtual addresses are its physical ones."""
    return kit_of(subject) in _IDENTITY_KITS


def memory_of(subject: Any, page_table: int = 0) -> GuestRam:
    """Return a subject's memory by virtual address.

    `page_table` is the physical address of a process's level-4 table, by default of the one
    in use.  Raises GuestError if the guest does not say where its tables are.
    """
    if is_identity_mapped(subject):
        return IdentityRam(subject.ram.read, min(subject.ram.size_bytes, LOW_BYTES))
    return GuestRam(subject.ram.read, page_table or subject.header.page_table_address)
