"""The heap of a guest's program, and what of it nothing points to any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kernel_magics.errors import GuestError, UsageError
from kernel_magics.inspect.memory.glibc_heap import read_chunks
from kernel_magics.inspect.memory.heap_calls import HeapCalls
from kernel_magics.inspect.memory.musl_heap import Block, read_blocks
from kernel_magics.inspect.memory.program import program_of
from kernel_magics.inspect.memory.ram import GuestRam
from kernel_magics.inspect.memory.reachable import reachable_blocks
from kernel_magics.inspect.memory.regions import process_regions
from kernel_magics.inspect.probes.processes import Process, Processes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Leaks", "ProgramHeap"]

SHOWN_ROWS = 12
SHOWN_BYTES = 16


class ProgramHeap:
    """What malloc has given to a program of C or C++; each access is a fresh look.

    `pid` is whose heap, by default that of the program in the image, else of the first
    process that has one.  musl's is known to the block; of glibc's its main arena is, and
    what it keeps in fastbins looks as if it were in use.  A running guest may be inside
    malloc just now: `problems` says what did not fit then.  Pause it for a look without
    surprises.
    """

    def __init__(self, subject: Any, pid: int | None = None) -> None:
        self._subject = subject
        self._pid = pid
        self.problems: list[str] = []

    def blocks(self) -> list[Block]:
        """Return the blocks in use by address.

        Raises UsageError if the program has no malloc of musl's that keeps books: one that
        never frees does not, and a packaged program has another C library.
        """
        return self._look()[0]

    def _look(self) -> tuple[list[Block], int]:
        symbols = self._subject.image.symbols
        if not symbols.names:
            raise UsageError(f"{self._subject.image.name} is stripped: where its heap is cannot "
                             "be known", next_step="open the image from before stripping")
        self.problems = []
        process = self._process()
        if process is not None and process.path:
            return self._glibc(process)
        if "__malloc_context" not in symbols.names:
            raise UsageError(f"{self._subject.image.name} has no heap that can be read",
                             next_step="a program that calls free() and was built here has one; "
                                       "one that never frees keeps no books")
        return read_blocks(self.ram().read_virtual, symbols.find("__malloc_context").address,
                           symbols.find("__malloc_size_classes").address, self.problems)

    def _process(self) -> Process | None:
        """Return whose heap is meant."""
        if self._pid is not None:
            return Processes(self._subject).find(self._pid)
        living = [process for process in Processes(self._subject) if process.page_table]
        return min(living, key=lambda process: (bool(process.path), process.pid), default=None)

    def _glibc(self, process: Process) -> tuple[list[Block], int]:
        region = next((region for region in process_regions(program_of(self._subject),
                                                            self.problems)
                       if region.pid == process.pid and region.kind == "heap"), None)
        if region is None:
            raise UsageError(f"process {process.pid} ({process.command}) has no heap that can be "
                             "read", next_step="it has not allocated anything, or has an "
                             "allocator of its own")
        return read_chunks(self.ram().read_virtual, region.start, region.end, self.problems)

    def ram(self) -> GuestRam:
        """Return the memory of the process whose heap it is."""
        process = self._process()
        table = process.page_table if process else 0
        return GuestRam(self._subject.ram.read,
                        table or self._subject.header.page_table_address)

    @property
    def calls(self) -> HeapCalls:
        """Who allocated and freed what, of an image built with heap_calls=True."""
        return HeapCalls(self._subject)

    def block_at(self, address: int) -> Block | None:
        """Return the block in use that an address lies in, None if it lies in none."""
        return next((block for block in self.blocks()
                     if block.slot_address <= address < block.slot_address + block.slot_bytes),
                    None)

    def leaks(self) -> Leaks:
        """Return the blocks that no pointer leads to, from variables, stacks or other blocks.

        A number that looks like a pointer counts as one, so a leak may stay hidden, but what
        is returned cannot be reached; memory that other programs or devices know of does not
        count.  Pause a running guest for an exact answer.
        """
        blocks = self.blocks()
        process = self._process()
        reached = reachable_blocks(self._subject, self.ram(), blocks,
                                   process.pid if process else 0)
        lost = [block for block, is_reached in zip(blocks, reached, strict=True)
                if not is_reached]
        return Leaks(self._subject, tuple(lost), sum(block.size_bytes for block in blocks),
                     self._pid)

    @property
    def df(self) -> pd.DataFrame:
        """A row per block in use: address, size_bytes, slot_bytes (what it takes)."""
        import pandas as pd

        blocks = self.blocks()
        return pd.DataFrame({
            "address": np.array([block.address for block in blocks], np.uint64),
            "size_bytes": [block.size_bytes for block in blocks],
            "slot_bytes": [block.slot_bytes for block in blocks]})

    def __repr__(self) -> str:
        blocks, free_bytes = self._look()
        used = sum(block.size_bytes for block in blocks)
        taken = sum(block.slot_bytes for block in blocks)
        lines = [f"{self._subject.name}: {len(blocks)} blocks of {used} bytes in use, which take "
                 f"{taken}; {free_bytes} bytes free between them"]
        return "\n".join([*lines, *(f"  problem: {problem}" for problem in self.problems)])


@dataclass(frozen=True)
class Leaks:
    """Blocks that were not freed and cannot be any more, for nobody knows where they are."""

    subject: Any
    blocks: tuple[Block, ...]
    heap_bytes: int
    pid: int | None = None

    @property
    def df(self) -> pd.DataFrame:
        """A row per block: address, size_bytes, begins (its first bytes), call_site ("" unless
        the image was built with heap_calls=True)."""
        import pandas as pd

        sites = self._sites()
        return pd.DataFrame({
            "address": np.array([block.address for block in self.blocks], np.uint64),
            "size_bytes": [block.size_bytes for block in self.blocks],
            "begins": [self._begins(block) for block in self.blocks],
            "call_site": [sites.get(block.address, "") for block in self.blocks]})

    @property
    def by_call_site(self) -> pd.DataFrame:
        """A row per place that allocated what leaked: blocks, bytes; the most bytes first."""
        table = self.df
        grouped = table.groupby("call_site")["size_bytes"].agg(blocks="count", bytes="sum")
        return grouped.sort_values("bytes", ascending=False)

    def _sites(self) -> dict[int, str]:
        try:
            return HeapCalls(self.subject).sites()
        except UsageError:
            return {}

    def _begins(self, block: Block) -> str:
        try:
            data = self.subject.memory.read(block.address, min(block.size_bytes, SHOWN_BYTES),
                                            pid=self.pid)
        except GuestError:
            return ""
        return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)

    def __len__(self) -> int:
        return len(self.blocks)

    def __repr__(self) -> str:
        lost = sum(block.size_bytes for block in self.blocks)
        head = (f"{self.subject.name}: {len(self.blocks)} blocks of {lost} bytes that nothing "
                f"points to, of {self.heap_bytes} bytes in use")
        if not self.blocks:
            return head
        table = self.by_call_site
        if list(table.index) == [""]:
            shown = self.df.drop(columns="call_site").head(SHOWN_ROWS)
            return f"{head}\n{shown}\nbuild with heap_calls=True to see who allocated them"
        return f"{head}\n{table.head(SHOWN_ROWS)}"
