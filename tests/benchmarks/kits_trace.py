"""What tracing one hypercall costs in each kit, baked into the image or from outside.

A program reads the clock in a loop.  In both kits that is a system call with one hypercall
that asks for the time, and only this one is recorded; how fast the loop goes the program
says itself, so that recording is switched on and off while it runs.
"""

import re
import time
from pathlib import Path
from typing import Any

from kernel_magics import Lab
from kernel_magics.errors import BootError

from .kits_sides import kits_report
from .measuring import Report, interleave

__all__ = ["run"]

_SOURCE = Path(__file__).parent / "programs" / "clock_calls" / "clock.c"
_CALLS = 500       # of a batch, as in the program
_MIB, _RECORDS = 64, 1 << 17
_ROUND_S = 30
_ROUND = re.compile(r"round (\d+): (\d+) ns\r?\n")
# Who asks for the time, by kit.
_ASKS = {"rumprun": "rumpcomp_bmktc_gettime", "rumpkit": "rumpuser_clock_gettime"}
# Way → how its image is built, and how it is booted.  From outside, a guest can be traced
# later if it was from its start: by a call that it never makes.
_WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Rumprun, as it is": ({"kit": "rumprun"}, {}),
    "Rumprun, baked in": ({"kit": "rumprun", "trace": True}, {"trace_records": _RECORDS}),
    "Rumprun, from outside": ({"kit": "rumprun"}, {"trace": "rumpuser_sp_init",
                                                   "trace_records": _RECORDS}),
    "rumpkit": ({}, {"trace_records": _RECORDS}),
}


def run(quick: bool) -> Report:
    """Measure nanoseconds a reading, recording on and off by turns, all guests on pc."""
    report = kits_report("kits_trace", quick)
    report.note("ns a reading by the guest's own clock, the fastest of 400 batches; recorded: one"
                " hypercall a reading, two records; where functions lie in an image moves the rest")
    with Lab(driver="qemu") as lab:
        samples: dict[str, dict[str, list[float]]] = {}
        for way in _WAYS:  # one at a time: a guest that waits for its turn would compute too
            samples[way] = _measured(lab, way, 3 if quick else 12)
    _add(report, samples)
    return report


def _measured(lab: Lab, way: str, rounds: int) -> dict[str, list[float]]:
    building, booting = _WAYS[way]
    image = lab.build(_SOURCE.read_text(), "clock", **building)
    guest = lab.boot(image, _MIB, machine="pc", name="bench-clock", **booting)
    try:
        guest.console.expect("round 0: ", timeout=60)
        sides = {"off": lambda: _reading_ns(guest)}
        if way != "Rumprun, as it is":
            sides["on"] = lambda: _recorded_ns(guest, _ASKS[image.kit])
        return interleave(rounds, **sides)
    finally:
        guest.stop()


def _recorded_ns(guest: Any, hypercall: str) -> float:
    guest.trace.start(hypercall)
    try:
        taken_ns = _reading_ns(guest)
    finally:
        guest.trace.stop()
    if not len(guest.trace.df):
        raise BootError(f"{guest.image.kit} recorded no {hypercall}",
                        next_step="look at guest.trace.hypercalls")
    guest.trace.clear()
    return taken_ns


def _reading_ns(guest: Any) -> float:
    """Return ns a reading of the first whole round from now on."""
    begun = max(map(int, (found[0] for found in _ROUND.findall(guest.console.text))), default=-1)
    deadline = time.monotonic() + _ROUND_S
    while time.monotonic() < deadline:
        for number, taken_ns in _ROUND.findall(guest.console.text):
            if int(number) >= begun + 2:
                return int(taken_ns) / _CALLS
        time.sleep(0.02)
    raise BootError(f"{guest.name} ended no round in {_ROUND_S} s", log=guest.console.text,
                    next_step=f"it said {guest.console.text[-200:]!r}")


def _add(report: Report, samples: dict[str, dict[str, list[float]]]) -> None:
    report.measure("Rumprun, as it is", "ns", samples.pop("Rumprun, as it is")["off"])
    costs = {}
    for way, found in samples.items():
        off = report.measure(f"{way}: recording off", "ns", found["off"])
        on = report.measure(f"{way}: recorded", "ns", found["on"])
        # A round that the host's other work slows is slow as a whole: the least of each side.
        costs[way] = report.measure(f"{way}: cost of one call", "ns",
                                    [min(on.samples) - min(off.samples)])
    baked = costs["Rumprun, baked in"]
    report.ratio("cost: rumpkit / Rumprun, baked in", costs["rumpkit"], baked)
    report.ratio("cost: Rumprun, from outside / baked in", costs["Rumprun, from outside"], baked)
