"""Threads whose numbers were given by the one who traces them, and are in his table."""

import struct
from collections.abc import Iterator
from ctypes import sizeof
from typing import Any

from kernel_magics.boot import abi

__all__ = ["numbers_by_address", "table_names"]

_MOST_THREADS = 4096


def table_names(ram: Any, header_address: int) -> dict[int, str]:
    """Return the names of threads by number, also of those that have ended.

    ram: a buffer of the guest's RAM, or of a trace's file.  A damaged table has none.
    """
    return {number: name for number, name, _ in _rows(ram, header_address)}


def numbers_by_address(ram: Any, header_address: int) -> dict[int, int]:
    """Return the numbers of living threads by the address of their struct bmk_thread."""
    return {address: number for number, _, address in _rows(ram, header_address) if address}


def _rows(ram: Any, header_address: int) -> Iterator[tuple[int, str, int]]:
    """Yield number, name, and the address of the thread unless it has exited."""
    view = memoryview(ram)
    try:
        header = abi.Header.from_buffer_copy(view[header_address:], 0)
        count = min(header.threads_capacity, _MOST_THREADS)
        start, size = header.threads_address, sizeof(abi.Thread)
        if header.magic != abi.MAGIC or start + count * size > view.nbytes:
            return
        for index in range(count):
            row = abi.Thread.from_buffer_copy(view[start + index * size:start + (index + 1) * size])
            if row.number:
                lives = row.state != abi.ThreadState.EXITED
                yield row.number, row.name.decode("utf-8", "replace"), \
                    row.stack_pointer if lives else 0
    except (ValueError, struct.error):  # it does not lie in RAM
        return
