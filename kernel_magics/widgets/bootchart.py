"""The boot chart: what the time from asking for a guest to its end was spent on."""

from typing import Any

import pandas as pd

from kernel_magics.widgets.markup import duration_text, escape, report, table

__all__ = ["BootChart", "phase_rows"]

HOST_PHASES = ("define", "exec")
"""Spent by libvirt and QEMU before the guest's first instruction."""


class BootChart:
    """The phases of one guest's boot, in order; they sum to the wall time.

    `df` has a row per phase: start_ns and duration_ns.
    """

    def __init__(self, guest: Any) -> None:
        self.name = guest.name
        self.phases: dict[str, int] = dict(guest.boot_phases)

    @property
    def df(self) -> pd.DataFrame:
        """A row per phase (index): start_ns since the request, duration_ns."""
        rows = phase_rows(self.phases)
        index = pd.Index([name for name, _, _ in rows], name="phase")
        return pd.DataFrame({"start_ns": [s for _, s, _ in rows],
                             "duration_ns": [d for _, _, d in rows]}, index=index)

    def __repr__(self) -> str:
        rows = phase_rows(self.phases)
        lines = [f"boot of {self.name}:"]
        lines += [f"  {name:<10}{duration_text(took):>10}" for name, _, took in rows]
        return "\n".join([*lines, f"  {'sum':<10}{duration_text(sum(self.phases.values())):>10}"])

    def html(self) -> str:
        """Return the chart alone, without the frame of a report."""
        total = max(1, sum(self.phases.values()))
        rows = [(escape(name), _lane(name, start / total, took / total), duration_text(took))
                for name, start, took in phase_rows(self.phases)]
        rows.append(("<b>sum</b>", "", f"<b>{duration_text(total)}</b>"))
        return table(("phase", "", "took"), rows, numeric=(2,))

    def _repr_html_(self) -> str:
        return report(f"boot of {self.name}", f"<header><b>Boot of {escape(self.name)}</b></header>",
                      self.html())


def phase_rows(phases: dict[str, int]) -> list[tuple[str, int, int]]:
    """Return name, start and duration in ns for each phase, in the order they come."""
    rows, start = [], 0
    for name, took in phases.items():
        rows.append((name, start, took))
        start += took
    return rows


def _lane(name: str, start: float, share: float) -> str:
    kind = "" if name in HOST_PHASES else ' class="guest"'
    left = min(start, 0.995)
    return (f'<div class="lane" aria-hidden="true"><span{kind} '
            f'style="left:{left:.2%};width:{share:.2%}"></span></div>')
