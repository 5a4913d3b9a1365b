"""Where the time of a boot went: host marks and guest time stamps on one line.

The guest's time stamps count from an unknown moment, so they are anchored: what the lab
saw of the guest's RAM while it started (this phase not yet passed here, passed there)
bounds the offset between the two clocks.  Whatever the offset, the phases sum to the
wall time, because they are the distances between neighbouring marks on one line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kernel_magics.boot.abi import Phase

__all__ = ["BootPhases", "Sightings", "boot_phases", "host_line", "distances"]

_BAR = 40
_GUEST = (Phase.ENTRY, Phase.RUNTIME, Phase.DEVICES, Phase.KERNEL, Phase.LIBC, Phase.MAIN)


class BootPhases(dict[str, int]):
    """Phase name → nanoseconds, in order; `total_ns` is their sum, the wall time.

    `uncertainty_ns` says how far the border between the host's and the guest's phases
    may be off; `.df` is the same as a DataFrame, `.chart()` as text.
    """

    uncertainty_ns: int = 0

    @property
    def total_ns(self) -> int:
        """The wall time from the call of boot to the end, or to now."""
        return sum(self.values())

    @property
    def df(self) -> Any:
        """Return a DataFrame: index phase, columns start_ns and duration_ns."""
        import pandas  # slow to import, and a boot needs no table

        starts, at = [], 0
        for duration in self.values():
            starts.append(at)
            at += duration
        return pandas.DataFrame({"start_ns": starts, "duration_ns": list(self.values())},
                                index=pandas.Index(self, name="phase"), dtype="int64")

    def chart(self) -> str:
        """Return a bar chart in text: name, milliseconds, a bar where the phase lies."""
        total, at, lines = max(self.total_ns, 1), 0, []
        for name, duration in self.items():
            first = at * _BAR // total
            at += duration
            last = max(first + 1, -(-at * _BAR // total)) if duration else first
            bar = (" " * first + "█" * (last - first)).ljust(_BAR)
            lines.append(f"{name:<9}{duration / 1e6:>9.2f} ms │{bar}│")
        lines.append(f"{'total':<9}{total / 1e6:>9.2f} ms")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.chart()


@dataclass(slots=True)
class Sightings:
    """When each guest phase was last seen not passed, and first seen passed (host ns)."""

    before: dict[Phase, int] = field(default_factory=dict)
    after: dict[Phase, int] = field(default_factory=dict)
    loaded_ns: int | None = None

    def note(self, passed: int, looked_ns: int, seen_ns: int) -> None:
        """Record one look at the bitmap of passed phases, between two host times."""
        for phase in Phase:
            if not passed & (1 << phase):
                self.before[phase] = looked_ns
            else:
                self.after.setdefault(phase, seen_ns)

    def offset_bounds(self, stamps_ns: Mapping[Phase, int]) -> tuple[int | None, int | None]:
        """Return the least and greatest host time that guest time 0 can have been."""
        least = [self.before[p] - ns for p, ns in stamps_ns.items() if p in self.before]
        most = [self.after[p] - ns for p, ns in stamps_ns.items() if p in self.after]
        return max(least, default=None), min(most, default=None)


def boot_phases(marks: Mapping[str, int], phase_tsc: tuple[int, ...], tsc_hz: int,
                sightings: Sightings, now_ns: int) -> BootPhases:
    """Return the phases of a boot.

    `marks` are host times: "called" (lab.boot), "spawned" (QEMU's exec), "created" (libvirt
    has QEMU ready and paused) and "resumed" if there was such a pause, "gone" (QEMU
    ended).  Without "gone" the last phase lasts until `now_ns`.
    """
    end_ns = marks.get("gone", now_ns)
    line = host_line(marks)
    if line[-1][0] == "exec" and sightings.loaded_ns:
        line.append(("firmware", sightings.loaded_ns))
    stamps_ns = _stamps_ns(phase_tsc, tsc_hz)
    uncertainty_ns = 0
    if stamps_ns:
        offset_ns, uncertainty_ns = _anchor(stamps_ns, sightings, line[-1][1], end_ns)
        line += [(phase.name.lower(), offset_ns + stamps_ns[phase])
                 for phase in _GUEST if phase in stamps_ns]
        if Phase.EXIT in stamps_ns and "gone" in marks:
            line.append(("exit", offset_ns + stamps_ns[Phase.EXIT] + _later_pauses(marks)))
    phases = distances(line, end_ns)
    phases.uncertainty_ns = uncertainty_ns
    return phases


def host_line(marks: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the phases that the host itself begins, with their times."""
    line = [("define", marks["called"]), ("exec", marks["spawned"])]
    if "created" in marks and "resumed" in marks:
        if marks["resumed"] > marks["created"]:
            line.append(("paused", marks["created"]))
        line.append(("firmware", marks["resumed"]))
    return line


def _stamps_ns(phase_tsc: tuple[int, ...], tsc_hz: int) -> dict[Phase, int]:
    """Return the stamps that exist and are in order: the guest may have written anything."""
    stamps: dict[Phase, int] = {}
    if not tsc_hz:
        return stamps
    last = 0
    for phase in Phase:
        if phase != Phase.OUTPUT and phase_tsc[phase] >= max(last, 1):
            last = phase_tsc[phase]
            stamps[phase] = last * 1_000_000_000 // tsc_hz
    return stamps if Phase.ENTRY in stamps else {}


def _anchor(stamps_ns: Mapping[Phase, int], sightings: Sightings, earliest_ns: int,
            end_ns: int) -> tuple[int, int]:
    """Return the host time of guest time 0, and how far it may be off."""
    least, most = sightings.offset_bounds(stamps_ns)
    # Nobody watched: the guest began after QEMU did, and ended before QEMU was gone.
    floor = earliest_ns - stamps_ns[Phase.ENTRY]
    ceiling = end_ns - max(stamps_ns.values())
    least = floor if least is None else max(least, floor)
    most = ceiling if most is None else min(most, ceiling)
    if most < least:  # clocks of a few parts per million's difference
        return most, least - most
    return (least + most) // 2, (most - least) // 2


def _later_pauses(marks: Mapping[str, int]) -> int:
    return marks.get("paused_ns", 0)


def distances(line: list[tuple[str, int]], end_ns: int) -> BootPhases:
    """Return how long each phase lasted, given when each began and when the last ended."""
    phases, at = BootPhases(), line[0][1]
    for (name, _), (_, until) in zip(line, [*line[1:], ("", end_ns)], strict=True):
        until = min(max(until, at), end_ns)
        phases[name] = until - at
        at = until
    return phases
