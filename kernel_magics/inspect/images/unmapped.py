"""What is known of the objects of an image whose linker left no map."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from kernel_magics.inspect.images.elf import read_symbol_files
from kernel_magics.inspect.images.linked_piece import LinkedPiece
from kernel_magics.inspect.images.rumprun_archives import installed_toolchain, match_toolchain
from kernel_magics.inspect.images.rumprun_components import archive_of_source
from kernel_magics.inspect.images.tables import ImageTables, tables_of
from kernel_magics.inspect.images.unwind_entries import unwind_entries

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage

__all__ = ["pieces_of_rumprun", "pieces_of_units"]

_UNWIND = ".eh_frame"
Owner = tuple[str, str]
"""Archive and source."""


def pieces_of_units(image: GuestImage) -> list[LinkedPiece]:
    """Return the code of each source that the debugging data names, by address."""
    return [LinkedPiece(address, size, section, "", source, section)
            for address, size, section, source, _ in _code(tables_of(image.path))]


def pieces_of_rumprun(image: GuestImage) -> tuple[list[LinkedPiece], str]:
    """Return the pieces of an image that Rumprun's tools baked, and in a few words whence.

    The objects of an installed toolchain place them exactly, if it is the one that baked the
    image; else the debugging data names the folder that each source was compiled in.
    """
    tables = tables_of(image.path)
    if not tables.names:
        return [], ""
    toolchain = installed_toolchain()
    code = [LinkedPiece(address, size, section, archive_of_source(folder, source) or "",
                        PurePosixPath(source).name, section)
            for address, size, section, source, folder in _code(tables)]
    found = sorted([*code, *_data(tables)], key=lambda one: one.address)
    if toolchain is not None and (match := match_toolchain(tables, toolchain)).pieces:
        found = _joined(_joined(match.pieces, found), match.gaps)
        whence = f"the libraries in {toolchain.prefix} say what its parts are"
    else:
        whence = "the debugging data names the folders of its sources"
    return _joined(found, _unwinding(tables, found)), whence


def _unwinding(tables: ImageTables, pieces: list[LinkedPiece]) -> list[LinkedPiece]:
    """Return the entries of the unwind tables, with the owners of the code they are about."""
    section = tables.elf.section(_UNWIND)
    if section is None:
        return []
    starts = [piece.address for piece in pieces]
    found: list[LinkedPiece] = []
    for address, size, code in unwind_entries(tables.elf, section.address,
                                              section.address + section.size):
        row = bisect_right(starts, code) - 1
        if row < 0 or code >= starts[row] + pieces[row].size_bytes:
            continue
        owner, last = pieces[row], found[-1] if found else None
        if last and (last.archive, last.object) == (owner.archive, owner.object) \
                and last.address + last.size_bytes == address:
            found[-1] = replace(last, size_bytes=last.size_bytes + size)
        else:
            found.append(LinkedPiece(address, size, _UNWIND, owner.archive, owner.object, _UNWIND))
    return found


def _joined(pieces: list[LinkedPiece], more: list[LinkedPiece]) -> list[LinkedPiece]:
    """Return pieces and, of more, what lies between them, by address."""
    starts = [piece.address for piece in pieces]
    found = list(pieces)
    for one in more:
        at, end = one.address, one.address + one.size_bytes
        row = max(bisect_right(starts, at) - 1, 0)
        while row < len(pieces) and pieces[row].address < end:
            start, stop = pieces[row].address, pieces[row].address + pieces[row].size_bytes
            if start > at:
                found.append(replace(one, address=at, size_bytes=start - at))
            at, row = max(at, stop), row + 1
        if at < end:
            found.append(replace(one, address=at, size_bytes=end - at))
    return sorted(found, key=lambda piece: piece.address)


def _code(tables: ImageTables) -> Iterator[tuple[int, int, str, str, str]]:
    """Give (address, size, section, source, folder) of the code of each unit."""
    for one in tables.units:
        section = tables.elf.section_at(one.address)
        if section is not None and one.address + one.size_bytes <= section.address + section.size:
            yield one.address, one.size_bytes, section.name, one.source, one.folder


def _data(tables: ImageTables) -> list[LinkedPiece]:
    """Return the data whose owner is known, by address.

    What only its own file can call is that file's, where one folder alone has such a file;
    what lies between two of one archive is that archive's too.
    """
    places = _data_places(tables)
    owners = _owners(tables)
    behind: list[Owner | None] = [None] * len(places)
    for row in range(len(places) - 2, -1, -1):
        behind[row] = owners[places[row + 1]] if places[row + 1] in owners else behind[row + 1]
    found: list[LinkedPiece] = []
    before: Owner | None = None
    for place, after in zip(places, behind, strict=True):
        address, size, section, _ = place
        owner = owners.get(place)
        before = owner or before
        if owner is None and before and after and before[0] == after[0]:
            owner = (before[0], before[1] if before == after else "")
        if owner:
            found.append(LinkedPiece(address, size, section, *owner, section))
    return found


Place = tuple[int, int, str, str]
"""Address, size, section and name of a variable."""


def _data_places(tables: ImageTables) -> list[Place]:
    """Return the variables, by address, those that overlap left out."""
    table, sections = tables.symbols, tables.elf.sections
    found: list[Place] = []
    end = 0
    for name, address, size, section, kind in zip(
            table.names, tables.starts, table.sizes.tolist(), table.sections.tolist(),
            table.kinds, strict=True):
        if kind == "object" and size and address >= end:
            found.append((address, size, sections[section].name, name))
            end = address + size
    return found


def _owners(tables: ImageTables) -> dict[Place, Owner]:
    """Return the owners of variables that are known by their file."""
    archives: dict[str, set[str]] = {}
    for unit in tables.units:
        archives.setdefault(PurePosixPath(unit.source).name, set()).add(
            archive_of_source(unit.folder, unit.source) or "")
    files = read_symbol_files(tables.elf)
    found: dict[Place, Owner] = {}
    for place in _data_places(tables):
        source = files.get((place[3], place[0]), "")
        known = archives.get(source, set())
        if len(known) == 1:
            found[place] = (next(iter(known)), source)
    return found
