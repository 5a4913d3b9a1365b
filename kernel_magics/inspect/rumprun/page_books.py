"""The books of a Rumprun guest's page allocator, and where its threads' stacks lie.

A binary buddy allocator keeps a bit for each page that is taken, and lists of the free
blocks of each size, which lie in those blocks themselves.

Source: lib/libbmk_core/pgalloc.c of github.com/rumpkernel/rumprun.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.page_allocator import MOST_ORDERS
from kernel_magics.inspect.memory.ram import PAGE_BYTES
from kernel_magics.inspect.rumprun.structures import Structures

__all__ = ["PageBooks", "read_books", "stacks_of"]

SOURCE = "libbmk_core/pgalloc.c"
CHUNK_MAGIC = 0x1102_0217
MOST_CHUNKS = 1_000_000


@dataclass(frozen=True)
class PageBooks:
    """What the allocator says: the address of its first page, whether each page is taken, and
    of each page order + 1 if a free block begins there, else 0."""

    base: int
    taken: np.ndarray
    marks: np.ndarray
    bitmap: int
    total_bytes: int
    free_bytes: int


def read_books(structures: Structures, problems: list[str]) -> PageBooks:
    """Return the allocator's books; raises GuestError if they cannot be found or be true."""
    number = structures.number
    base, limit = number("minpage_addr", SOURCE) or 0, number("maxpage_addr", SOURCE) or 0
    bitmap = number("alloc_bitmap", SOURCE) or 0
    ram_bytes = structures.subject.ram.size_bytes
    if not structures.address("minpage_addr", SOURCE):
        raise GuestError(f"{structures.subject.image.name} has no symbols: where its page "
                         "allocator keeps its books is not known",
                         next_step="boot the image from before stripping")
    if not 0 < bitmap < base < limit <= ram_bytes or base % PAGE_BYTES:
        raise GuestError(f"the page allocator says it manages {base:#x} to {limit:#x}, of "
                         f"{ram_bytes >> 20} MiB", next_step="the guest has not started its "
                         "memory yet, or has overwritten what it knows of it")
    count = (limit - base) // PAGE_BYTES
    bits = np.frombuffer(structures.space.read(bitmap, -(-count // 8)), np.uint8)
    taken = np.unpackbits(bits, bitorder="little")[:count].astype(bool)
    marks = _free_blocks(structures, base, count, problems)
    total, used = number("pgalloc_totalkb") or 0, number("pgalloc_usedkb") or 0
    free_bytes = int((~taken).sum()) * PAGE_BYTES
    told = (total - used) << 10
    if told != free_bytes:
        problems.append(f"its bitmap has {free_bytes >> 10} KiB free, its counter {told >> 10}")
    return PageBooks(base, taken, marks, bitmap, total << 10, told)


def _free_blocks(structures: Structures, base: int, count: int,
                 problems: list[str]) -> np.ndarray:
    """Return order + 1 at the page where each free block begins."""
    marks = np.zeros(count, np.uint8)
    heads = structures.address("freelist", SOURCE)
    word, left = structures.space.word, MOST_CHUNKS
    for order in range(MOST_ORDERS):
        at = word(heads + 8 * order) or 0
        while at and left:
            left -= 1
            page = (at - base) // PAGE_BYTES
            if not 0 <= page < count or at % PAGE_BYTES or marks[page] \
                    or word(at) != order | CHUNK_MAGIC << 32:
                problems.append(f"the list of free blocks of {PAGE_BYTES << order} bytes leads "
                                f"to {at:#x}, where none is")
                break
            marks[page] = order + 1
            at = word(at + 8) or 0
    return marks


def stacks_of(subject: Any) -> list[tuple[int, int, int, str]]:
    """Return start, end, the stack pointer (0 if it is on the processor) and whose it is, of
    each thread's stack that lies in RAM."""
    found = []
    for thread in subject.threads.read():
        record = thread.record
        if record.stack_bytes and 0 < record.stack <= subject.ram.size_bytes - record.stack_bytes:
            found.append((record.stack, record.stack + record.stack_bytes, record.stack_pointer,
                          f"thread {record.number} ({record.name})"))
    return found
