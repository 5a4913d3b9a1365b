"""Lines of source → addresses of code: the line tables of an image, read backwards.

Source: DWARF 5, section 6.2, "Line Number Information".
"""

from __future__ import annotations

import difflib
import logging
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage

__all__ = ["LineAddresses"]

# A file's table is the guest author's and may claim anything.
MOST_UNITS = 20_000
MOST_ROWS = 2_000_000
log = logging.getLogger(__name__)


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
    def _units(self) -> list[tuple[Any, list[str]]]:
        """The line programs, each with the names of its files by their index."""
        from elftools.elf.elffile import ELFFile

        units: list[tuple[Any, list[str]]] = []
        try:
            dwarf = ELFFile.load_from_path(str(self._path)).get_dwarf_info()
            for unit in dwarf.iter_CUs():
                program = dwarf.line_program_for_CU(unit)
                if program is not None and len(units) < MOST_UNITS:
                    units.append((program, _file_names(program)))
        except Exception:  # (pyelftools has many for damaged data) what was read counts
            log.debug("the line tables of %s are damaged", self._path, exc_info=True)
        return units

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The source files there are, by name."""
        return tuple(sorted({name for _, names in self._units for name in names if name}))

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
        near = difflib.get_close_matches(PurePosixPath(clean).name, names, n=3, cutoff=0.5)
        raise UsageError(
            f"no source file {wanted!r} is in the debugging information of {self._path.stem}",
            next_step=f"did you mean {' or '.join(near)}?" if near else
            "guest.debugger.source_files lists them")

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

    def _file_rows(self, file: str) -> dict[int, list[int]]:
        if file not in self._rows:
            rows: dict[int, list[int]] = {}
            for program, names in self._units:
                if file in names:
                    for line, address in self._statements(program, names, file):
                        rows.setdefault(line, []).append(address)
            self._rows[file] = rows
        return self._rows[file]

    def _statements(self, program: Any, names: list[str],
                    file: str) -> list[tuple[int, int]]:
        try:
            return list(_statements(program, names, file))
        except Exception:  # as above
            log.debug("a line table of %s is damaged", self._path, exc_info=True)
            return []


def _file_names(program: Any) -> list[str]:
    header = program.header
    first = 0 if header.version >= 5 else 1
    folders = [_text(folder) for folder in header.include_directory]
    if first:
        folders.insert(0, "")
    names = [""] * first
    for entry in header.file_entry:
        folder = folders[entry.dir_index] if entry.dir_index < len(folders) else ""
        names.append(str(PurePosixPath(folder, _text(entry.name))))
    return names


def _text(raw: Any) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _statements(program: Any, names: list[str], file: str) -> Iterator[tuple[int, int]]:
    """Yield (line, address) of the statements of a file, one for each run of code."""
    before: tuple[str, int] | None = None
    for entry in program.get_entries()[:MOST_ROWS]:
        state = entry.state
        if state is None:
            continue
        if state.end_sequence:
            before = None
            continue
        here = (names[state.file] if state.file < len(names) else "", state.line)
        if here != before and here[0] == file and state.is_stmt and state.line:
            yield state.line, state.address
        before = here
