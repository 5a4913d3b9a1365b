"""The heap of a program that runs with glibc: the chunks of its main arena.

Source: glibc 2.36, malloc/malloc.c: struct malloc_chunk, tcache_perthread_struct and
PROTECT_PTR.  Other arenas, which threads that contend may get, and chunks of fastbins,
which look as if they were in use, are not told apart.
"""

from __future__ import annotations

from itertools import pairwise
from struct import Struct

from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.musl_heap import Block, Reader

__all__ = ["read_chunks"]

_CHUNK = Struct("<QQ")
HEAD_BYTES, LEAST_BYTES = 16, 32
MOST_CHUNKS = 4_000_000
_PREVIOUS_IN_USE, _FLAGS = 1, 7
TCACHE_BINS, TCACHE_BYTES = 64, 0x290
_TCACHE = Struct(f"<{TCACHE_BINS}H{TCACHE_BINS}Q")


def read_chunks(read: Reader, start: int, end: int,
                problems: list[str]) -> tuple[list[Block], int]:
    """Return the blocks in use of a heap in [start, end), by address, and its free bytes.

    `read(address, size_bytes)` reads the program's memory.  A chunk whose size is not
    possible ends the walk and is added to `problems`.
    """
    chunks = _walk(read, start, end, problems)
    cached = _cached(read, chunks[0][0], problems) if chunks else set()
    blocks: list[Block] = []
    free_bytes = chunks[-1][1] if chunks else 0  # the top
    for (at, size, _), (_, _, following) in pairwise(chunks[1:]):
        address = at + HEAD_BYTES
        if following & _PREVIOUS_IN_USE and address not in cached:
            # A block may use the first word of the next chunk.
            blocks.append(Block(address, size - 8, address, size - 8))
        else:
            free_bytes += size
    return blocks, free_bytes


def _walk(read: Reader, start: int, end: int,
          problems: list[str]) -> list[tuple[int, int, int]]:
    """Return address, size and flags of each chunk."""
    chunks: list[tuple[int, int, int]] = []
    at = start + -start % HEAD_BYTES
    while at + LEAST_BYTES <= end and len(chunks) < MOST_CHUNKS:
        try:
            word = _CHUNK.unpack(read(at, _CHUNK.size))[1]
        except GuestError:
            problems.append(f"a chunk of the heap would be at {at:#x}, which is not mapped")
            break
        size = word & ~_FLAGS
        if size < LEAST_BYTES or size % HEAD_BYTES or at + size > end:
            problems.append(f"the chunk at {at:#x} says it has {size} bytes; what comes after it "
                            "is not known")
            break
        chunks.append((at, size, word & _FLAGS))
        at += size
    return chunks


def _cached(read: Reader, first: int, problems: list[str]) -> set[int]:
    """Return the blocks that were freed and are kept for the main thread, in its tcache,
    which is the first chunk of the heap."""
    try:
        size = _CHUNK.unpack(read(first, _CHUNK.size))[1] & ~_FLAGS
        if size != TCACHE_BYTES:
            return set()
        numbers = _TCACHE.unpack(read(first + HEAD_BYTES, _TCACHE.size))
    except GuestError:
        return set()
    found: set[int] = set()
    for count, entry in zip(numbers[:TCACHE_BINS], numbers[TCACHE_BINS:], strict=True):
        for _ in range(count):
            if not entry or entry in found:
                break
            found.add(entry)
            try:
                word = int.from_bytes(read(entry, 8), "little")
            except GuestError:
                problems.append(f"the list of freed blocks leads to {entry:#x}")
                break
            entry = word ^ entry >> 12
    return found
