"""The same program under two kits: sizes by layer, boots, and what it asked of its host."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.images.layers import LAYERS, OTHER
from kernel_magics.inspect.images.rumprun_components import TRACE
from kernel_magics.inspect.images.size_tree import bytes_text
from kernel_magics.trace.kits.profile import hypercall_profile

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STAGES", "KitComparison"]

STAGES = {
    "before QEMU": ("define",),
    "before the guest": ("exec", "paused", "firmware"),
    "boot": ("entry", "runtime", "devices", "kernel", "libc", "config"),
    "main": ("main",),
    "end": ("exit",),
}
"""What both kits' boots have → the phases of a boot that are part of it.  A Rumprun guest's
first phase begins with the first line of its console, so what comes before that line counts
as "before the guest"."""

_ORDER = [*(layer.name for layer in LAYERS), OTHER]


class KitComparison:
    """Two images, or guests of them, that were made of the same program by two kits.

    `before` and `after` are GuestImages or boot.Guests; of guests their boots and hypercalls
    are compared too, as they are when this is made.  `notes`, to which some may be given, say
    what could not be compared, or not fairly, and what would help.
    """

    def __init__(self, before: Any, after: Any, notes: Sequence[str] = ()) -> None:
        self._notes = list(notes)
        self.subjects = (before, after)
        self.images = (_image(before), _image(after))
        self.names = (str(before.name), str(after.name))
        self.kits = tuple(image.kit or "no kit" for image in self.images)
        self.guests = None if self.images[0] is before or self.images[1] is after \
            else self.subjects
        self._phases = tuple(dict(one.boot_phases) for one in self.guests or ())
        self._running = [one.name for one in self.guests or ()
                         if one.state in ("running", "paused")]
        found = [hypercall_profile(one) for one in self.guests or ()]
        self._profiles = tuple(profile for profile, _ in found)
        self._whence = tuple(whence for _, whence in found)

    @property
    def notes(self) -> list[str]:
        """What was not compared, or not fairly, a sentence each."""
        traced = [f"{size / 1024:.1f} KiB of {image.name}'s rumpuser are what traces it"
                  for image in self.images if (size := _tracing_bytes(image))]
        unknown = [image.sizes.note for image in self.images if image.sizes.note]
        return [*self._notes, *unknown, *traced, *self._runs()]

    def _runs(self) -> list[str]:
        """Say what there is to say of the boots and the hypercalls."""
        if self.guests is None:
            return ["boots and hypercalls are compared of guests: boot both images"]
        said = [f"{name} still ran: its main lasts until this was made" for name in self._running]
        said += [f"{name}: {whence}" for name, profile, whence
                 in zip(self.names, self._profiles, self._whence, strict=True) if profile is None]
        if "counters" in self._whence:
            said.append("counts only: boot both with trace=\"hypercalls\" (--trace) for times")
        return [*said, *self._unlike("machine", "machine"), *self._unlike("memory_mib", "RAM"),
                *self._unlike("driver", "driver")]

    def _unlike(self, key: str, title: str) -> list[str]:
        one, other = (guest.spec.get(key) for guest in self.guests or ())
        return [] if one == other else [
            f"not the same {title}: {self.names[0]} had {one}, {self.names[1]} {other}"]

    @cached_property
    def sizes(self) -> pd.DataFrame:
        """A row per layer that either image has (index), and "in RAM", their sum: before_bytes,
        after_bytes, delta_bytes, ratio (after ÷ before)."""
        one, other = (image.sizes.by_layer()["total"] for image in self.images)
        names = [name for name in _ORDER if name in one.index or name in other.index]
        rows = [(name, int(one.get(name, 0)), int(other.get(name, 0))) for name in names]
        rows.append(("in RAM", sum(row[1] for row in rows), sum(row[2] for row in rows)))
        return _table("layer", rows, "bytes")

    @cached_property
    def boots(self) -> pd.DataFrame | None:
        """A row per stage of STAGES (index): before_ns, after_ns, delta_ns, ratio; None for
        images."""
        if self.guests is None:
            return None
        rows = [(stage, *(sum(phases.get(name, 0) for name in names) for phases in self._phases))
                for stage, names in STAGES.items()]
        rows.append(("total", *(sum(phases.values()) for phases in self._phases)))
        return _table("stage", rows, "ns")

    @property
    def phases(self) -> tuple[dict[str, int], ...]:
        """The phases of each boot, as the guest's own boot_phases has them, in ns."""
        return self._phases

    @cached_property
    def hypercalls(self) -> pd.DataFrame | None:
        """A row per hypercall that either guest made (index): purpose, before_count, after_count,
        before_ns, after_ns (in all its calls), before_median_ns, after_median_ns; NA where only
        counters tell.  None if nothing was recorded or counted."""
        import pandas as pd

        one, other = self._profiles or (None, None)
        if one is None or other is None:
            return None
        joined = pd.concat([one.add_suffix("_before"), other.add_suffix("_after")], axis=1,
                           sort=False).rename_axis("hypercall")
        table = joined[["count_before", "count_after"]].fillna(0)
        for name in ("total_ns", "median_ns"):
            for side in ("before", "after"):
                table[f"{name}_{side}"] = joined[f"{name}_{side}"]
        table.columns = ["before_count", "after_count", "before_ns", "after_ns",
                         "before_median_ns", "after_median_ns"]
        table.insert(0, "purpose", joined["purpose_before"].combine_first(joined["purpose_after"]))
        return table.assign(most=table[["before_count", "after_count"]].max(axis=1)).sort_values(
            ["purpose", "most"], ascending=[True, False]).drop(columns="most")

    @cached_property
    def purposes(self) -> pd.DataFrame | None:
        """The hypercalls summed by what they are for (index): before_count, after_count,
        before_ns, after_ns."""
        if self.hypercalls is None:
            return None
        kept = ["before_count", "after_count", "before_ns", "after_ns"]
        summed: pd.DataFrame = self.hypercalls.groupby("purpose", observed=True)[kept].sum(
            min_count=1)
        return summed

    @property
    def df(self) -> pd.DataFrame:
        """All three in one table: part ("size", "boot", "hypercalls"), name, unit ("bytes",
        "ns", "calls"), before, after, ratio."""
        import pandas as pd

        rows = [*_long("size", "bytes", self.sizes), *_long("boot", "ns", self.boots)]
        if self.purposes is not None:
            counts = self.purposes.rename(columns=lambda one: one.replace("_count", "_calls"))
            rows += _long("hypercalls", "calls", counts)
        return pd.DataFrame(rows, columns=["part", "name", "unit", "before", "after", "ratio"])

    def __repr__(self) -> str:
        one, other = (f"{name} ({kit})" for name, kit in zip(self.names, self.kits, strict=True))
        lines = [f"{one} → {other}", *_lines("bytes by layer", self.sizes, "bytes", bytes_text)]
        lines += _lines("boot", self.boots, "ns", _milliseconds)
        if self.purposes is not None:
            lines += _lines("hypercalls by purpose", self.purposes, "count", "{:,}".format)
        return "\n".join([*lines, *(f"({note})" for note in self.notes)])


def _image(subject: Any) -> Any:
    image = getattr(subject, "image", subject)
    if callable(image) or not hasattr(image, "stripped_path"):
        raise UsageError(f"kits are compared by images or guests, not by {subject!r}",
                         next_step="pass what lab.build or lab.boot returned")
    return image


def _tracing_bytes(image: Any) -> int:
    """Return how much of an image is there only to trace it."""
    parts = image.sizes.by_component()
    return int(parts.loc[parts["component"] == TRACE, "total"].sum())


def _table(index: str, rows: list[Any], unit: str) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows, columns=[index, f"before_{unit}", f"after_{unit}"]).set_index(index)
    before, after = table[f"before_{unit}"], table[f"after_{unit}"]
    table[f"delta_{unit}"] = after - before
    table["ratio"] = (after / before.where(before != 0)).astype("Float64")
    return table


def _long(part: str, unit: str, table: pd.DataFrame | None) -> list[tuple[object, ...]]:
    if table is None:
        return []
    pairs = zip(table.index, table[f"before_{unit}"], table[f"after_{unit}"], strict=True)
    return [(part, str(name), unit, int(before), int(after), after / before if before else None)
            for name, before, after in pairs]


def _lines(title: str, table: pd.DataFrame | None, unit: str, text: Any) -> list[str]:
    if table is None:
        return []
    rows = zip(table.index, table[f"before_{unit}"], table[f"after_{unit}"], strict=True)
    return [f"  {title}", *(
        f"    {name!s:<17}{_cell(before, text):>13} → {_cell(after, text):<13}"
        f"{f'× {after / before:.2f}' if before and after else '':>10}".rstrip()
        for name, before, after in rows)]


def _cell(value: Any, text: Any) -> str:
    return str(text(int(value))) if value else "–"


def _milliseconds(time_ns: int) -> str:
    return f"{time_ns / 1e6:,.1f} ms"
