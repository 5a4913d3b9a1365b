"""HTTP requests a second of one server source in each kit, and what a request costs."""

from dataclasses import dataclass
from typing import Any

from kernel_magics import Lab

from .kits_sides import (
    POLL_SERVER,
    SIDES,
    KitSide,
    add_side_by_side,
    images,
    kits_report,
    running_sides,
)
from .load import Load, cpu_ns, wrk
from .measuring import Report, interleave

__all__ = ["run"]

_PORT, _MIB, _BODY_BYTES = 80, 128, 128


@dataclass(frozen=True, slots=True)
class _Sample:
    load: Load
    cpu_us: float


def run(quick: bool) -> Report:
    """Measure a server of one thread and poll(2), under one connection and under many."""
    report = kits_report("kits_requests", quick)
    report.note(f"{_MIB} MiB, virtio-net, QEMU's user network; {_BODY_BYTES} bytes a page; wrk;"
                " CPU: all of QEMU, its network included")
    with Lab(driver="qemu") as lab:
        built = images(lab, POLL_SERVER.read_text(), "server")
        with running_sides(lab, built, "ready", ports=[_PORT], memory_mib=_MIB,
                           argv=["server", str(_PORT), str(_BODY_BYTES)]) as guests:
            for connections in (1, 32):
                _add(report, guests, connections, 2 if quick else 10, 1 if quick else 3)
    return report


def _add(report: Report, guests: dict[KitSide, Any], connections: int, rounds: int,
         seconds: int) -> None:
    taken: dict[KitSide, list[_Sample]] = {side: [] for side in SIDES}

    def load(side: KitSide) -> float:
        taken[side].append(_sample(guests[side], connections, seconds))
        return taken[side][-1].load.per_second

    interleave(rounds, **{side.words: lambda side=side: load(side) for side in SIDES})
    words = f"{connections} connections" if connections > 1 else "1 connection"
    for what, unit, value in (
            ("time between requests", "µs", lambda one: 1e6 / one.load.per_second),
            ("CPU a request", "µs", lambda one: one.cpu_us),
            ("p50", "µs", lambda one: one.load.p50_us)):
        add_side_by_side(report, f"{words}, {what}", unit, {
            side: [value(one) for one in taken[side][1:]] for side in SIDES})
    for side in SIDES:
        report.measure(f"{words}: {side.words}", "requests/s",
                       [one.load.per_second for one in taken[side][1:]])


def _sample(guest: Any, connections: int, seconds: int) -> _Sample:
    before_ns = cpu_ns(guest.pid)
    load = wrk(guest.ports[_PORT], connections, seconds)
    return _Sample(load, (cpu_ns(guest.pid) - before_ns) / 1e3 / load.requests)
