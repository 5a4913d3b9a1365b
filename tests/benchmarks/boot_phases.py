"""First instruction to main by the guest's own clock, and its share of the boot."""

from kernel_magics import Lab
from kernel_magics.boot.abi import Phase
from kernel_magics.boot.hypervisor.accel import accelerator

from .measuring import Report
from .programs import HELLO

__all__ = ["run"]


def run(quick: bool) -> Report:
    """Boot hello again and again and read the time stamps it left in its header."""
    report = Report("boot_phases", quick)
    report.note(f"{accelerator().name}, direct driver, 32 MiB; time-stamp counter of the guest")
    inside: dict[Phase, list[float]] = {phase: [] for phase in Phase if phase <= Phase.MAIN}
    whole_ms, wall_ms = [], []
    with Lab(driver="qemu") as lab:
        image = lab.build(HELLO, name="hello")
        for _ in range(4 if quick else 20):
            guest = lab.boot(image, memory_mib=32)
            guest.wait(timeout=20)
            header = guest.header
            stamps = [header.phase_tsc[phase] * 1e3 / header.tsc_hz for phase in inside]
            for phase in list(inside)[:-1]:
                inside[phase].append(stamps[phase + 1] - stamps[phase])
            whole_ms.append(stamps[Phase.MAIN] - stamps[Phase.ENTRY])
            wall_ms.append(sum(guest.boot_phases.values()) / 1e6)
    for phase in list(inside)[:-1]:
        report.measure(f"in phase {phase.name.lower()}", "ms", inside[phase])
    whole = report.measure("first instruction → main", "ms", whole_ms, at_most=3)
    wall = report.measure("lab.boot → gone, wall", "ms", wall_ms)
    report.ratio("first instruction → main / wall", whole, wall)
    return report
