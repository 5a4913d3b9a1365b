"""The numbers that whoever traces a guest gave to its threads, and their names.

Upstream Rumprun's threads have no numbers.  Tracing that is baked into an image numbers them,
and so does the one who traces from outside: in a table of struct lab_thread.
"""

import os
from collections.abc import Callable, Iterator
from ctypes import sizeof
from pathlib import Path
from typing import Any, NamedTuple

from kernel_magics.boot import abi
from kernel_magics.errors import GuestError

__all__ = ["NumberedThread", "numbered_threads"]

_MOST_THREADS, _NS = 4096, 1_000_000_000

class NumberedThread(NamedTuple):
    """A thread's number and name; the `address` of its struct bmk_thread, which another has
    perhaps once it has exited: the one with the higher number; and how long it has had the
    processor, without the slice that is running."""

    number: int
    name: str
    address: int
    cpu_ns: int


_Read = Callable[[int, int], bytes]


def numbered_threads(subject: Any) -> list[NumberedThread]:
    """Return the threads of a guest, or of a dump, that were numbered; [] if none were."""
    address = subject.image.header_address
    if address is not None:
        return list(_rows(subject.ram.read, address))
    files = getattr(subject, "host_files", None)
    return _of_file(files.trace) if files is not None else []


def _of_file(path: Path) -> list[NumberedThread]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # it is traced by nobody
        return []
    try:
        return list(_rows(lambda at, size: os.pread(descriptor, size, at), 0))
    finally:
        os.close(descriptor)


def _rows(read: _Read, header_address: int) -> Iterator[NumberedThread]:
    """Yield what the table holds; a damaged one holds nothing."""
    size = sizeof(abi.Thread)
    try:
        header = abi.Header.from_buffer_copy(read(header_address, sizeof(abi.Header)))
        if header.magic != abi.MAGIC or header.threads_capacity > _MOST_THREADS:
            return
        table = read(header.threads_address, header.threads_capacity * size)
        for at in range(0, len(table) - size + 1, size):
            row = abi.Thread.from_buffer_copy(table, at)
            if row.number:
                yield NumberedThread(
                    row.number, row.name.decode("utf-8", "replace"), row.stack_pointer,
                    row.cpu_tsc * _NS // header.tsc_hz if header.tsc_hz else 0)
    except (GuestError, ValueError, OverflowError):  # it does not lie in RAM
        return
