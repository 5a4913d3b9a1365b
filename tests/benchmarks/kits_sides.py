"""What the benchmarks of the two kits compare: upstream Rumprun beside rumpkit.

Rumprun's guests boot on the machine type pc, so rumpkit is measured there too; and on
microvm, which it boots fastest on and Rumprun not at all.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.boot.spec import render
from kernel_magics.build.image import GuestImage
from kernel_magics.build.rumprun import find_rumprun

from .machines import MACHINE, bare_qemu
from .measuring import Measure, Report

__all__ = ["KitSide", "SIDES", "kits_report", "images", "hello_qemu", "add_side_by_side",
           "running_sides", "POLL_SERVER"]

POLL_SERVER = Path(__file__).parent / "programs" / "poll_server" / "server.c"


@dataclass(frozen=True, slots=True)
class KitSide:
    """One of the three: a kit and the machine type its guest runs on."""

    kit: str
    machine: str

    @property
    def words(self) -> str:
        return f"{self.kit} on {self.machine}"

    @property
    def qemu_machine(self) -> str:
        """QEMU's -machine, as the lab gives it for a guest without devices."""
        return MACHINE if self.machine == "microvm" else self.machine


RUMPRUN, SAME, BEST = SIDES = (KitSide("rumprun", "pc"), KitSide("rumpkit", "pc"),
                               KitSide("rumpkit", "microvm"))


def kits_report(name: str, quick: bool) -> Report:
    """Begin a report, which names the toolchain; raises HostError where there is none."""
    report = Report(name, quick)
    report.note(f"{accelerator().name}; upstream Rumprun, rumprun-bake of"
                f" {find_rumprun().version}, configuration hw_virtio; the same source for both")
    return report


def images(lab: Lab, source: str | Path, name: str) -> dict[str, GuestImage]:
    """Build one source, a text or a file, with both kits; kit → image."""
    return {kit: lab.build(source, name, kit=kit) for kit in ("rumprun", "rumpkit")}


def hello_qemu(built: Mapping[str, GuestImage], side: KitSide, memory_mib: int) -> list[str]:
    """Return a QEMU that runs hello, its console on standard output, and nothing else."""
    chosen = accelerator()
    program: dict[str, object] = {"bin": "hello", "argv": []}
    pairs: list[tuple[str, object]] = [("rc", [program])]
    if side.kit == "rumpkit":
        program["argv"] = ["hello"]
        pairs.append(("lab", {"tsc_hz": chosen.tsc_hz, "epoch_ns": time.time_ns()}))
    return bare_qemu(built[side.kit].stripped_path, chosen, memory_mib, "-append", render(pairs),
                     machine=side.qemu_machine)


def add_side_by_side(report: Report, what: str, unit: str,
                     samples: Mapping[KitSide, list[float]]) -> None:
    """Add a quantity of each side, and rumpkit's as a ratio of Rumprun's."""
    found: dict[KitSide, Measure] = {
        side: report.measure(f"{what}: {side.words}", unit, samples[side]) for side in samples}
    for side in samples:
        if side != RUMPRUN:
            report.ratio(f"{what}: {side.words} / Rumprun", found[side], found[RUMPRUN])


@contextmanager
def running_sides(lab: Lab, built: Mapping[str, GuestImage], ready: str,
                  **spec: Any) -> Iterator[dict[KitSide, Any]]:
    """Boot each side's guest, wait until it says `ready`, and stop them when left."""
    guests: dict[KitSide, Any] = {}
    try:
        for side in SIDES:
            name = f"bench-{side.kit}-{side.machine}"
            guests[side] = lab.boot(built[side.kit], machine=side.machine, name=name, **spec)
        for guest in guests.values():
            guest.console.expect(ready, timeout=60)
        yield guests
    finally:
        for guest in guests.values():
            guest.stop()
