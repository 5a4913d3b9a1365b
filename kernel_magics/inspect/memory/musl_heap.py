"""The heap of a program that was linked with musl: its blocks, read from malloc's own books.

Source: musl 1.2, src/malloc/mallocng: struct malloc_context, meta_area, meta and group, and
how a slot says where its block begins and ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import Struct

from kernel_magics.errors import GuestError

__all__ = ["Block", "read_blocks"]

UNIT, MARK_BYTES = 16, 4
SIZE_CLASSES = 48
MOST_AREAS = 65_536
MOST_SLOTS = 32
MOST_GROUP_BYTES = 1 << 20
# In struct malloc_context on a machine whose page size is known when musl is built.
_SECRET, _AREAS = 0, 0x38
_AREA = Struct("<QQi4x")   # check, next, slots there are
_META = Struct("<QQQIIQ")  # previous, next, group, free from the start, freed, bits
_MOVED, _NESTED, _LONG_RESERVE = 7, 6, 5

Reader = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Block:
    """One block that malloc has given out: what the program asked for, and the room it has."""

    address: int
    size_bytes: int
    slot_address: int
    slot_bytes: int


@dataclass(frozen=True, slots=True)
class _Group:
    """Slots of one size: where they begin, how far apart, which are in use."""

    storage: int
    stride: int
    used: tuple[int, ...]


def read_blocks(read: Reader, context: int, classes: int,
                problems: list[str]) -> tuple[list[Block], int]:
    """Return the blocks in use, by address, and the bytes of the free slots beside them.

    `read(address, size_bytes)` reads the program's memory; `context` and `classes` are the
    addresses of __malloc_context and __malloc_size_classes.  What is damaged is left out and
    added to `problems`.
    """
    sizes = Struct(f"<{SIZE_CLASSES}H").unpack(read(classes, 2 * SIZE_CLASSES))
    blocks: list[Block] = []
    free_bytes = 0
    for meta in _metas(read, context, problems):
        try:
            group, free_slots = _group(meta, sizes)
            blocks += _blocks(read, group)
        except (GuestError, ValueError) as error:
            problems.append(f"a group of the heap is damaged: {error}".splitlines()[0])
            continue
        free_bytes += free_slots * group.stride
    return sorted(blocks, key=lambda block: block.address), free_bytes


def _metas(read: Reader, context: int, problems: list[str]) -> Iterator[tuple[int, ...]]:
    """Yield the description of each group there is."""
    secret = int.from_bytes(read(context + _SECRET, 8), "little")
    area = int.from_bytes(read(context + _AREAS, 8), "little")
    seen: set[int] = set()
    while area:
        if area in seen or len(seen) >= MOST_AREAS:
            problems.append(f"malloc's list of areas comes back to {area:#x}")
            return
        seen.add(area)
        try:
            check, following, slots = _AREA.unpack(read(area, _AREA.size))
            if check != secret or not 0 < slots <= 4096 // _META.size:
                problems.append(f"malloc's area at {area:#x} is damaged")
                return
            data = read(area + _AREA.size, slots * _META.size)
        except GuestError:
            problems.append(f"malloc's area at {area:#x} is not mapped")
            return
        yield from (meta for meta in _META.iter_unpack(data) if meta[2])
        area = following


def _group(meta: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[_Group, int]:
    _, _, memory, available, freed, bits = meta
    last, size_class, pages = bits & 31, bits >> 6 & 63, bits >> 12
    if not last and pages:
        stride = pages * 4096 - UNIT
    elif size_class < SIZE_CLASSES:
        stride = UNIT * sizes[size_class]
    else:
        raise ValueError(f"size class {size_class}")
    used = tuple(slot for slot in range(last + 1) if not (available | freed) >> slot & 1)
    return _Group(memory + UNIT, stride, used), last + 1 - len(used)


def _blocks(read: Reader, group: _Group) -> Iterator[Block]:
    for slot in group.used[:MOST_SLOTS]:
        start = group.storage + slot * group.stride
        end = start + group.stride - MARK_BYTES
        mark = read(start - MARK_BYTES, MARK_BYTES)
        moved = UNIT * int.from_bytes(mark[2:4], "little") if mark[1] >> 5 == _MOVED else 0
        if moved:
            mark = read(start + moved - MARK_BYTES, MARK_BYTES)
        reserve = mark[1] >> 5
        if reserve == _NESTED:  # smaller blocks lie in it
            continue
        if reserve == _LONG_RESERVE:
            reserve = int.from_bytes(read(end - 4, 4), "little")
        size = end - start - moved - reserve
        if not 0 <= size <= group.stride:
            raise ValueError(f"the block at {start + moved:#x} says it has {size} bytes")
        yield Block(start + moved, size, start, group.stride)
