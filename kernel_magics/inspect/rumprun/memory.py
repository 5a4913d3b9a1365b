"""A Rumprun guest's memory: one address space, in which RAM lies as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from kernel_magics.build.elf import PT_LOAD, ElfFile
from kernel_magics.errors import GuestError, LabError, UsageError
from kernel_magics.inspect.memory.heap_calls import HEAP_BOOKS
from kernel_magics.inspect.memory.mapping import memory_of
from kernel_magics.inspect.memory.memory import GuestMemory
from kernel_magics.inspect.memory.memory_words import words_of
from kernel_magics.inspect.memory.musl_heap import Block
from kernel_magics.inspect.memory.program_heap import Leaks, ProgramHeap
from kernel_magics.inspect.memory.ram import PAGE_BYTES, GuestRam
from kernel_magics.inspect.memory.reachable import reached_from
from kernel_magics.inspect.memory.regions import Region, image_regions
from kernel_magics.inspect.rumprun.heap import BUCKETS, LEAST_BYTES, OWNERS, read_heap
from kernel_magics.inspect.rumprun.page_books import stacks_of
from kernel_magics.inspect.rumprun.pages import RumprunPages
from kernel_magics.inspect.rumprun.structures import Structures

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BmkHeap", "RumprunHeap", "RumprunMemory"]

PROGRAM = OWNERS.index("program")
_PERMISSIONS = "rwx"  # of all that is mapped
# Uses of pages that are regions of their own in the map.
_KINDS = {"program's heap": ("heap", "program"), "rump kernel's heap": ("heap", "rump kernel"),
          "bmk's heap": ("heap", "bmk"), "whole pages of the kernel": ("pages", "rump kernel"),
          "page allocator's own": ("page allocator", "bmk"), "free": ("free", "bmk")}


class RumprunMemory(GuestMemory):
    """See GuestMemory.  There is one address space for all processes: `pid` changes nothing.
    Nothing is protected but the lowest page, which is not mapped."""

    @property
    def total_bytes(self) -> int:
        """Memory the guest's page allocator was given."""
        return self._counter("pgalloc_totalkb") << 10

    @property
    def free_bytes(self) -> int:
        """Memory nobody uses now."""
        return (self._counter("pgalloc_totalkb") - self._counter("pgalloc_usedkb")) << 10

    def _counter(self, name: str) -> int:
        found = Structures(self._guest).number(name)
        if found is None:
            raise GuestError(f"{self._guest.image.name} has no symbols: where it counts its "
                             "memory is not known",
                             next_step="guest.memory.read and guest.memory.search need none")
        return found

    @cached_property
    def pages(self) -> RumprunPages:
        """The page allocator: free blocks, fragmentation, what each page is used for."""
        return RumprunPages(self._guest)

    @cached_property
    def heap(self) -> ProgramHeap:
        """The blocks that malloc gave to programs, and leaks."""
        return RumprunHeap(self._guest)

    def heap_of(self, pid: int) -> ProgramHeap:
        """Return the heap: programs share one."""
        return RumprunHeap(self._guest)

    def leaks(self, *, pid: int | None = None) -> Leaks:
        """Return the blocks of programs that nothing points to; see heap.leaks."""
        return RumprunHeap(self._guest).leaks()

    @cached_property
    def runtime_heap(self) -> BmkHeap:  # type: ignore[override]
        """bmk's heap whole: blocks by size and owner."""
        return BmkHeap(self._guest)

    def _ram(self, pid: int | None) -> GuestRam:
        return memory_of(self._guest)

    def regions(self) -> list[Region]:
        """Return the rows of the map as objects."""
        self.problems = []
        found = [part for one in image_regions(ElfFile.read(self._guest.image.path))
                 for part in self._by_layer(one)]
        try:
            found += [Region(start, end, _PERMISSIONS, "stack", whose, 0, end - start, "")
                      for start, end, _, whose in stacks_of(self._guest)]
            found += self._runs_of_uses()
        except LabError as error:
            self.problems.append(error.message)
        return sorted(found, key=lambda region: (region.start, -region.end))

    def _by_layer(self, section: Region) -> Iterator[Region]:
        """Divide a section of the image by whose its bytes are; a small one is left whole."""
        stretches = [one for one in self._guest.image.layers.stretches
                     if section.start <= one.start < section.end]
        if len(stretches) < 2 or section.end - section.start < PAGE_BYTES:
            yield replace(section, permissions=_PERMISSIONS,
                          owner=stretches[0].layer if len(stretches) == 1 else section.owner)
            return
        for one in stretches:
            detail = f"{section.detail}, {one.component}" if one.component else section.detail
            yield Region(one.start, one.end, _PERMISSIONS, section.kind, one.layer, 0,
                         one.end - one.start, detail)

    def _runs_of_uses(self) -> Iterator[Region]:
        uses = self.pages.uses
        names = list(uses.categories)
        page = 0
        for code, group in groupby(np.asarray(uses.codes).tolist()):
            count = sum(1 for _ in group)
            kind = _KINDS.get(names[code])
            if kind is not None:
                yield Region(page * PAGE_BYTES, (page + count) * PAGE_BYTES, _PERMISSIONS, kind[0],
                             kind[1], 0, count * PAGE_BYTES, names[code])
            page += count
        self.problems += self.pages.problems


class RumprunHeap(ProgramHeap):
    """What malloc has given to the programs of a Rumprun guest; each access is a fresh look.

    `size_bytes` of a block is the room it has: what was asked for is not written down.
    See ProgramHeap.
    """

    def _look(self) -> tuple[list[Block], int]:
        self.problems = []
        heap = read_heap(self._subject, RumprunPages(self._subject).books(), self.problems)
        own = heap.owners == PROGRAM
        blocks = [Block(address, start + size - address, start, size) for address, start, size
                  in zip(heap.addresses[own].tolist(), heap.starts[own].tolist(),
                         heap.sizes[own].tolist(), strict=True)]
        return blocks, sum(count * (LEAST_BYTES << bucket)
                           for bucket, count in enumerate(heap.free))

    def ram(self) -> GuestRam:
        """Return the guest's memory."""
        return memory_of(self._subject)

    def leaks(self) -> Leaks:
        """Return the programs' blocks that no pointer leads to, from variables, stacks, the
        kernel or other blocks; see ProgramHeap.leaks."""
        blocks = self.blocks()
        reached = reached_from(self._roots(blocks), self.ram(), blocks)
        lost = [block for block, is_reached in zip(blocks, reached, strict=True)
                if not is_reached]
        return Leaks(self._subject, tuple(lost), sum(block.size_bytes for block in blocks))

    def _roots(self, blocks: Sequence[Block]) -> Iterator[np.ndarray]:
        """Yield the words of all that is not the programs' heap: variables, the used part of
        stacks, what the kernel has allocated."""
        ram = self.ram()
        for one in ElfFile.read(self._subject.image.path).segments:
            if one.type == PT_LOAD and one.memory_bytes > one.file_bytes:
                end = one.virtual_address + one.memory_bytes
                for start, stop in self._without_books(one.virtual_address & -8, end & -8):
                    yield words_of(ram, start, stop)
        registers = dict(self._subject.registers or {})
        yield np.array([value for value in registers.values() if 0 <= value < 1 << 64], np.uint64)
        books = RumprunPages(self._subject).books()
        skipped = np.zeros(len(books.taken), bool)
        for block in blocks:
            _mark(skipped, books.base, block.slot_address, block.slot_address + block.slot_bytes)
        for start, end, pointer, _ in stacks_of(self._subject):
            _mark(skipped, books.base, start, end)
            used = pointer if start <= pointer < end else start
            yield words_of(ram, used & -8, end)
        for page in np.flatnonzero(books.taken & ~skipped).tolist():
            start = books.base + page * PAGE_BYTES
            yield words_of(ram, start, start + PAGE_BYTES)
        yield from self._others(ram)

    def _without_books(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of a range of variables without the heap's books, which know of every
        block that was lost too."""
        symbols = self._subject.image.symbols
        if HEAP_BOOKS in symbols.names:
            books = symbols.find(HEAP_BOOKS)
            if start <= books.address < end:
                yield start, books.address & -8
                start = min(-(-(books.address + books.size_bytes) // 8) * 8, end)
        yield start, end

    def _others(self, ram: GuestRam) -> Iterator[np.ndarray]:
        """Yield the words of small blocks that are not the programs'."""
        heap = read_heap(self._subject, RumprunPages(self._subject).books(), [])
        other = (heap.owners != PROGRAM) & (heap.sizes < PAGE_BYTES)
        for address, start, size in zip(heap.addresses[other].tolist(),
                                        heap.starts[other].tolist(), heap.sizes[other].tolist(),
                                        strict=True):
            yield words_of(ram, address, start + size)


def _mark(pages: np.ndarray, base: int, start: int, end: int) -> None:
    pages[max((start - base) // PAGE_BYTES, 0):max(-(-(end - base) // PAGE_BYTES), 0)] = True


class BmkHeap:
    """bmk's heap, which the kernel and programs share; each access is a fresh look."""

    def __init__(self, subject: Any) -> None:
        self._subject = subject
        self.problems: list[str] = []

    @property
    def df(self) -> pd.DataFrame:
        """A row per size of block: used and free blocks, used_bytes, and blocks of each owner.

        Larger ones than 2 KiB are whole pages.
        """
        import pandas as pd

        self.problems = []
        heap = read_heap(self._subject, RumprunPages(self._subject).books(), self.problems)
        sizes = sorted({LEAST_BYTES << bucket for bucket in range(BUCKETS)}
                       | set(heap.sizes.tolist()))
        rows = []
        for size in sizes:
            owners = np.bincount(heap.owners[heap.sizes == size], minlength=len(OWNERS))
            bucket = (size // LEAST_BYTES).bit_length() - 1
            free = heap.free[bucket] if bucket < BUCKETS else 0
            rows.append((size, int(owners.sum()), free, int(owners.sum()) * size,
                         *owners.tolist()))
        return pd.DataFrame(rows, columns=["block_bytes", "used", "free", "used_bytes",
                                           *(name.replace(" ", "_") for name in OWNERS)]
                            ).set_index("block_bytes")

    @property
    def by_owner(self) -> pd.DataFrame:
        """A row per owner: blocks, bytes."""
        import pandas as pd

        heap = read_heap(self._subject, RumprunPages(self._subject).books(), self.problems)
        rows = [(name, int((heap.owners == owner).sum()),
                 int(heap.sizes[heap.owners == owner].sum()))
                for owner, name in enumerate(OWNERS)]
        return pd.DataFrame(rows, columns=["owner", "blocks", "bytes"]).set_index("owner")

    @property
    def by_caller(self) -> pd.DataFrame:
        """Raise UsageError: bmk's heap does not note who asked."""
        raise UsageError("bmk's heap notes the owner of a block and not who asked for it",
                         next_step="guest.memory.runtime_heap.by_owner")

    def __repr__(self) -> str:
        table = self.df
        head = (f"{self._subject.name}: {int(table['used'].sum())} blocks of "
                f"{int(table['used_bytes'].sum())} bytes")
        return "\n".join([head, str(table), *(f"  problem: {one}" for one in self.problems)])
