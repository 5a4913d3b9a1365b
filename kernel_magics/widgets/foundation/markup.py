"""Figures as text, and the small HTML reports made of them.

A report is plain HTML: it stays in the saved notebook and needs neither a kernel nor
scripts.  Colours come from JupyterLab's variables, so it follows the theme.
"""

from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path

__all__ = ["escape", "byte_text", "duration_text", "report", "table", "style"]


def byte_text(size_bytes: int) -> str:
    """Return a size in the unit that suits it: "512 B", "3.4 KiB", "1.2 MiB"."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    kib = size_bytes / 1024
    return f"{kib:.1f} KiB" if kib < 1024 else f"{kib / 1024:.1f} MiB"


def duration_text(time_ns: int) -> str:
    """Return a time in the unit that suits it: "850 ns", "3.40 ms", "1.20 s"."""
    for limit, divisor, unit in ((1e3, 1, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms")):
        if abs(time_ns) < limit:
            return f"{time_ns:.0f} ns" if divisor == 1 else f"{time_ns / divisor:.3g} {unit}"
    return f"{time_ns / 1e9:.2f} s"


@cache
def style() -> str:
    """Return the reports' style sheet as an element."""
    sheet = Path(__file__).resolve().parent / "report.css"
    return f"<style>{sheet.read_text('utf-8')}</style>"


def report(label: str, *parts: str) -> str:
    """Return a report: a section named `label` for screen readers, made of HTML parts."""
    body = "\n".join(parts)
    return (f'<section class="rumplab-report" aria-label="{escape(label)}">{style()}\n'
            f"{body}\n</section>")


def table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], numeric: tuple[int, ...] = (),
          caption: str = "") -> str:
    """Return an HTML table; cells are HTML already, columns in `numeric` align right."""
    def row(cells: tuple[str, ...], tag: str) -> str:
        made = [f'<{tag} class="n">{c}</{tag}>' if i in numeric else f"<{tag}>{c}</{tag}>"
                for i, c in enumerate(cells)]
        return f"<tr>{''.join(made)}</tr>"
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "".join(row(cells, "td") for cells in rows)
    return (f"<table>{title}<thead>{row(tuple(map(escape, columns)), 'th')}</thead>"
            f"<tbody>{body}</tbody></table>")
