"""What the objects of a Rumprun image are made of that were joined before it was baked.

Two are: each program, which the compiler links with the libraries it wants, and rumprun.o, in
which the platform, the core and the hypercalls are one.  A program's own map, kept with the
image, says exactly what is where in it; else the debugging data divides the code, and names
the data.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from kernel_magics.build.linkmap import MOST_MAP_BYTES, LinkMap, parse_map
from kernel_magics.inspect.images.elf import read_symbol_files
from kernel_magics.inspect.images.linked_piece import LinkedPiece, is_temporary, split_member
from kernel_magics.inspect.images.rumprun_components import PLATFORM, archive_of_source
from kernel_magics.inspect.images.tables import ImageTables, tables_of
from kernel_magics.inspect.images.units import UnitRange
from kernel_magics.inspect.images.unwind_entries import unwind_entries

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage

__all__ = ["JoinedObjects"]

_PROGRAM = re.compile(r"^tmp(\d+)\.obj$")    # what rumprun-bake calls its copies
_JOINED, _UNWIND = "rumprun.o", ".eh_frame"
_OWN_NAMES = (("bmk_", "libbmk_core.a"), ("rumpuser_", "libbmk_rumpuser.a"))
# What the linker leaves free before an object, to align it.
_MOST_FILL_BYTES = 64
_NO_MAP = LinkMap((), {}, ())
Parts = dict[str, list[tuple[int, int, str, str]]]
"""Section → (offset, size, archive, object) of each part, in bytes."""


class JoinedObjects:
    """Divides the pieces of one image that came from programs and from rumprun.o."""

    def __init__(self, image: GuestImage) -> None:
        self._image = image
        self._tables: ImageTables = tables_of(image.path)
        self._maps: dict[int, LinkMap] = {}
        self._units: list[UnitRange] = self._tables.units
        self._unit_starts = [unit.address for unit in self._units]
        self._found: list[LinkedPiece] = []
        self._called: dict[tuple[int, str], str] = {}    # by program and temporary object
        self._has_several = False
        self._files: dict[tuple[str, int], str] = {}
        self._folders: dict[str, str] = {}

    def divided(self, pieces: list[LinkedPiece]) -> list[LinkedPiece]:
        """Return the same stretches of the image, by address, in smaller pieces."""
        # Of several programs that were baked together each is as an archive of its own.
        self._has_several = len({piece.object for piece in pieces if not piece.archive
                                 and _PROGRAM.match(piece.object)}) > 1
        self._files = read_symbol_files(self._tables.elf)
        self._folders = {PurePosixPath(unit.source).name: _archive(unit) or ""
                         for unit in self._units}
        found: list[LinkedPiece] = []
        self._found = found    # code lies before the tables about it
        for piece in pieces:
            number = _PROGRAM.match(piece.object) if not piece.archive else None
            if number:
                found += self._program(piece, int(number[1]))
            elif not piece.archive and piece.object == _JOINED:
                found += self._by_debugging(replace(piece, archive=PLATFORM), _JOINED,
                                            self._platform_owner)
            else:
                found.append(piece)
        return found

    def _program(self, piece: LinkedPiece, number: int) -> Iterator[LinkedPiece]:
        name = self._name(number)
        piece = replace(piece, archive=name if self._has_several else "", object=name)
        parts = self._parts(number).get(piece.input_section)
        if parts and max(offset + size for offset, size, *_ in parts) <= piece.size_bytes:
            at = piece.address
            for offset, size, archive, item in parts:
                start = piece.address + offset
                if start - at > _MOST_FILL_BYTES:
                    yield replace(piece, address=at, size_bytes=start - at)
                yield replace(piece, address=start, size_bytes=size,
                              archive=archive or piece.archive,
                              object=item if archive else self._source(number, item, start))
                at = start + size
            end = piece.address + piece.size_bytes
            if end - at > _MOST_FILL_BYTES:
                yield replace(piece, address=at, size_bytes=end - at)
        else:
            yield from self._by_debugging(piece, name, self._program_owner)

    def _name(self, number: int) -> str:
        """Return what the program that is baked in as the Nth is called."""
        baked = self._image.baked
        programs = [one.name for one in baked.programs] if baked else \
            [Path(source.filename).stem for source in self._image.sources]
        return programs[number - 1] if 0 < number <= len(programs) else f"program {number}"

    def _source(self, number: int, item: str, address: int) -> str:
        """Return what to call an object of a program: one that the compiler made for itself
        is called by its source, which its code, the first of it to be met, is known to have."""
        if not is_temporary(item):
            return item
        unit = self._unit_at(address)
        if unit:
            self._called.setdefault((number, item), PurePosixPath(unit.source).name)
        return self._called.get((number, item), self._name(number))

    def _parts(self, number: int) -> Parts:
        """Return what the map of a program says, nothing where there is none."""
        parts: Parts = {}
        for one in self._map(number).pieces:
            if one.object:
                parts.setdefault(one.output, []).append(
                    (one.address, one.size_bytes, *split_member(one.object)))
        return parts

    def _map(self, number: int) -> LinkMap:
        if number not in self._maps:
            baked = self._image.baked
            programs = baked.programs if baked else ()
            path = programs[number - 1].map if 0 < number <= len(programs) else None
            self._maps[number] = _read_map(path)
        return self._maps[number]

    def reasons(self, found: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
        """Return why objects are in the image, those of libraries that programs were linked
        with too; programs are called by their names."""
        def called(name: str) -> str:
            number = _PROGRAM.match(name)
            return self._name(int(number[1])) if number else name

        known = {member: (called(wanted), symbol) for member, (wanted, symbol) in found.items()}
        for number in range(1, len(self._image.baked.programs) + 1 if self._image.baked else 1):
            for member, (wanted, symbol) in self._map(number).reasons.items():
                archive, item = split_member(wanted)
                by = f"{archive}({item})" if archive else self._name(number)
                known.setdefault("{}({})".format(*split_member(member)), (by, symbol))
        return known

    def _unit_at(self, address: int) -> UnitRange | None:
        row = bisect_right(self._unit_starts, address) - 1
        if row < 0:
            return None
        unit = self._units[row]
        return unit if address < unit.address + unit.size_bytes else None

    def _by_debugging(self, piece: LinkedPiece, name: str,
                      owner: Callable[[str, int], tuple[str, str] | None]) -> list[LinkedPiece]:
        """Divide code by its units, data by the owners of its symbols."""
        end = piece.address + piece.size_bytes
        if piece.input_section == _UNWIND:
            return _between(piece, [(piece.address, piece.archive, name),
                                    *self._unwinding(piece.address, end)])
        row = bisect_left(self._unit_starts, piece.address)
        marks: list[tuple[int, str, str]] = [(piece.address, piece.archive, name)]
        while row < len(self._units) and self._units[row].address < end:
            unit = self._units[row]
            own = _archive(unit) or piece.archive
            marks.append((unit.address, own, PurePosixPath(unit.source).name))
            row += 1
        if len(marks) == 1:
            marks += [(start, *found) for start, symbol in self._symbols(piece.address, end)
                      if (found := owner(symbol, start))]
        return _between(piece, marks)

    def _unwinding(self, start: int, end: int) -> Iterator[tuple[int, str, str]]:
        """Give the owners of entries of the unwind tables: those of the code they are about."""
        starts = [piece.address for piece in self._found]
        for address, _, code in unwind_entries(self._tables.elf, start, end):
            row = bisect_right(starts, code) - 1
            if row >= 0 and code < starts[row] + self._found[row].size_bytes:
                yield address, self._found[row].archive, self._found[row].object

    def _symbols(self, start: int, end: int) -> Iterator[tuple[int, str]]:
        starts, names = self._tables.starts, self._tables.symbols.names
        kinds = self._tables.symbols.kinds
        for row in range(bisect_left(starts, start), bisect_left(starts, end)):
            if kinds[row] != "tls":
                yield starts[row], names[row]

    def _platform_owner(self, symbol: str, address: int) -> tuple[str, str] | None:
        source = self._files.get((symbol, address), "")
        for start, archive in _OWN_NAMES:
            if symbol.startswith(start):
                return archive, source or _JOINED
        if source:
            return self._folders.get(source) or PLATFORM, source
        return PLATFORM, _JOINED

    def _program_owner(self, symbol: str, address: int) -> tuple[str, str] | None:
        source = self._files.get((symbol, address), "")
        return (self._folders.get(source, ""), source) if source else None


def _archive(unit: UnitRange) -> str | None:
    """Return the archive of Rumprun's that a unit was compiled for, None if it is another's."""
    return archive_of_source(unit.folder, unit.source)


def _between(piece: LinkedPiece, marks: list[tuple[int, str, str]]) -> list[LinkedPiece]:
    """Return a piece divided where the owner (archive, object) changes."""
    kept: list[tuple[int, str, str]] = []
    for start, archive, name in sorted(marks, key=lambda mark: mark[0]):
        if kept and kept[-1][0] == start:
            kept.pop()
        if not kept or kept[-1][1:] != (archive, name):
            kept.append((start, archive, name))
    ends = [start for start, *_ in kept[1:]] + [piece.address + piece.size_bytes]
    return [replace(piece, address=start, size_bytes=stop - start, archive=archive, object=name)
            for (start, archive, name), stop in zip(kept, ends, strict=True) if stop > start]


def _read_map(path: Path | None) -> LinkMap:
    try:
        if path is None or path.stat().st_size > MOST_MAP_BYTES:
            return _NO_MAP
        return parse_map(path.read_text("utf-8", "replace"))
    except OSError:
        return _NO_MAP
