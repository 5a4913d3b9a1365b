"""One program under two kits as HTML: bytes by layer, boots on one scale, hypercalls."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from kernel_magics.inspect.images.layers import LAYERS
from kernel_magics.widgets.boot_chart.phases import boot_chart_html
from kernel_magics.widgets.foundation.markup import byte_text, duration_text, escape, report, table

__all__ = ["kit_comparison_html"]

_LAYERS = {layer.name: layer for layer in LAYERS}
_PLAIN = "var(--jp-brand-color1, #1976d2)"
# In the order of STAGES; each differs in lightness too.
_STAGE_COLOURS = {"before QEMU": "#9aa0a6", "before the guest": "#5f6b7a", "boot": "#2e7d32",
                  "main": "#c2650a", "end": "#7a68d8"}
_MOST_CALLS = 60
Sides = tuple[str, ...]
"""What the two columns of figures are called."""


def kit_comparison_html(found: Any) -> str:
    """Return a KitComparison as HTML; what is long is folded."""
    title = " → ".join(f"{name} ({kit})" for name, kit
                       in zip(found.names, found.kits, strict=True))
    key = f"upper bar {found.kits[0]}, lower, striped bar {found.kits[1]}"
    header = f'<header><b>{escape(title)}</b> <span class="soft">{escape(key)}</span></header>'
    notes = "".join(f'<p class="soft">{escape(note)}</p>' for note in found.notes)
    sides = found.kits if found.kits[0] != found.kits[1] else ("before", "after")
    return report(title, header, _sizes(found.sizes, sides), _boots(found, sides),
                  _hypercalls(found, sides), notes)


def _sizes(sizes: pd.DataFrame, sides: Sides) -> str:
    most = int(sizes.drop(index="in RAM")[["before_bytes", "after_bytes"]].max().max() or 1)
    rows = [_pair_row(_layer_name(str(name)), int(before), int(after),
                      max(before, after, 1) if name == "in RAM" else most, byte_text,
                      _LAYERS[name].colour if name in _LAYERS else _PLAIN)
            for name, before, after in zip(sizes.index, sizes["before_bytes"],
                                           sizes["after_bytes"], strict=True)]
    return _pairs("bytes by layer", ("layer", *sides), rows)


def _layer_name(name: str) -> str:
    if name not in _LAYERS:
        return f"<b>{escape(name)}</b>" if name == "in RAM" else f"<code>{escape(name)}</code>"
    layer = _LAYERS[name]
    return (f'<i class="dot" style="background:{layer.colour}"></i><code>{layer.name}</code> '
            f'<span class="soft">{escape(layer.title)}</span>')


def _boots(found: Any, sides: Sides) -> str:
    if found.boots is None:
        return ""
    stages = found.boots.drop(index="total")
    most = int(max(found.boots.loc["total", ["before_ns", "after_ns"]])) or 1
    lanes = "".join(_lane(name, stages[side], most) for name, side
                    in zip(found.names, ("before_ns", "after_ns"), strict=True))
    rows = [(_stage_name(str(name)), _time(before or None), _time(after or None),
             _ratio(int(before), int(after)))
            for name, before, after in zip(found.boots.index, found.boots["before_ns"],
                                           found.boots["after_ns"], strict=True)]
    charts = "".join(f"<h5>{escape(name)}</h5>{boot_chart_html(phases)}" for name, phases
                     in zip(found.names, found.phases, strict=True))
    return (f"<h5>boot, on one scale</h5>{lanes}"
            + table(("stage", *sides, "ratio"), rows, numeric=(1, 2, 3))
            + f"<details><summary>the phases of each boot</summary>{charts}</details>")


def _stage_name(name: str) -> str:
    if name not in _STAGE_COLOURS:
        return f"<b>{escape(name)}</b>"
    return f'<i class="dot" style="background:{_STAGE_COLOURS[name]}"></i>{escape(name)}'


def _lane(name: str, stages: pd.Series, most: int) -> str:
    """Return a bar of the stages of one boot, as long as its share of the longest."""
    shown: Mapping[str, int] = {str(stage): int(took) for stage, took in stages.items() if took}
    parts = "".join(
        f'<span style="flex:{took};background:{_STAGE_COLOURS[stage]}" '
        f'title="{escape(stage)}: {duration_text(took)}"></span>'
        for stage, took in shown.items())
    total = sum(shown.values())
    told = escape(", ".join(f"{stage} {duration_text(took)}" for stage, took in shown.items()))
    return (f'<div><code>{escape(name)}</code> <span class="soft">{duration_text(total)}</span>'
            f'<div class="stack" role="img" aria-label="{escape(name)}: {told}" '
            f'style="width:{max(1.0, 100 * total / most):.1f}%">{parts}</div></div>')


def _hypercalls(found: Any, sides: Sides) -> str:
    if found.purposes is None:
        return ""
    counts = found.purposes[["before_count", "after_count"]].astype(int)
    most = int(counts.max().max() or 1)
    rows = [_pair_row(escape(str(name)), int(before), int(after), most, "{:,}".format)
            for name, before, after in zip(counts.index, counts["before_count"],
                                           counts["after_count"], strict=True)]
    calls = found.hypercalls
    each = [(f"<code>{escape(str(name))}</code>", escape(str(row.purpose)),
             f"{row.before_count:,}", f"{row.after_count:,}", _time(row.before_median_ns),
             _time(row.after_median_ns))
            for name, row in zip(calls.index, calls.head(_MOST_CALLS).itertuples(), strict=False)]
    more = len(calls) - len(each)
    rest = f'<p class="soft">… and {more} more: .hypercalls</p>' if more > 0 else ""
    columns = ("hypercall", "for", *sides, *(f"median, {side}" for side in sides))
    return (_pairs("hypercalls by what they are for", ("for", *sides), rows)
            + "<details><summary>each hypercall</summary>"
              f"{table(columns, each, numeric=(2, 3, 4, 5))}{rest}</details>")


def _pairs(caption: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return f"<h5>{escape(caption)}</h5>" + table((*columns, "ratio", ""), rows,
                                                 numeric=(1, 2, 3))


def _pair_row(name: str, before: int, after: int, most: int, text: Callable[[int], str],
              colour: str = _PLAIN) -> tuple[str, ...]:
    bars = "".join(
        f'<span class="{kind}" style="width:{min(100.0, 100 * amount / most):.2f}%;'
        f'--bar:{colour}"></span>' for kind, amount in (("first", before), ("second", after)))
    return (name, text(before) if before else "–", text(after) if after else "–",
            _ratio(before, after), f'<div class="pair" aria-hidden="true">{bars}</div>')


def _ratio(before: int, after: int) -> str:
    return f"× {after / before:,.2f}" if before and after else ""


def _time(time_ns: Any) -> str:
    return "–" if pd.isna(time_ns) else duration_text(int(time_ns))
