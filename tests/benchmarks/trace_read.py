"""A million trace records of a real guest as a DataFrame: seconds, and none unaccounted."""

import time
from typing import Any

import numpy as np

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.errors import TraceError
from kernel_magics.trace.records.events import bitmap, event_number

from .measuring import Report
from .programs import CALLS
from .trace_cost import HYPERCALL, time_calls_ns

__all__ = ["run"]

_RECORDS = 1 << 20
_RING_BYTES = _RECORDS * 64


def run(quick: bool) -> Report:
    """Read from a ring that holds everything, and through the background recorder."""
    report = Report("trace_read", quick)
    report.note(f"{accelerator().name}; {_RECORDS} records of {HYPERCALL}; the ratio is to a"
                " plain copy of the ring's 64 MiB")
    times_s, copies_s, rates, lost, background_lost = [], [], [], [], []
    with Lab(driver="qemu") as lab:
        image = lab.build(CALLS, name="calls")
        for _ in range(1 if quick else 5):
            table_s, count, missing = _at_once(lab, image)
            times_s.append(table_s)
            rates.append(count / table_s / 1e6)
            lost.append(missing)
            copies_s.append(_copy_s())
            background_lost.append(_background(lab, image))
    read = report.measure("ring → DataFrame", "s", times_s, at_most=2)
    report.measure("records", "M/s", rates)
    report.measure("lost, ring of 1 Mi", "", lost, at_most=0)
    report.measure("lost, ring of 64 Ki, read while it runs", "", background_lost)
    report.ratio("DataFrame / plain copy", read, report.measure("plain copy", "s", copies_s))
    return report


def _at_once(lab: Any, image: Any) -> tuple[float, int, int]:
    guest = lab.boot(image, name="bench-read", memory_mib=320, trace_records=_RECORDS)
    guest.console.expect("ready\n", timeout=20)
    guest.trace._store_bitmap(_only_the_call())  # no background recorder
    time_calls_ns(guest, 1, _RECORDS // 2 - 4)
    guest.console.send("0 0\n")
    guest.wait(timeout=20)
    begun_ns = time.monotonic_ns()
    table = guest.trace.df
    taken_s = (time.monotonic_ns() - begun_ns) / 1e9
    return taken_s, _account(guest, table), guest.trace.lost


def _background(lab: Any, image: Any) -> int:
    guest = lab.boot(image, name="bench-follow", memory_mib=64, trace_records=1 << 16)
    guest.console.expect("ready\n", timeout=20)
    guest.trace.start(HYPERCALL)
    time_calls_ns(guest, 1, _RECORDS // 2)
    guest.console.send("0 0\n")
    guest.wait(timeout=20)
    _account(guest, guest.trace.df)
    return guest.trace.lost


def _only_the_call() -> np.ndarray:
    return bitmap(np.array([event_number(HYPERCALL)]))


def _account(guest: Any, table: Any) -> int:
    """Return how many records the table holds; raises if one is neither there nor lost."""
    records = len(table) + int((table["kind"] == "call").sum())
    begun = guest.header.ring_write_index
    if records + guest.trace.lost != begun:
        raise TraceError(f"{begun} records were begun, {records} read and {guest.trace.lost}"
                         " counted as lost", next_step="this is a fault of the trace reader")
    return records


def _copy_s() -> float:
    source, target = np.ones(_RING_BYTES, np.uint8), np.zeros(_RING_BYTES, np.uint8)
    begun_ns = time.monotonic_ns()
    target[:] = source
    return (time.monotonic_ns() - begun_ns) / 1e9
