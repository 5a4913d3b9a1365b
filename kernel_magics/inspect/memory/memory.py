"""A guest's memory: what is where and whose, how much is left, what is at an address."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import GuestError, LabError, UsageError
from kernel_magics.inspect.memory.page_allocator import PageAllocator
from kernel_magics.inspect.memory.page_tables import PageTables
from kernel_magics.inspect.memory.program import has_types, program_of
from kernel_magics.inspect.memory.program_heap import Leaks, ProgramHeap
from kernel_magics.inspect.memory.ram import PAGE_BYTES, GuestRam
from kernel_magics.inspect.memory.regions import (
    Region,
    image_regions,
    process_regions,
    runtime_regions,
)
from kernel_magics.inspect.memory.runtime_heap import RuntimeHeap
from kernel_magics.inspect.probes.processes import Processes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GuestMemory"]

MOST_FOUND = 1000
SEARCH_BYTES = 1 << 20
DUMP_COLUMNS = 16


class GuestMemory:
    """Reads a guest's memory as the guest's own code sees it.

    `guest` is a boot.Guest or a dump.  `pages` is the page allocator; `problems` what was
    wrong at the last look at the map.
    """

    def __init__(self, guest: Any) -> None:
        self._guest = guest
        self.problems: list[str] = []

    @property
    def total_bytes(self) -> int:
        """Memory the guest's page allocator was given."""
        return int(self._guest.header.total_pages) * PAGE_BYTES

    @property
    def free_bytes(self) -> int:
        """Memory nobody uses now."""
        return int(self._guest.header.free_pages) * PAGE_BYTES

    @cached_property
    def pages(self) -> PageAllocator:
        """The page allocator: free blocks, fragmentation, what each page is used for."""
        return PageAllocator(self._guest)

    @cached_property
    def heap(self) -> ProgramHeap:
        """The program's heap: its blocks, who allocated them, and leaks."""
        return ProgramHeap(self._guest)

    def heap_of(self, pid: int) -> ProgramHeap:
        """Return the heap of one of several processes."""
        return ProgramHeap(self._guest, pid)

    def leaks(self, *, pid: int | None = None) -> Leaks:
        """Return the blocks of a program's heap that nothing points to; see heap.leaks."""
        return ProgramHeap(self._guest, pid).leaks()

    @cached_property
    def runtime_heap(self) -> RuntimeHeap:
        """The runtime's own memory: small blocks by size, and by who asked for them."""
        return RuntimeHeap(self._guest)

    # What is at an address

    def read(self, address: int, size_bytes: int, *, pid: int | None = None) -> bytes:
        """Return bytes at a virtual address: a symbol's, a pointer's, a stack's.

        `pid` is the process whose address it is, by default the one that runs.
        Raises GuestError (attribute `address`) at the first page that is not mapped.
        """
        return self._ram(pid).read_virtual(address, size_bytes)

    def translate(self, address: int, *, pid: int | None = None) -> int | None:
        """Return the physical address behind a virtual one, None if it is not mapped."""
        return self._ram(pid).translate(address)

    def _ram(self, pid: int | None) -> GuestRam:
        table = self._guest.header.page_table_address if pid is None else \
            Processes(self._guest).find(pid).page_table
        if not table:
            raise GuestError(f"process {pid} has no memory any more: it has ended",
                             next_step="guest.processes lists those that run")
        return GuestRam(self._guest.ram.read, table)

    def variable(self, name: str) -> bytes:
        """Return the bytes of a global variable of the program.

        Raises UsageError with the nearest names if there is no such symbol.
        """
        symbol = self._guest.image.symbols.find(name)
        return self.read(symbol.address, symbol.size_bytes)

    def hexdump(self, address: int, size_bytes: int = 256, *, pid: int | None = None) -> str:
        """Return memory as text: an address, sixteen bytes, and what they are as letters."""
        data = self.read(address, size_bytes, pid=pid)
        lines = []
        for at in range(0, len(data), DUMP_COLUMNS):
            part = data[at:at + DUMP_COLUMNS]
            letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
            lines.append(f"{address + at:016x}  {part.hex(' '):<47}  {letters}")
        return "\n".join(lines)

    def search(self, pattern: bytes | str | int) -> list[int]:
        """Return the physical addresses at which bytes, a text or a 64-bit number lie in RAM.

        At most 1000 are looked for.  Raises UsageError for an empty pattern.
        """
        wanted = pattern.to_bytes(8, "little") if isinstance(pattern, int) else \
            pattern.encode() if isinstance(pattern, str) else bytes(pattern)
        if not wanted:
            raise UsageError("nothing to search for", next_step="give bytes, a text or a number")
        found: list[int] = []
        for start, size in self._runs():
            for at in range(start, start + size, SEARCH_BYTES):
                data = self._guest.ram.read(at, min(SEARCH_BYTES + len(wanted) - 1,
                                                    start + size - at))
                place = data.find(wanted)
                while 0 <= place < SEARCH_BYTES:
                    found.append(at + place)
                    if len(found) == MOST_FOUND:
                        return found
                    place = data.find(wanted, place + 1)
        return found

    def _runs(self) -> list[tuple[int, int]]:
        """Return where RAM is, by physical address: below 3 GiB, and from 4 GiB on."""
        from kernel_magics.boot.ram import HIGH_ADDRESS, LOW_BYTES

        size = self._guest.ram.size_bytes
        low = min(size, LOW_BYTES)
        return [(0, low), (HIGH_ADDRESS, size - low)] if size > low else [(0, low)]

    # Whose it is

    @property
    def map(self) -> pd.DataFrame:
        """Who owns which addresses: a row per region by address, the fields of Region.

        The runtime's are the same in every process (pid 0).  Without debugging information
        there are the image's sections only.
        """
        import pandas as pd

        columns = [field.name for field in fields(Region)]
        rows = [[getattr(region, name) for name in columns] for region in self.regions()]
        table = pd.DataFrame(rows, columns=columns)
        return table.astype({"start": "uint64", "end": "uint64"})

    def regions(self) -> list[Region]:
        """Return the rows of the map as objects."""
        self.problems = []
        found = list(image_regions(ElfFile.read(self._guest.image.path)))
        if has_types(self._guest) and self._guest.header.page_table_address:
            program = program_of(self._guest)
            found += runtime_regions(self._guest, program, self.problems)
            found += self._with_residence(list(process_regions(program, self.problems)))
        elif not has_types(self._guest):
            self.problems.append("the image has no debugging information: only its sections "
                                 "are known")
        possible = [region for region in found if region.end < 1 << 64]
        if len(possible) < len(found):
            self.problems.append(f"{len(found) - len(possible)} regions end beyond all addresses")
        return sorted(possible, key=lambda region: (region.start, -region.end, region.pid))

    def _with_residence(self, regions: list[Region]) -> list[Region]:
        """Fill in how much of each region of a process has RAM behind it."""
        tables = {process.pid: process.page_table for process in Processes(self._guest)}
        mapped: dict[int, list[tuple[int, int]]] = {}
        for pid in {region.pid for region in regions}:
            walk = PageTables(self._guest.ram.read, tables.get(pid, 0))
            mapped[pid] = [(part.start, part.end) for part in walk.ranges(0, 1 << 47)]
            self.problems += walk.problems
        return [replace(region, resident_bytes=sum(
            max(0, min(end, region.end) - max(start, region.start))
            for start, end in mapped[region.pid])) for region in regions]

    def at(self, address: int, *, pid: int | None = None) -> Region | None:
        """Return the smallest region that holds an address, None if none does."""
        holding = [region for region in self.regions() if region.start <= address < region.end
                   and (pid is None or region.pid in (0, pid))]
        return min(holding, key=lambda region: region.end - region.start, default=None)

    def __repr__(self) -> str:
        try:
            total, free = self.total_bytes, self.free_bytes
        except LabError as error:
            return f"{self._guest.name}: {error.message}"
        return (f"{self._guest.name}: {(total - free) / 2**20:.1f} MiB of {total / 2**20:.1f} "
                f"MiB in use, {free / 2**20:.1f} MiB free")
