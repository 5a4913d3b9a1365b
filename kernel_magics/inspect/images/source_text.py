"""The text of the source lines that an image was made of.

A cell's text is kept with its image.  The runtime's sources lie in the project, and may have
changed since: a file that is newer than the image says so instead of showing wrong lines.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kernel_magics.build.diagnostics import SourceLines
from kernel_magics.build.lwip import find_lwip
from kernel_magics.places import images_dir

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage

__all__ = ["SourceText"]

_SOURCE_SUFFIXES = (".c", ".h", ".cc", ".cpp", ".hpp", ".S")
MOST_SOURCE_BYTES = 4 << 20


class SourceText:
    """The lines of the sources of one image, by the file names of its debugging data."""

    def __init__(self, image: GuestImage) -> None:
        self._image = image
        self._own = SourceLines(image.sources)
        self._files: dict[str, list[str]] = {}
        self.changed: set[str] = set()
        """Files of which lines were asked for that have changed since the image was made."""

    def line(self, file: str, number: int) -> str:
        """Return a line without its end, "" if the text is not known."""
        if self._own.own(file):
            return self._own.line(file, number)
        lines = self._lines(file)
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def bounds(self, file: str) -> tuple[int, int]:
        """Return the numbers of the first and last line that are known; (1, 0) if none is."""
        source = self._own.own(file)
        if source:
            return source.first_line, source.first_line + len(source.text.splitlines()) - 1
        return 1, len(self._lines(file))

    def excerpt(self, file: str, number: int, around: int = 2) -> str:
        """Return the lines around one, with an arrow at it; "" if the text is not known."""
        first, last = self.bounds(file)
        if not first <= number <= last:
            return ""
        shown = range(max(first, number - around), min(last, number + around) + 1)
        return "\n".join(f"{'→' if one == number else ' '}{one:5} | "
                         f"{self.line(file, one).expandtabs(8)}".rstrip() for one in shown)

    def _lines(self, file: str) -> list[str]:
        if file not in self._files:
            self._files[file] = self._read(file)
        return self._files[file]

    def _read(self, file: str) -> list[str]:
        path = _place(file)
        try:
            stat = path.stat() if path else None
            if path is None or stat is None or stat.st_size > MOST_SOURCE_BYTES:
                return []
            if stat.st_mtime > os.stat(self._image.path).st_mtime:
                self.changed.add(file)
                return []
            return path.read_text("utf-8", "replace").splitlines()
        except OSError:
            return []


def _place(file: str) -> Path | None:
    """Return where a source lies that is not the image's own, None if it cannot be known.

    The debugging data names the runtime's sources below images/rumpkit, lwIP's below "lwip".
    """
    if not file.endswith(_SOURCE_SUFFIXES):
        return None
    if file.startswith("/"):
        return Path(file)
    folder = images_dir() / "rumpkit"
    if file.startswith("lwip/"):
        folder = find_lwip() or folder
        file = file.removeprefix("lwip/")
    path = (folder / file.removeprefix("rumpkit/")).resolve()
    return path if folder.resolve() in path.parents else None
