"""The heap of a Rumprun guest: bmk's, which the kernel and malloc of programs share.

A block of a power of two bytes begins with padding and a header of eight bytes; small ones
fill pages of one size each, larger ones are whole pages.  Free small blocks are in lists,
whose pointers lie over the header.  A block says who has it, but neither how much was asked
for nor from where.

Source: lib/libbmk_core/memalloc.c, include/bmk-core/memalloc.h of github.com/rumpkernel/rumprun.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.ram import PAGE_BYTES
from kernel_magics.inspect.rumprun.page_books import PageBooks, stacks_of
from kernel_magics.inspect.rumprun.structures import Structures

__all__ = ["BUCKETS", "HeapBooks", "LEAST_BYTES", "OWNERS", "read_heap"]

OWNERS = ("bmk", "rump kernel", "program")
"""Who a block can belong to: enum bmk_memwho."""

SOURCE = "libbmk_core/memalloc.c"
LEAST_BYTES, BUCKETS = 32, 7      # of small blocks: 32 to 2048 bytes
MOST_BUCKET, MOST_FREE = 34, 4_000_000
PIECE_PAGES = 256
_ALIGN, _MAGIC = 16, 0xEF
_WORDS = PAGE_BYTES // 8


@dataclass(frozen=True)
class HeapBooks:
    """One look at the heap.

    Of the blocks in use, arrays of the same length: `addresses` that were given out, where
    each block begins (`starts`), its `sizes` in bytes, and its `owners` (indices of OWNERS).
    `free` has the number of free small blocks by size; `runs` are start, bytes and owner of
    the pages that it takes.
    """

    addresses: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    owners: np.ndarray
    free: tuple[int, ...]
    runs: tuple[tuple[int, int, int], ...]


def read_heap(subject: Any, books: PageBooks, problems: list[str]) -> HeapBooks:
    """Return the blocks of the heap; what cannot be true is left out and added to `problems`."""
    structures = Structures(subject)
    free = [_free_list(structures, bucket, problems) for bucket in range(BUCKETS)]
    skipped = np.zeros(len(books.taken), bool)
    for start, end, _, _ in stacks_of(subject):
        first = (start - books.base) // PAGE_BYTES
        skipped[max(first, 0):max((end - books.base) // PAGE_BYTES, 0)] = True
    rows: list[tuple[np.ndarray, np.ndarray, int, np.ndarray]] = []
    runs: list[tuple[int, int, int]] = []
    large: list[tuple[int, int, int, int]] = []
    usable = books.taken & ~skipped
    for first, words in _pieces(structures, books, usable):
        base = books.base + first * PAGE_BYTES
        is_left = usable[first:first + len(words)].copy()
        for bucket in range(BUCKETS):
            _small(words, base, bucket, free[bucket], is_left, rows, runs)
        large += _large(words, base, is_left)
    _add_large(large, books, rows, runs)
    heap = _joined(rows, free, runs)
    _compare(structures, heap, problems)
    return heap


def _free_list(structures: Structures, bucket: int, problems: list[str]) -> np.ndarray:
    """Return where the free blocks of a size begin."""
    head = structures.address("freebuckets", SOURCE)
    at = structures.space.word(head + 8 * bucket) if head else 0
    found: dict[int, None] = {}
    while at:
        if at in found or at % LEAST_BYTES or len(found) > MOST_FREE:
            problems.append(f"the list of free blocks of {LEAST_BYTES << bucket} bytes leads to "
                            f"{at:#x}, where none is")
            break
        found[at] = None
        at = structures.space.word(at)
    return np.array(list(found), np.int64)


def _pieces(structures: Structures, books: PageBooks,
            usable: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield runs of pages: the number of the first, and their words, a row a page."""
    for first in range(0, len(usable), PIECE_PAGES):
        count = min(PIECE_PAGES, len(usable) - first)
        if not usable[first:first + count].any():
            continue
        try:
            data = structures.space.read(books.base + first * PAGE_BYTES, count * PAGE_BYTES)
        except GuestError:
            continue
        yield first, np.frombuffer(data, "<u8").reshape(count, _WORDS)


def _small(words: np.ndarray, base: int, bucket: int, free: np.ndarray, is_left: np.ndarray,
           rows: list[Any], runs: list[tuple[int, int, int]]) -> None:
    """Add the blocks of the pages that hold blocks of one size, and take those pages away."""
    size = LEAST_BYTES << bucket
    count = PAGE_BYTES // size
    blocks = words.reshape(len(words), count, size // 8)
    pad = np.zeros(blocks.shape[:2], np.int64)
    owner = np.zeros(blocks.shape[:2], np.int64)
    for padding in range(_ALIGN, size + 1, _ALIGN):
        heads = blocks[:, :, padding // 8 - 1]
        is_head = (heads & 0x00FF_FFFF_FFFF_FFFF) == (bucket << 48 | _MAGIC << 32 | padding)
        is_head &= (heads >> 56 < len(OWNERS)) & (pad == 0)
        pad[is_head] = padding
        owner[is_head] = heads[is_head] >> 56
    is_free = np.zeros(blocks.shape[:2], bool)
    inside = free[(free >= base) & (free < base + words.nbytes)] - base
    is_free[inside // PAGE_BYTES, inside % PAGE_BYTES // size] = True
    is_used = (pad > 0) & ~is_free
    whole = (is_used | is_free).all(axis=1) & is_left
    is_left &= ~whole
    starts = base + np.arange(len(words))[:, None] * PAGE_BYTES + np.arange(count) * size
    chosen = is_used & whole[:, None]
    rows.append((starts[chosen] + pad[chosen], starts[chosen], size, owner[chosen]))
    for page in np.flatnonzero(whole).tolist():
        used = owner[page][is_used[page]]
        most = int(np.bincount(used, minlength=1).argmax()) if len(used) else 0
        runs.append((base + page * PAGE_BYTES, PAGE_BYTES, most))


def _large(words: np.ndarray, base: int,
           is_left: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Return address, start, bytes and owner of what may be blocks of whole pages."""
    found = []
    for page in np.flatnonzero(is_left).tolist():
        start = base + page * PAGE_BYTES
        padding = _ALIGN
        while padding <= PAGE_BYTES:
            head = int(words[page, padding // 8 - 1])
            bucket, owner = head >> 48 & 0xFF, head >> 56
            size = LEAST_BYTES << bucket
            if head & 0xFFFF_FFFF_FFFF == _MAGIC << 32 | padding \
                    and BUCKETS <= bucket <= MOST_BUCKET and owner < len(OWNERS) \
                    and start % size == 0:
                found.append((start + padding, start, size, owner))
                break
            padding *= 2
    return found


def _add_large(large: list[tuple[int, int, int, int]], books: PageBooks, rows: list[Any],
               runs: list[tuple[int, int, int]]) -> None:
    """Add those blocks of which every page is taken, and that lie in no other."""
    end = 0
    for address, start, size, owner in sorted(large, key=lambda one: one[1]):
        first = (start - books.base) // PAGE_BYTES
        pages = books.taken[first:first + size // PAGE_BYTES]
        if start < end or len(pages) < size // PAGE_BYTES or not pages.all():
            continue
        end = start + size
        rows.append((np.array([address]), np.array([start]), size, np.array([owner])))
        runs.append((start, size, owner))


def _joined(rows: list[Any], free: list[np.ndarray],
            runs: list[tuple[int, int, int]]) -> HeapBooks:
    counts = [len(one[0]) for one in rows]
    if not sum(counts):
        empty = np.zeros(0, np.int64)
        return HeapBooks(empty, empty, empty, empty, tuple(map(len, free)), tuple(sorted(runs)))
    addresses = np.concatenate([one[0] for one in rows])
    order = np.argsort(addresses)
    return HeapBooks(
        addresses[order], np.concatenate([one[1] for one in rows])[order],
        np.repeat([one[2] for one in rows], counts)[order],
        np.concatenate([one[3] for one in rows])[order],
        tuple(map(len, free)), tuple(sorted(runs)))


def _compare(structures: Structures, heap: HeapBooks, problems: list[str]) -> None:
    """Hold the small blocks against the allocator's own count."""
    counters = structures.address("nmalloc", SOURCE)
    for bucket in range(BUCKETS):
        size = LEAST_BYTES << bucket
        told = structures.space.word(counters + 4 * bucket, 4) if counters else None
        seen = int((heap.sizes == size).sum())
        if told is not None and told != seen:
            problems.append(f"{seen} blocks of {size} bytes are in use, its counter says {told}")
