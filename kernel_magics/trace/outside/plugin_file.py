"""The file in which QEMU's plug-in and the lab meet: a ring as a guest would keep it.

Its beginning is struct lab_header with offsets in the place of addresses, so that a Trace
reads it as the RAM of a guest that traces itself.  The layout is that of
images/qemu_plugin/trace_file.h, and a test compiles that header and compares.
"""

import os
import time
from collections.abc import Mapping, Sequence
from ctypes import Structure, c_int64, c_uint8, c_uint16, c_uint32, c_uint64, sizeof
from pathlib import Path
from typing import Any

from kernel_magics.boot import abi
from kernel_magics.trace.outside.points import Layout, Point
from kernel_magics.trace.records.events import EVENTS, RECORD

__all__ = ["PointRow", "Setup", "write_plugin_file"]

SETUP_OFFSET = 4096
MAGIC = 0x32474C504D5552
PAGE_BYTES = 4096
THREADS = 256
RECORDS_SMALLEST, RECORDS_MOST = 256, 1 << 20
_NS = 1_000_000_000


class PointRow(Structure):
    """struct plugin_point."""

    _fields_ = [("address", c_uint64), ("event", c_uint16), ("kind", c_uint8),
                ("arguments", c_uint8), ("text", c_uint8), ("reserved", c_uint8 * 3)]


class Setup(Structure):
    """struct plugin_setup, without the points behind it."""

    _fields_ = [("magic", c_uint64), ("points", c_uint32), ("name_offset", c_uint32),
                ("flags_offset", c_uint32), ("tcb_offset", c_uint32),
                ("current_offset", c_int64), ("file_bytes", c_uint64)]


def write_plugin_file(path: Path, points: Sequence[Point], layout: Layout, ram_bytes: int,
                      records: int, fields: Mapping[str, Any]) -> None:
    """Make the file; raises OSError.

    points: sorted by address.  records: how many the ring is to hold, rounded up to a power
    of two.  fields: of the header, such as `enabled`, which say what is recorded.
    """
    capacity = RECORDS_SMALLEST
    while capacity < min(records, RECORDS_MOST):
        capacity *= 2
    counters = _after(SETUP_OFFSET, sizeof(Setup) + len(points) * sizeof(PointRow))
    threads = _after(counters, EVENTS * 8)
    ring = _after(threads, THREADS * sizeof(abi.Thread))
    size = ring + capacity * RECORD.itemsize
    monotonic_ns = time.monotonic_ns()
    header = abi.Header(
        magic=abi.MAGIC, version=abi.ABI_VERSION, header_bytes=sizeof(abi.Header),
        state=abi.State.RUNNING, tsc_hz=_NS, wall_offset_ns=time.time_ns() - monotonic_ns,
        ram_bytes=ram_bytes, ring_address=ring, ring_record_bytes=RECORD.itemsize,
        ring_capacity=capacity, counters_address=counters, threads_address=threads,
        threads_capacity=THREADS)
    header.phase_tsc[abi.Phase.DEVICES] = monotonic_ns  # the bitmap is the lab's from now on
    for name, value in fields.items():
        _set(header, name, value)
    setup = Setup(MAGIC, len(points), layout.name_offset, layout.flags_offset, layout.tcb_offset,
                  layout.current_offset, size)
    rows = b"".join(bytes(PointRow(one.address, one.event, one.kind, one.arguments, one.text))
                    for one in points)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, size)
        os.pwrite(descriptor, bytes(header), 0)
        os.pwrite(descriptor, bytes(setup) + rows, SETUP_OFFSET)
    finally:
        os.close(descriptor)


def _after(offset: int, size: int) -> int:
    return -(-(offset + size) // PAGE_BYTES) * PAGE_BYTES


def _set(header: abi.Header, name: str, value: Any) -> None:
    if isinstance(value, int):
        setattr(header, name, value)
        return
    target = getattr(header, name)
    for index, word in enumerate(value):
        target[index] = int(word)
