"""Where the time of a Rumprun guest's boot went, by when its console showed what."""

from collections.abc import Mapping

from kernel_magics.boot.phases import BootPhases, distances, host_line
from kernel_magics.boot.rumprun.story import STAGES

__all__ = ["rumprun_phases"]


def rumprun_phases(marks: Mapping[str, int], stages: Mapping[str, tuple[int | None, int]],
                   now_ns: int) -> BootPhases:
    """Return the phases of a boot; they sum to the wall time.

    `marks` are the host's times, as boot_phases has them, `stages` those at which the beginning
    of a phase was looked for in vain and then seen; one that nobody watched is left out.
    `uncertainty_ns` is the longest time between two such looks.
    """
    end_ns = marks.get("gone", now_ns)
    line = host_line(marks)
    begins = line[-1][1]
    widest_ns = 0
    for name in STAGES:
        if name not in stages:
            continue
        before_ns, seen_ns = stages[name]
        if before_ns is None:  # the first look of somebody who came later
            continue
        line.append((name, seen_ns))
        widest_ns = max(widest_ns, seen_ns - max(before_ns, begins))
    phases = distances(line, end_ns)
    phases.uncertainty_ns = max(0, widest_ns)
    return phases
