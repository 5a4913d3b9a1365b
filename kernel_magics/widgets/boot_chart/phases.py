"""The boot chart: what the time from asking for a guest to its end was spent on."""

from collections.abc import Iterable, Mapping

from kernel_magics.widgets.foundation.markup import duration_text, escape, table

__all__ = ["boot_chart_html"]

GUEST_PHASES = ("entry", "runtime", "devices", "kernel", "libc", "config")
"""Timed by the guest's own clock, a Rumprun guest's by its console: from the first
instruction, or line, to main."""

MEANINGS = {
    "define": "files and a domain are prepared",
    "exec": "QEMU starts",
    "paused": "the guest waits for the word to start",
    "firmware": "QEMU loads the image",
    "entry": "first instructions: 64-bit mode, stack",
    "runtime": "memory, traps, clock",
    "devices": "the console",
    "kernel": "the rump kernel's factions",
    "libc": "the C library, before main",
    "config": "what its configuration asks for: network, file systems",
    "main": "the program",
    "exit": "the exit status reaches the host",
}

Row = tuple[str, int, int]


def boot_chart_html(phases: Mapping[str, int]) -> str:
    """Return the phases (name → ns) as HTML: all of them, and enlarged those in the guest.

    The first table's times sum to the wall time; its row "boot" is the second table.
    """
    rows = _rows(phases.items())
    inside = [row for row in rows if row[0] in GUEST_PHASES]
    if not inside:
        return _chart("", rows)
    boot = ("boot", inside[0][1], sum(took for _, _, took in inside))
    first = rows.index(inside[0])
    outer = [*rows[:first], boot, *rows[first + len(inside):]]
    return (_chart("From the request to the end", outer)
            + _chart("Enlarged: boot, from the first instruction to main", inside))


def _rows(phases: Iterable[tuple[str, int]]) -> list[Row]:
    rows, start = [], 0
    for name, took in phases:
        rows.append((name, start, took))
        start += took
    return rows


def _chart(caption: str, rows: list[Row]) -> str:
    begin = rows[0][1] if rows else 0
    total = sum(took for _, _, took in rows)
    span = max(1, total)
    cells = [(_name(name), _lane(name, (start - begin) / span, took / span), duration_text(took))
             for name, start, took in rows]
    cells.append(("<b>sum</b>", "", f"<b>{duration_text(total)}</b>"))
    return table(("phase", "", "took"), cells, numeric=(2,), caption=caption)


def _name(name: str) -> str:
    if name == "boot":
        return "boot"
    return f'{escape(name)} <span class="soft">{escape(MEANINGS.get(name, ""))}</span>'


def _lane(name: str, start: float, share: float) -> str:
    guest = ' class="guest"' if name in (*GUEST_PHASES, "boot", "main") else ""
    return (f'<div class="lane" aria-hidden="true"><span{guest} '
            f'style="left:{min(start, 0.995):.2%};width:{share:.2%}"></span></div>')
