"""Lines of source → addresses of code: the line tables of an image, read backwards.

Source: DWARF 5, section 6.2, "Line Number Information".
"""

from __future__ import annotations

from bisect import bisect_left
from contextlib import suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import ImageError, UsageError, meant, nearest_names
from kernel_magics.inspect.debugger.line_programs import LineUnit, read_units
from kernel_magics.inspect.stacks.dwarf_bytes import DwarfError

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage

__all__ = ["LineAddresses"]


class LineAddresses:
    """Which code each line of each source file of an image has; read when first asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, dict[int, list[int]]] = {}

    @classmethod
    def of_image(cls, image: GuestImage) -> LineAddresses:
        """Return the lines of an image, which are kept with it."""
        known = vars(image).get("_line_addresses")
        if known is None:
            known = vars(image)["_line_addresses"] = cls(image.path)
        return known

    @cached_property
    def _units(self) -> list[LineUnit]:
        """The tables of the units; a damaged file has those that can be read."""
        try:
            return read_units(ElfFile.read(self._path))
        except ImageError:
            return []

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The source files there are, by name."""
        return tuple(sorted({name for unit in self._units for name in unit.files if name}))

    def find_file(self, wanted: str) -> str:
        """Return the one source file that `wanted` names: a whole path, or the end of one.

        Raises UsageError if there is none, or several.
        """
        clean = wanted.removeprefix("./")
        found = [name for name in self.files if name == clean] or \
            [name for name in self.files if name.endswith(f"/{clean}")]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{wanted} may be {' or '.join(found[:4])}",
                             next_step="give more of the path")
        names = {PurePosixPath(name).name for name in self.files}
        near = nearest_names(PurePosixPath(clean).name, names)
        raise UsageError(
            f"no source file {wanted!r} is in the debugging information of {self._path.stem}",
            next_step=meant(near) or "guest.debugger.source_files lists them")

    def addresses(self, file: str, line: int) -> tuple[int, list[int]]:
        """Return the line that has code, `line` or the next one after it, and its addresses.

        `file` is one of `files`.  Raises UsageError if the file has none from there on.
        """
        rows = self._file_rows(file)
        lines = sorted(rows)
        at = bisect_left(lines, line)
        if at == len(lines):
            last = f"its last code is at line {lines[-1]}" if lines else "it has no code at all"
            raise UsageError(f"{file} has no code at line {line} or after it: {last}",
                             next_step="give the line of a statement")
        return lines[at], sorted(rows[lines[at]])

    def statements(self, file: str) -> list[int]:
        """Return the addresses of all statements of one of `files`."""
        return [address for found in self._file_rows(file).values() for address in found]

    def _file_rows(self, file: str) -> dict[int, list[int]]:
        if file not in self._rows:
            rows: dict[int, list[int]] = {}
            for unit in self._units:
                if file in unit.files:
                    with suppress(DwarfError, IndexError):  # what was read counts
                        for line, address in unit.statements(file):
                            rows.setdefault(line, []).append(address)
            self._rows[file] = rows
        return self._rows[file]
