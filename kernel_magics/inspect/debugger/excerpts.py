"""The source lines around a stop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kernel_magics.build.diagnostics import SourceLines
from kernel_magics.places import images_dir

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage

__all__ = ["excerpt", "source_text"]

LINES_AROUND = 2
MOST_AROUND = 200
# Where the runtime's own sources are named from.
_RUNTIME = "rumpkit"


def excerpt(image: GuestImage, file: str, line: int, around: int = LINES_AROUND) -> str:
    """Return the lines around `line` with an arrow at it, "" if the source is not here."""
    if not line:
        return ""
    around = min(max(around, 0), MOST_AROUND)
    shown = [(number, source_text(image, file, number))
             for number in range(max(1, line - around), line + around + 1)]
    while shown and shown[-1][0] > line and not shown[-1][1]:
        shown.pop()
    while shown and shown[0][0] < line and not shown[0][1]:
        shown.pop(0)
    if not any(text for _, text in shown):
        return ""
    return "\n".join(f"{'→' if number == line else ' '}{number:5} | {text.expandtabs(8)}".rstrip()
                     for number, text in shown)


def source_text(image: GuestImage, file: str, line: int) -> str:
    """Return the text of a source line, "" if it is not to be had."""
    lines = _lines_of(image)
    found = lines.line(file, line)
    if found or lines.own(file):
        return found
    return lines.line(str(Path(images_dir()) / _RUNTIME / file), line)


def _lines_of(image: GuestImage) -> SourceLines:
    kept = image.__dict__.get("_source_lines")
    if not isinstance(kept, SourceLines):
        kept = image.__dict__["_source_lines"] = SourceLines(image.sources)
    return kept
