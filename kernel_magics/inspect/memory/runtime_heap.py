"""The runtime's own heap: blocks by size class, and by the code that asked for them.

Source: images/rumpkit/bmk/memory.c, kern/memory.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.page_allocator import FIRST_CLASS_BYTES, MARKED, page_marks
from kernel_magics.inspect.memory.program import DIRECT_BASE, has_types, program_of
from kernel_magics.inspect.memory.ram import PAGE_BYTES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RuntimeHeap"]

CLASSES = 8
MOST_FREE = 4_000_000
_HEADER = np.dtype([("bytes", "<u8"), ("caller", "<u8")])


class RuntimeHeap:
    """Small blocks of the runtime (16 to 2048 bytes); each access is a fresh look.

    Larger ones are whole pages: `guest.memory.pages`.  `problems` says what did not fit.
    """

    def __init__(self, subject: Any) -> None:
        self._subject = subject
        self.problems: list[str] = []

    def _pages(self) -> tuple[int, np.ndarray]:
        if not has_types(self._subject):
            raise GuestError(f"{self._subject.image.name} has no debugging information of the "
                             "runtime: its heap cannot be read",
                             next_step="open the image from before stripping")
        self.problems = []
        return page_marks(self._subject, program_of(self._subject))

    def _free(self, size_class: int) -> np.ndarray:
        """Return the physical addresses of the free blocks of a class."""
        program, read = program_of(self._subject), self._subject.ram.read
        at = int(program.variable("classes", "bmk/memory.c")[size_class])
        found: list[int] = []
        seen: set[int] = set()
        while at:
            physical = at - DIRECT_BASE
            if physical in seen or len(seen) > MOST_FREE:
                self.problems.append(f"the list of free blocks of "
                                     f"{FIRST_CLASS_BYTES << size_class} bytes comes back to "
                                     f"{at:#x}")
                break
            try:
                following = int.from_bytes(read(physical, 8), "little")
            except GuestError:
                self.problems.append(f"the list of free blocks of "
                                     f"{FIRST_CLASS_BYTES << size_class} bytes leads to {at:#x}, "
                                     "which is no RAM")
                break
            seen.add(physical)
            found.append(physical)
            at = following
        return np.array(found, np.int64)

    @property
    def df(self) -> pd.DataFrame:
        """A row per size of block: pages, blocks in use, free blocks, used_bytes."""
        import pandas as pd

        _, marks = self._pages()
        rows = []
        for size_class in range(CLASSES):
            size = FIRST_CLASS_BYTES << size_class
            pages = int((marks == MARKED + size_class).sum())
            free = len(self._free(size_class))
            used = pages * (PAGE_BYTES // size) - free
            rows.append((size, pages, used, free, used * size))
        return pd.DataFrame(rows, columns=["block_bytes", "pages", "used", "free", "used_bytes"]
                            ).set_index("block_bytes")

    @property
    def by_caller(self) -> pd.DataFrame:
        """A row per place in the runtime that holds blocks: function (index), layer, blocks,
        bytes as asked for; the most first.  "" are blocks without a header."""
        import pandas as pd

        base, marks = self._pages()
        rows: dict[tuple[str, str], list[int]] = {}
        for size_class in range(CLASSES):
            for header, count in self._headers(base, marks, size_class):
                row = rows.setdefault(self._place(int(header["caller"]), int(header["bytes"]),
                                                  FIRST_CLASS_BYTES << size_class), [0, 0])
                row[0] += count
                row[1] += count * min(int(header["bytes"]), FIRST_CLASS_BYTES << size_class)
        table = pd.DataFrame([(name, layer, *counts) for (name, layer), counts in rows.items()],
                             columns=["function", "layer", "blocks", "bytes"])
        return table.set_index("function").sort_values("bytes", ascending=False)

    def _headers(self, base: int, marks: np.ndarray,
                 size_class: int) -> list[tuple[Any, int]]:
        """Return the different headers of a class's blocks in use, and how often each is."""
        size = FIRST_CLASS_BYTES << size_class
        pages = np.flatnonzero(marks == MARKED + size_class)
        if not len(pages):
            return []
        found = []
        free = set(self._free(size_class).tolist())
        for page in pages.tolist():
            start = base + page * PAGE_BYTES
            blocks = np.frombuffer(self._subject.ram.read(start, PAGE_BYTES), np.uint8)
            heads = blocks.reshape(-1, size)[:, :_HEADER.itemsize].copy().view(_HEADER)[:, 0]
            used = [index for index in range(len(heads)) if start + index * size not in free]
            found.append(heads[used])
        unique, counts = np.unique(np.concatenate(found), return_counts=True)
        return list(zip(unique, counts.tolist(), strict=True))

    def _place(self, caller: int, asked: int, size: int) -> tuple[str, str]:
        """Return function and layer of a header, "" for what is no header."""
        found = self._subject.image.symbols.at(caller - 1) if 0 < caller < 1 << 32 else None
        if found is None or not 0 < asked <= size:
            return "", "bmk"
        return found[0].name, found[0].layer

    def __repr__(self) -> str:
        table = self.df
        used = int(table["used_bytes"].sum())
        head = f"{self._subject.name}: {int(table['used'].sum())} small blocks of {used} bytes"
        return "\n".join([head, str(self.by_caller.head(12)),
                          *(f"  problem: {problem}" for problem in self.problems)])
