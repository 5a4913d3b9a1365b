"""Samples, ratios between them, and how they are printed and kept.

Every number is a ratio of things measured side by side in one run: the machine's speed
cancels out, and a slow moment hits both sides because their runs alternate.
"""

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kernel_magics.places import project_dir

__all__ = ["Measure", "Ratio", "Limit", "Report", "interleave", "artefacts_dir"]


def artefacts_dir() -> Path:
    """Return tests/artefacts/benchmarks/, where each run leaves its JSON; created."""
    path = project_dir() / "tests" / "artefacts" / "benchmarks"
    path.mkdir(parents=True, exist_ok=True)
    return path


@dataclass(frozen=True)
class Measure:
    """One quantity's samples, in `unit`."""

    name: str
    unit: str
    samples: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    def spread(self) -> tuple[float, float, float]:
        """Return minimum, median and maximum."""
        return min(self.samples), self.median, max(self.samples)


@dataclass(frozen=True)
class Ratio:
    """`over` divided by `under`, sample by sample; at_most is the issue's target."""

    name: str
    over: Measure
    under: Measure
    at_most: float | None = None

    def as_limit(self) -> "Limit":
        pairs = zip(self.over.samples, self.under.samples, strict=True)
        ratios = [over / under if under else float("inf") for over, under in pairs]
        return Limit(Measure(self.name, "×", ratios), self.at_most)


@dataclass(frozen=True)
class Limit:
    """A measure whose median has a target."""

    measure: Measure
    at_most: float | None

    @property
    def verdict(self) -> str:
        if self.at_most is None:
            return ""
        return "PASS" if self.measure.median <= self.at_most else "MISS"


@dataclass
class Report:
    """What one benchmark found; `note` says how, where that is not obvious."""

    name: str
    quick: bool
    notes: list[str] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def measure(self, name: str, unit: str, samples: Sequence[float],
                at_most: float | None = None) -> Measure:
        """Add a quantity, with a target for its median if there is one."""
        found = Measure(name, unit, list(samples))
        self.limits.append(Limit(found, at_most))
        return found

    def ratio(self, name: str, over: Measure, under: Measure,
              at_most: float | None = None) -> Limit:
        """Add over / under, sample by sample."""
        limit = Ratio(name, over, under, at_most).as_limit()
        self.limits.append(limit)
        return limit

    def __getitem__(self, name: str) -> Measure:
        return next(limit.measure for limit in self.limits if limit.measure.name == name)

    def __str__(self) -> str:
        width = max((len(limit.measure.name) for limit in self.limits), default=0)
        rounds = "quick" if self.quick else "full"
        lines = [f"{self.name} ({rounds})", *(f"  {note}" for note in self.notes),
                 f"  {'':<{width}}  {'min':>10} {'median':>10} {'max':>10}"]
        for limit in self.limits:
            low, middle, high = limit.measure.spread()
            target = f"  ≤ {limit.at_most:g}  {limit.verdict}" if limit.verdict else ""
            lines.append(f"  {limit.measure.name:<{width}}  {low:>10.4g} {middle:>10.4g}"
                         f" {high:>10.4g} {limit.measure.unit:<4}{target}")
        return "\n".join(lines)

    def save(self) -> Path:
        """Write the report as JSON next to the other artefacts; return its path."""
        path = artefacts_dir() / f"{self.name}.json"
        path.write_text(json.dumps({
            "name": self.name, "quick": self.quick, "notes": self.notes,
            "machine": {"cpus": os.cpu_count(), "system": platform.platform()},
            "measures": [{
                "name": limit.measure.name, "unit": limit.measure.unit,
                **dict(zip(("min", "median", "max"), limit.measure.spread(), strict=True)),
                "samples": list(limit.measure.samples),
                "at_most": limit.at_most, "verdict": limit.verdict or None,
            } for limit in self.limits]}, indent=1, ensure_ascii=False) + "\n")
        return path


def interleave(rounds: int, **sides: Callable[[], float]) -> dict[str, list[float]]:
    """Run each side once a round, in turn; return each side's samples.

    One round before, not counted, fills caches on both sides alike.
    """
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, run in sides.items():
            value = run()
            if number:
                samples[name].append(value)
    return samples
