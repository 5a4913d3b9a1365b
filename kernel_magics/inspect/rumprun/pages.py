"""What the pages of a Rumprun guest's RAM are used for."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from kernel_magics.build.elf import PT_LOAD, ElfFile
from kernel_magics.inspect.memory.page_allocator import PageAllocator
from kernel_magics.inspect.memory.ram import PAGE_BYTES
from kernel_magics.inspect.rumprun.heap import read_heap
from kernel_magics.inspect.rumprun.page_books import PageBooks, read_books, stacks_of
from kernel_magics.inspect.rumprun.structures import Structures

__all__ = ["RumprunPages"]

_USES = ("whole pages of the kernel", "free", "program's heap", "rump kernel's heap",
         "bmk's heap", "stacks", "image", "page allocator's own", "not the allocator's")
_WHOLE, _FREE, _PROGRAM, _KERNEL, _BMK, _STACKS, _IMAGE, _OWN, _OUTSIDE = range(len(_USES))
_OWNERS = (_BMK, _KERNEL, _PROGRAM)  # by enum bmk_memwho


class RumprunPages(PageAllocator):
    """What bmk's page allocator has; each access is a fresh look.  See PageAllocator."""

    USES: ClassVar[tuple[str, ...]] = _USES

    def books(self) -> PageBooks:
        """Return the allocator's books as they are now."""
        self.problems = []
        return read_books(Structures(self._subject), self.problems)

    def _marks(self) -> tuple[int, np.ndarray]:
        books = self.books()
        return books.base, books.marks

    def _uses(self) -> np.ndarray:
        """Return a number of _USES for each page of RAM."""
        books = self.books()
        uses = np.full(-(-self._subject.ram.size_bytes // PAGE_BYTES), _OUTSIDE, np.uint8)
        first = books.base // PAGE_BYTES
        uses[books.bitmap // PAGE_BYTES:first] = _OWN
        uses[first:first + len(books.taken)] = np.where(books.taken, _WHOLE, _FREE)
        heap = read_heap(self._subject, books, self.problems)
        for start, size, owner in heap.runs:
            uses[start // PAGE_BYTES:-(-(start + size) // PAGE_BYTES)] = _OWNERS[owner]
        for start, end, _, _ in stacks_of(self._subject):
            uses[start // PAGE_BYTES:end // PAGE_BYTES] = _STACKS
        for one in ElfFile.read(self._subject.image.path).segments:
            if one.type == PT_LOAD:
                end = one.virtual_address + one.memory_bytes
                uses[one.virtual_address // PAGE_BYTES:-(-end // PAGE_BYTES)] = _IMAGE
        return uses
