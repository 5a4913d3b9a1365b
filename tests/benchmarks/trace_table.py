"""Ten million trace records into a table, and what a look at the table takes."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.trace.recording import Recording
from kernel_magics.trace.records.table import call_statistics, call_table

from .measuring import Report
from .programs import CALLS

__all__ = ["run"]

_RECORDS = 10_000_000
_AIM_S = 2.0  # five million a second


def run(quick: bool) -> Report:
    """Measure with the records of a real guest, repeated until there are enough."""
    report = Report("trace_table", quick)
    rows, recording = _many(1_000_000 if quick else _RECORDS)
    scale = _RECORDS / len(rows)
    report.note(f"{accelerator().name}; {len(rows)} records of a guest with all events on, as"
                f" 10 000 000; the ratio is to a copy of them")
    tables, cpus, copies, counts = [], [], [], []
    for _ in range(3 if quick else 7):
        copies.append(scale * _took(rows.copy)[0])
        begun_ns = time.process_time_ns()
        taken, table = _took(lambda: call_table(rows, recording.clock, recording.gaps)[0])
        cpus.append(scale * (time.process_time_ns() - begun_ns) / 1e9)
        tables.append(scale * taken)
        counts.append(scale * _took(lambda table=table: call_statistics(table))[0])
    made = report.measure("records → table", "s", tables, at_most=_AIM_S)
    report.measure("records → table, processor time", "s", cpus, at_most=_AIM_S)
    report.measure("table → latencies of each call", "s", counts)
    report.ratio("table / copy", made, report.measure("copy", "s", copies))
    return report


def _took(work: Callable[[], Any]) -> tuple[float, Any]:
    begun_ns = time.monotonic_ns()
    result = work()
    return (time.monotonic_ns() - begun_ns) / 1e9, result


def _many(count: int) -> tuple[np.ndarray, Recording]:
    with Lab(driver="qemu") as lab:
        guest = lab.boot(lab.build(CALLS, name="calls"), name="bench-table", trace="all",
                         trace_records=1 << 16, memory_mib=64)
        guest.console.expect("ready\n", timeout=20)
        guest.console.send("20 500\n0 0\n")
        guest.wait(timeout=30)
        recording = guest.trace.recording
        rows = recording.rows
    times = -(-count // len(rows))
    many = np.tile(rows, (times, 1))[:count]
    many[:, 0] = np.arange(1, count + 1)
    span = np.uint64(int(rows[-1, 1] - rows[0, 1]) + 1)
    many[:, 1] += np.repeat(np.arange(times, dtype=np.uint64) * span, len(rows))[:count]
    return many, recording
