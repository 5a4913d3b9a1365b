"""Who owns which addresses of a guest: the rows of the memory map.

Source: images/rumpkit/kern/region.h, bmk/bmk.h, link.ld.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kernel_magics.build.elf import ElfFile
from kernel_magics.inspect.images.layers import OTHER, layer_of_section
from kernel_magics.inspect.memory.program import DIRECT_BASE
from kernel_magics.inspect.memory.ram import PAGE_BYTES
from kernel_magics.inspect.probes.paths import Paths
from kernel_magics.inspect.probes.processes import processes_of
from kernel_magics.inspect.values.walking import read_text, walk_list

if TYPE_CHECKING:
    import drgn

__all__ = ["Region", "image_regions", "process_regions", "runtime_regions", "stacks_of"]

MOST_REGIONS = 65_536
MOST_THREADS = 65_536
STACK_PAGES = 8          # images/rumpkit/bmk/thread.c; the lowest is the guard
# images/rumpkit/kern/region.h
GUARD_START = 0x10_0000_0000
STACK_START = GUARD_START + 0x10_0000
STACK_END = STACK_START + 0x80_0000
BRK_START, BRK_END = STACK_END + 0x70_0000, GUARD_START + 0x4000_0000
_WRITABLE, _EXECUTABLE = 1, 4


@dataclass(frozen=True)
class Region:
    """A range of addresses and whose it is.

    `pid` is 0 for what all processes share; `owner` a layer, a thread or a process; `kind`
    "text", "rodata", "data", "bss", "stack", "guard", "heap", "anonymous", "file",
    "shared", "archive", "trace ring", "page allocator" or "direct map"; `resident_bytes`
    have a page of RAM behind them; `detail` is the section, or the file and where in it.
    """

    start: int
    end: int
    permissions: str
    kind: str
    owner: str
    pid: int
    resident_bytes: int
    detail: str

    def __repr__(self) -> str:
        return (f"{self.start:#x}..{self.end:#x} {self.permissions} {self.kind} of {self.owner}"
                + (f": {self.detail}" if self.detail else ""))


def image_regions(elf: ElfFile) -> Iterator[Region]:
    """Yield the loaded sections of the image: they lie where they were linked."""
    for section in elf.sections:
        if not section.is_loaded or not section.size:
            continue
        kind = section.name.split(".")[1] if section.name.startswith(".") else section.name
        flags = section.flags
        permissions = f"r{'w' if flags & _WRITABLE else '-'}{'x' if flags & _EXECUTABLE else '-'}"
        if kind in ("tdata", "tbss"):
            kind = "rodata"
        owner = layer_of_section(section.name) or OTHER
        yield Region(section.address, section.address + section.size, permissions, kind, owner,
                     0, section.size, section.name)


def runtime_regions(subject: Any, program: drgn.Program,
                    problems: list[str]) -> Iterator[Region]:
    """Yield what of RAM is known to belong to something: stacks, ring, archive, tables."""
    header = subject.header
    yield Region(DIRECT_BASE, DIRECT_BASE + subject.ram.size_bytes, "rw-", "direct map",
                 "runtime", 0, subject.ram.size_bytes, "all of RAM, as the runtime sees it")
    for start, name in stacks_of(program, problems):
        yield Region(start, start + PAGE_BYTES, "---", "guard", name, 0, PAGE_BYTES,
                     "below a kernel stack")
        yield Region(start + PAGE_BYTES, start + STACK_PAGES * PAGE_BYTES, "rw-", "stack", name,
                     0, (STACK_PAGES - 1) * PAGE_BYTES, "in the runtime")
    start, size = int(program["bmk_initrd"]), int(program["bmk_initrd_bytes"])
    if start:
        yield Region(start, start + size, "rw-", "archive", "vfs", 0, size, "the root archive")
    ring_bytes = header.ring_capacity * header.ring_record_bytes
    if header.ring_address and 0 < ring_bytes <= subject.ram.size_bytes:
        start = _virtual(header.ring_address)
        yield Region(start, start + ring_bytes, "rw-", "trace ring", "bmk", 0, ring_bytes,
                     f"{header.ring_capacity} records")


def _virtual(address: int) -> int:
    return address if address >= DIRECT_BASE else DIRECT_BASE + address


def stacks_of(program: drgn.Program, problems: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the lowest address of each kernel stack, and whose it is."""
    for thread in walk_list(program.variable("all", "thread.c"), "all_next", problems,
                            most=MOST_THREADS, what="the list of threads"):
        if thread.stack:
            yield int(thread.stack), f"thread {int(thread.number)} ({_thread_name(thread)})"
    kept = program.variable("kept_stacks", "thread.c")
    count = min(int(program.variable("kept_count", "thread.c")), len(kept))
    for index in range(count):
        yield int(kept[index]), "an ended thread"


def _thread_name(thread: Any) -> str:
    import drgn

    try:
        return read_text(thread.record.name)
    except drgn.FaultError:
        return "?"


def process_regions(program: drgn.Program, problems: list[str]) -> Iterator[Region]:
    """Yield what each process has mapped; `resident_bytes` are not known here (0)."""
    import drgn

    paths = Paths(program, problems)
    seen: set[int] = set()
    for process in reversed(list(processes_of(program, problems))):
        try:
            vm, pid = process.vm, int(process.pid)
            if vm and int(vm) not in seen:  # a vfork's child borrows its parent's
                seen.add(int(vm))
                yield from _regions_of(program, process, pid, paths, problems)
        except drgn.FaultError as error:
            problems.append(f"a process's mappings lead to {error.address:#x}, which is not "
                            "mapped; what would have come after it is missing")


def _regions_of(program: drgn.Program, process: Any, pid: int, paths: Paths,
                problems: list[str]) -> Iterator[Region]:
    threads = _stack_pointers(program, process, problems)
    for region in walk_list(process.vm.regions, "next", problems, most=MOST_REGIONS,
                            what=f"the list of mappings of process {pid}"):
        found = _process_region(region, pid, read_text(process.command), paths, problems)
        yield _as_stack(found, threads) if found.kind == "anonymous" else found


def _stack_pointers(program: drgn.Program, process: Any,
                    problems: list[str]) -> list[tuple[int, str]]:
    """Return an address on the stack of each of a process's threads that waits, and whose."""
    import drgn

    names = {int(thread.number): _thread_name(thread) for thread in walk_list(
        program.variable("all", "thread.c"), "all_next", [], most=MOST_THREADS)}
    found = []
    for thread in walk_list(process.threads, "next", problems, most=MOST_THREADS,
                            what=f"the list of threads of process {int(process.pid)}"):
        number = int(thread.number)
        try:
            found.append((int(thread.frame.rsp), f"thread {number} ({names.get(number, '?')})"))
        except drgn.FaultError:  # one that has never made a system call
            continue
    return found


def _as_stack(region: Region, threads: list[tuple[int, str]]) -> Region:
    """Return the region as a stack if a thread's stack pointer is in it, else as it is."""
    owner = next((name for pointer, name in threads if region.start <= pointer < region.end), "")
    return replace(region, kind="stack", owner=owner) if owner else region


def _process_region(region: Any, pid: int, command: str, paths: Paths,
                    problems: list[str]) -> Region:
    start, end, bits = int(region.start), int(region.end), int(region.protection)
    if end < start:
        problems.append(f"process {pid} has a mapping that ends before it starts: "
                        f"{start:#x} to {end:#x}")
        end = start
    permissions = "".join(letter if bits & 1 << place else "-"
                          for place, letter in enumerate("rwx"))
    kind, detail = _kind(region, start, end), ""
    if region.file:
        path = paths.of(region.file.node, region.file.dir) if region.file.dir else ""
        detail = f"{path or 'a file without a name'} + {int(region.offset):#x}"
    return Region(start, end, permissions, kind, command or f"process {pid}", pid, 0, detail)


def _kind(region: Any, start: int, end: int) -> str:
    if region.guard:
        return "guard"
    if region.file:
        return "shared" if region.shared else "file"
    if start >= STACK_START and end <= STACK_END:
        return "stack"
    return "heap" if BRK_START <= start < BRK_END else "anonymous"
