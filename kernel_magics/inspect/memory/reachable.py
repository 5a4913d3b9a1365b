"""Which blocks of a heap can be reached: from variables, stacks, registers, other blocks.

A conservative mark, as garbage collectors for C do it: each aligned word that is an address
in a block counts as a pointer to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.memory_words import words_of
from kernel_magics.inspect.memory.musl_heap import Block
from kernel_magics.inspect.memory.page_tables import PageTables
from kernel_magics.inspect.memory.program import program_of
from kernel_magics.inspect.memory.ram import PAGE_BYTES, GuestRam
from kernel_magics.inspect.memory.regions import Region, image_regions, process_regions

__all__ = ["reachable_blocks", "reached_from"]

STACK_PAGES = 8
RED_ZONE_BYTES = 128
_ROOT_KINDS = frozenset({"data", "bss", "tdata", "tbss"})
_ROOT_LAYERS = frozenset({"app", "libc", "other", "kern", "sys"})
# malloc's own books point to every block, and so does the list of who called it.
_BOOKS = ("__malloc_context", "lab_heap_calls")


def reachable_blocks(subject: Any, ram: GuestRam, blocks: Sequence[Block],
                     pid: int) -> np.ndarray:
    """Return for each block of a process's heap whether a pointer leads to it."""
    return reached_from(_roots(subject, ram, blocks, pid), ram, blocks)


def reached_from(roots: Iterable[np.ndarray], ram: GuestRam,
                 blocks: Sequence[Block]) -> np.ndarray:
    """Return for each block whether a word of the roots leads to it, at once or through others.

    `roots` are arrays of 64-bit words.
    """
    starts = np.array([block.slot_address for block in blocks], np.uint64)
    ends = starts + np.array([block.slot_bytes for block in blocks], np.uint64)
    reached = np.zeros(len(blocks), bool)
    order = np.argsort(starts)
    starts, ends = starts[order], ends[order]
    waiting: list[int] = []

    def follow(words: np.ndarray) -> None:
        places = np.searchsorted(starts, words, side="right") - 1
        inside = (places >= 0) & (words < ends[places])
        for place in np.unique(places[inside]).tolist():
            index = int(order[place])
            if not reached[index]:
                reached[index] = True
                waiting.append(index)

    if not len(blocks):
        return reached
    for words in roots:
        follow(words)
    while waiting:
        block = blocks[waiting.pop()]
        follow(words_of(ram, block.address, block.slot_address + block.slot_bytes))
    return reached


def _roots(subject: Any, ram: GuestRam, blocks: Sequence[Block],
           pid: int) -> Iterator[np.ndarray]:
    """Yield the words of everything that is not the heap itself."""
    books = [(symbol.address, symbol.address + symbol.size_bytes) for symbol in
             (subject.image.symbols.find(name) for name in _BOOKS
              if name in subject.image.symbols.names)]
    from kernel_magics.build.elf import ElfFile

    for region in image_regions(ElfFile.read(subject.image.path)):
        if region.kind in _ROOT_KINDS and region.owner in _ROOT_LAYERS:
            for start, end in _without(region.start, region.end, books):
                yield words_of(ram, start, end)
    program = program_of(subject)
    for start, end in _kernel_stacks(program):
        yield words_of(ram, start, end)
    registers = getattr(subject, "registers", None) or {}
    yield np.array([value for value in dict(registers).values()
                    if 0 <= value < 1 << 64], np.uint64)
    for region in process_regions(program, []):
        is_data = region.kind == "file" and region.permissions[1] == "w"
        if region.pid == pid and (is_data or region.kind in ("stack", "anonymous", "shared")):
            yield from _mapped_words(ram, region, blocks, _stack_pointers(subject))


def _kernel_stacks(program: Any) -> Iterator[tuple[int, int]]:
    """Yield the used part of each thread's stack in the runtime: registers are saved there."""
    from kernel_magics.inspect.values.walking import walk_list

    running = int(program["bmk_current"])
    for thread in walk_list(program.variable("all", "thread.c"), "all_next", [], most=65_536):
        start, pointer = int(thread.stack) + PAGE_BYTES, int(thread.stack_pointer)
        end = start + (STACK_PAGES - 1) * PAGE_BYTES
        if start > PAGE_BYTES:
            yield (pointer if start <= pointer < end and int(thread) != running else start), end


def _stack_pointers(subject: Any) -> list[int]:
    """Return where the stacks of the program's threads end that are in a system call."""
    import drgn

    from kernel_magics.inspect.values.walking import address_of, walk_list

    program = program_of(subject)
    found = []
    for process in walk_list(program["kern_processes"], "next", [], most=4096):
        for thread in walk_list(process.threads, "next", [], most=65_536):
            try:
                if address_of(thread.frame):
                    found.append(int(thread.frame.rsp))
            except drgn.FaultError:  # then more of its stack counts, and a leak may hide
                continue
    return found


def _mapped_words(ram: GuestRam, region: Region, blocks: Sequence[Block],
                  pointers: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield what is mapped of a region, without blocks in it and a stack's unused part."""
    held = [(block.slot_address, block.slot_address + block.slot_bytes) for block in blocks
            if region.start <= block.slot_address < region.end]
    lowest = max((pointer for pointer in pointers if region.start <= pointer < region.end),
                 default=0)
    tables = PageTables(ram.read, ram.page_table)
    for part in tables.ranges(region.start, region.end):
        start = max(part.start, region.start, lowest - RED_ZONE_BYTES if lowest else 0)
        for first, last in _without(start, min(part.end, region.end), held):
            try:
                yield words_of(ram, first, last)
            except GuestError:
                continue


def _without(start: int, end: int,
             holes: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the parts of a range that are in none of the holes."""
    for first, last in sorted(holes):
        if first >= end or last <= start:
            continue
        if start < first:
            yield start, first
        start = max(start, last)
    if start < end:
        yield start, end
