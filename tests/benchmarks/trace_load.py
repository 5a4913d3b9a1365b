"""What tracing every hypercall costs a web server under load: requests a second, on and off."""

from typing import Any

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.places import images_dir

from .load import Load, cpu_ns, wrk
from .measuring import Report, interleave

__all__ = ["run"]

_PORT, _CONNECTIONS = 80, 32
_RECORDS = 1 << 18
_AIM = 1 / 0.9  # of the time between requests: 0.9 of the requests a second


def run(quick: bool) -> Report:
    """Measure one guest, with the recording of all hypercalls switched on and off by turns."""
    report = Report("trace_load", quick)
    report.note(f"{accelerator().name}, microvm; images/guests/http, wrk with"
                f" {_CONNECTIONS} connections; its ring is emptied and kept while it runs")
    lost: list[float] = []
    events: list[float] = []
    cpu: dict[str, list[float]] = {"off": [], "on": []}
    with Lab(driver="qemu") as lab:
        image = lab.build((images_dir() / "guests" / "http" / "http.c").read_text(), name="server")
        guest = lab.boot(image, ports=[_PORT], memory_mib=128, trace_records=_RECORDS)
        assert guest.http("/").status == 200
        seconds = 1 if quick else 4
        samples = interleave(
            3 if quick else 12, off=lambda: _between_us(guest, seconds, cpu["off"]),
            on=lambda: _traced_us(guest, seconds, lost, events, cpu["on"]))
    off = report.measure("time between requests, not traced", "µs", samples["off"])
    on = report.measure("time between requests, all hypercalls traced", "µs", samples["on"])
    report.ratio("traced / not traced", on, off, at_most=_AIM)
    report.ratio("QEMU's processor time a request, traced / not traced",
                 report.measure("QEMU's processor time a request, traced", "µs", cpu["on"]),
                 report.measure("the same, not traced", "µs", cpu["off"]), at_most=_AIM)
    report.measure("records a request", "", events)
    report.measure("records lost", "", lost, at_most=0)
    return report


def _load(guest: Any, seconds: int, cpu: list[float]) -> Load:
    """Ask for pages; add the microseconds of QEMU's processor time a request took."""
    before_ns = cpu_ns(guest.pid)
    load = wrk(guest.ports[_PORT], _CONNECTIONS, seconds)
    cpu.append((cpu_ns(guest.pid) - before_ns) / 1e3 / load.requests)
    return load


def _between_us(guest: Any, seconds: int, cpu: list[float]) -> float:
    return 1e6 / _load(guest, seconds, cpu).per_second


def _traced_us(guest: Any, seconds: int, lost: list[float], events: list[float],
               cpu: list[float]) -> float:
    guest.trace.start("hypercalls").keep(1)
    before = guest.header.ring_write_index
    try:
        load = _load(guest, seconds, cpu)
    finally:
        guest.trace.stop()
    events.append((guest.header.ring_write_index - before) / load.requests)
    lost.append(guest.trace.lost)
    guest.trace.clear()
    return 1e6 / load.per_second
