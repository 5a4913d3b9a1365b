"""The page allocator of a guest: free blocks by size, and what each page of RAM is for.

Source: images/rumpkit/bmk/pages.c (a binary buddy allocator), bmk/memory.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.page_tables import PageTables
from kernel_magics.inspect.memory.program import DIRECT_BASE, program_of
from kernel_magics.inspect.memory.ram import PAGE_BYTES
from kernel_magics.inspect.memory.regions import STACK_PAGES, stacks_of
from kernel_magics.inspect.probes.probe import Probe
from kernel_magics.inspect.probes.processes import Processes

if TYPE_CHECKING:
    import drgn
    import pandas as pd

__all__ = ["FIRST_CLASS_BYTES", "MARKED", "PageAllocator", "page_marks"]

MARKED, CLASSES, FIRST_CLASS_BYTES = 0x80, 8, 16
MOST_ORDERS = 24
APPLICATION_START, APPLICATION_END = 0x40_0000, 0x7000_0000_0000

_USES = ("runtime, large blocks", "free", "runtime, small blocks", "page tables",
         "kernel stacks", "application", "image", "root archive", "page allocator's own",
         "trace ring", "not the allocator's")
(_LARGE, _FREE, _SMALL, _TABLES, _STACKS, _APPLICATION, _IMAGE, _ARCHIVE, _OWN, _RING,
 _OUTSIDE) = range(len(_USES))


def page_marks(subject: Any, program: drgn.Program) -> tuple[int, np.ndarray]:
    """Return the physical address of the first page and the allocator's byte for each page:
    order + 1 of a free block, MARKED + class of a page of small blocks, else 0.

    Raises GuestError if what the guest says about it is not possible.
    """
    base = int(program.variable("base", "pages.c")) - DIRECT_BASE
    limit = int(program.variable("limit", "pages.c")) - DIRECT_BASE
    if not 0 <= base < limit <= subject.ram.size_bytes + (1 << 30) or base % PAGE_BYTES:
        raise GuestError(f"the page allocator says it manages {base:#x} to {limit:#x}, of "
                         f"{subject.ram.size_bytes >> 20} MiB", next_step="the guest has not "
                         "started its memory yet, or has overwritten what it knows of it")
    count = (limit - base) // PAGE_BYTES
    orders = int(program.variable("orders", "pages.c")) - DIRECT_BASE
    return base, np.frombuffer(subject.ram.read(orders, count), np.uint8)


class PageAllocator:
    """What the page allocator has, from its own table; each access is a fresh look.

    `problems` says what did not fit at the last look: a running guest may be changing it.
    """

    USES: ClassVar[tuple[str, ...]] = _USES

    def __init__(self, subject: Any) -> None:
        self._subject = subject
        self.problems: list[str] = []

    @property
    def df(self) -> pd.DataFrame:
        """A row per size of free block: order (index), block_bytes, blocks, free_bytes."""
        import pandas as pd

        _, marks = self._marks()
        heads = marks[(marks > 0) & (marks <= MOST_ORDERS)] - 1
        blocks = np.bincount(heads, minlength=1)
        rows = [(PAGE_BYTES << order, int(count), (PAGE_BYTES << order) * int(count))
                for order, count in enumerate(blocks)]
        return pd.DataFrame(rows, columns=["block_bytes", "blocks", "free_bytes"],
                            index=pd.RangeIndex(len(rows), name="order"))

    @property
    def largest_free_bytes(self) -> int:
        """The largest block that could be allocated now."""
        table = self.df
        there = table[table["blocks"] > 0]
        return int(there["block_bytes"].max()) if len(there) else 0

    @property
    def fragmentation(self) -> float:
        """The part of free memory that is not in the largest free block, 0 to 1."""
        free = int(self.df["free_bytes"].sum())
        return 1 - self.largest_free_bytes / free if free else 0.0

    @property
    def usage(self) -> pd.DataFrame:
        """What each page of RAM is used for: use (index), pages, bytes; they sum to the RAM."""
        import pandas as pd

        counts = np.bincount(self._uses(), minlength=len(self.USES))
        table = pd.DataFrame({"pages": counts, "bytes": counts * PAGE_BYTES},
                             index=pd.Index(self.USES, name="use"))
        return table[table["pages"] > 0].sort_values("pages", ascending=False)

    @property
    def uses(self) -> pd.Categorical:
        """What each page of RAM is used for, in the order of addresses; see `usage`."""
        import pandas as pd

        return pd.Categorical.from_codes(self._uses().astype(np.int8), list(self.USES))

    def _program(self) -> drgn.Program:
        return _Readable(self._subject).program()

    def _marks(self) -> tuple[int, np.ndarray]:
        self.problems = []
        base, marks = page_marks(self._subject, self._program())
        free = int((1 << (marks[(marks > 0) & (marks <= MOST_ORDERS)].astype(np.int64) - 1)).sum())
        told = self._subject.header.free_pages
        if free != told:
            self.problems.append(f"its table has {free} free pages, its counter {told}")
        return base, marks

    def _uses(self) -> np.ndarray:
        """Return a number of _USES for each page of RAM."""
        base, marks = self._marks()
        uses = np.full(-(-self._subject.ram.size_bytes // PAGE_BYTES), _OUTSIDE, np.uint8)
        first = base // PAGE_BYTES
        managed = uses[first:first + len(marks)]
        managed[:] = _LARGE
        marks = marks[:len(managed)]
        managed[(marks >= MARKED) & (marks < MARKED + CLASSES)] = _SMALL
        for head in np.flatnonzero((marks > 0) & (marks <= MOST_ORDERS)):
            managed[head:head + (1 << int(marks[head]) - 1)] = _FREE
        managed[:-(-len(marks) // PAGE_BYTES)] = _OWN
        self._mark_known(uses)
        return uses

    def _mark_known(self, uses: np.ndarray) -> None:
        program = program_of(self._subject)
        header = self._subject.header

        def mark(start: int, size_bytes: int, use: int) -> None:
            if start >= 0 and size_bytes > 0:
                uses[start // PAGE_BYTES:-(-(start + size_bytes) // PAGE_BYTES)] = use

        self._mark_processes(uses)
        for stack, _ in stacks_of(program, self.problems):
            mark(stack - DIRECT_BASE, STACK_PAGES * PAGE_BYTES, _STACKS)
        ring = header.ring_address
        mark(ring - DIRECT_BASE if ring >= DIRECT_BASE else ring,
             header.ring_capacity * header.ring_record_bytes if ring else 0, _RING)
        mark(int(program["bmk_initrd"]) - DIRECT_BASE, int(program["bmk_initrd_bytes"]), _ARCHIVE)
        start, end = (program.symbol(name).address for name in ("image_start", "image_end"))
        mark(start, end - start, _IMAGE)

    def _mark_processes(self, uses: np.ndarray) -> None:
        """Mark the pages of page tables, and those that they give to the application."""
        roots = {process.page_table for process in Processes(self._subject)} - {0}
        for root in roots | {self._subject.header.page_table_address}:
            tables = PageTables(self._subject.ram.read, root)
            for part in tables.ranges():
                if APPLICATION_START <= part.start < APPLICATION_END \
                        and part.start != part.physical:
                    first = part.physical // PAGE_BYTES
                    uses[first:first + part.size_bytes // PAGE_BYTES] = _APPLICATION
            for table in tables.tables:
                uses[table // PAGE_BYTES:table // PAGE_BYTES + 1] = _TABLES
            self.problems += tables.problems

    def __repr__(self) -> str:
        table = self.usage
        lines = [f"{self._subject.name}: largest free block {self.largest_free_bytes >> 10} KiB, "
                 f"{self.fragmentation:.0%} of the free memory is elsewhere"]
        lines += [f"  {row['bytes'] / 2**20:8.2f} MiB  {use}" for use, row in table.iterrows()]
        return "\n".join([*lines, *(f"  problem: {problem}" for problem in self.problems)])


class _Readable(Probe[Any]):
    """Says what is missing for looking at the allocator, as the probes do."""

    title = "page allocator"
    row = object

    def _look(self, program: drgn.Program, problems: list[str]) -> Any:
        return iter(())

    def program(self) -> drgn.Program:
        """Return the subject's program, or raise what a probe would."""
        return self._program()
