"""A guest's memory as a picture: what each page is used for, and whose each region is."""

from typing import Any

import numpy as np
import pandas as pd
import traitlets

from kernel_magics.errors import LabError
from kernel_magics.widgets.foundation.listing import Block, ListingView

__all__ = ["MemoryView", "squares"]

PAGE_BYTES = 4096
MOST_SQUARES = 3200  # 32 lines of them
_FREE = "free"
_COLOURS = {
    "application": "#c2650a", "image": "#4f8a10", "kernel stacks": "#0a87a0",
    "page tables": "#a855b5", "root archive": "#b85580", "runtime, large blocks": "#3478d4",
    "runtime, small blocks": "#7a68d8", "trace ring": "#a0790a",
    "page allocator's own": "#0b8a6a", "not the allocator's": "#80808a", _FREE: "#9aa0a6",
    # Of upstream Rumprun's guests.
    "program's heap": "#b7791f", "rump kernel's heap": "#2f855a", "bmk's heap": "#7a68d8",
    "stacks": "#c2410c", "whole pages of the kernel": "#3b82c4"}


class MemoryView(ListingView):
    """The RAM of a guest or a dump page by page, and the table of its regions.

    `df` is the table, `guest.memory.map`; selecting a region shows its first bytes.
    Raises GuestError if the memory cannot be read.
    """

    _bundle = "memory"
    uses: traitlets.List = traitlets.List().tag(sync=True)
    cells = traitlets.Bytes().tag(sync=True)
    cell_bytes = traitlets.Int().tag(sync=True)

    def __init__(self, guest: Any) -> None:
        self._memory = guest.memory
        super().__init__(f"Memory of {guest.name}", "regions", self._regions, guest=guest,
                         detail=self._tell, problems=self._said)

    def text(self) -> str:
        return repr(self._memory)

    def _regions(self) -> pd.DataFrame:
        self._wrong: list[str] = []
        try:
            uses, cells, cell_bytes = squares(self._memory.pages.uses)
        except LabError as error:
            self._wrong = [str(error.message)]
        else:
            self.uses, self.cells, self.cell_bytes = uses, cells, cell_bytes
        table = self._memory.map
        table.insert(2, "size_bytes", (table["end"] - table["start"]).astype("float64"))
        return table

    def _said(self) -> list[str]:
        return [*self._wrong, *self._memory.problems]

    def _tell(self, key: str) -> list[Block]:
        start = int(key, 16)
        row = next(row for row in self.df.itertuples() if int(row.start) == start)
        data = self._memory.hexdump(start, min(256, int(row.end) - start), pid=row.pid or None)
        return [{"title": f"{row.kind} of {row.owner}, its first bytes", "text": data}]


def squares(uses: pd.Categorical) -> tuple[list[dict], bytes, int]:
    """Return uses with their colours, the most frequent use of each square, its bytes.

    uses: what each page of RAM is used for, in the order of addresses.
    """
    names = list(uses.categories)
    codes = np.asarray(uses.codes, np.int64)
    counts = np.bincount(codes, minlength=len(names))
    pages = max(1, 1 << max(0, int(np.ceil(np.log2(max(1, len(codes)) / MOST_SQUARES)))))
    count = -(-len(codes) // pages)
    square = np.arange(len(codes)) // pages
    votes = np.bincount(square * len(names) + codes, minlength=count * len(names))
    cells = votes.reshape(count, len(names)).argmax(axis=1).astype(np.uint8)
    told = [{"name": name, "bytes": int(counts[n]) * PAGE_BYTES, "pattern": n,
             "colour": _COLOURS.get(name, "#80808a")} for n, name in enumerate(names)]
    return told, cells.tobytes(), pages * PAGE_BYTES
