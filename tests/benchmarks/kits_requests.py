"""HTTP requests a second of one server source in each kit, and what a request costs."""

from functools import partial
from typing import Any

from kernel_magics import Lab

from . import kits_sides
from .kits_sides import SIDES, KitSide
from .load import LoadSample, cpu_ns, under_load
from .measuring import Report, interleave

__all__ = ["run"]

_PORT, _MIB, _BODY_BYTES = 80, 128, 128


def run(quick: bool) -> Report:
    """Measure a server of one thread and poll(2), under one connection and under many."""
    report = kits_sides.kits_report("kits_requests", quick)
    report.note(f"{_MIB} MiB, virtio-net, QEMU's user network; {_BODY_BYTES} bytes a page; wrk;"
                " CPU: all of QEMU, its network included")
    with Lab(driver="qemu") as lab:
        built = kits_sides.images(lab, kits_sides.POLL_SERVER, "server")
        with kits_sides.running_sides(lab, built, "ready", ports=[_PORT], memory_mib=_MIB,
                                      argv=["server", str(_PORT), str(_BODY_BYTES)]) as guests:
            for connections in (1, 32):
                _add(report, guests, connections, 2 if quick else 10, 1 if quick else 3)
    return report


def _add(report: Report, guests: dict[KitSide, Any], connections: int, rounds: int,
         seconds: int) -> None:
    taken: dict[KitSide, list[LoadSample]] = {side: [] for side in SIDES}

    def load(side: KitSide) -> float:
        taken[side].append(under_load(
            guests[side].ports[_PORT], partial(cpu_ns, guests[side].pid), connections, seconds))
        return taken[side][-1].load.per_second

    interleave(rounds, **{side.words: lambda side=side: load(side) for side in SIDES})
    words = f"{connections} connections" if connections > 1 else "1 connection"
    for what, unit, value in (
            ("time between requests", "µs", lambda one: 1e6 / one.load.per_second),
            ("CPU a request", "µs", lambda one: one.cpu_us),
            ("p50", "µs", lambda one: one.load.p50_us)):
        kits_sides.add_side_by_side(report, f"{words}, {what}", unit, {
            side: [value(one) for one in taken[side][1:]] for side in SIDES})
    for side in SIDES:
        report.measure(f"{words}: {side.words}", "requests/s",
                       [one.load.per_second for one in taken[side][1:]])
