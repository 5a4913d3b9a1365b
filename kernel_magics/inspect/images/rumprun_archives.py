"""Where the objects of an installed toolchain lie in an image that was linked without a map.

An object's symbols have offsets in its sections; where the image has those symbols says where
the linker put the sections, exactly.  Only a toolchain whose objects fit is believed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kernel_magics.build.elf import ElfFile, Section
from kernel_magics.errors import HostError, ImageError
from kernel_magics.inspect.images.ar_archive import ArArchive, Member
from kernel_magics.inspect.images.elf import SymbolTable, read_symbol_table
from kernel_magics.inspect.images.layers import OTHER
from kernel_magics.inspect.images.linked_piece import LinkedPiece
from kernel_magics.inspect.images.rumprun_components import layer_of_name
from kernel_magics.inspect.images.sections import is_template_only
from kernel_magics.inspect.images.tables import ImageTables

if TYPE_CHECKING:
    from kernel_magics.build.rumprun import RumprunToolchain

__all__ = ["ArchiveMatch", "installed_toolchain", "match_toolchain"]

PLATFORM_OBJECT = "rumprun.o"
_LEAST_FITTING, _LEAST_SYMBOLS = 0.9, 50
_MOST_PADDING_BYTES = 64
_UNPLACED = "(unplaced)"


@dataclass(frozen=True)
class ArchiveMatch:
    """What was found: the `pieces` by address, [] if the toolchain is another than the image's;
    `gaps` between them that are probably one's; `fitting` of the `tried` symbols lie where
    their object says."""

    pieces: list[LinkedPiece]
    gaps: list[LinkedPiece]
    fitting: int
    tried: int


def match_toolchain(tables: ImageTables, toolchain: RumprunToolchain) -> ArchiveMatch:
    """Return where the objects of a toolchain's libraries are in an image."""
    lib = toolchain.prefix / "rumprun-x86_64" / "lib"
    return _match(tables, [*sorted((lib / "rumprun-hw").glob("lib*.a")), *sorted(lib.glob("*.a"))],
                  lib / "rumprun-hw" / PLATFORM_OBJECT)


def _match(tables: ImageTables, archives: Iterable[Path], platform: Path) -> ArchiveMatch:
    places = _unique_places(tables.symbols)
    matcher = _Matcher(tables, places)
    known: set[str] = set()
    seen: set[str] = set()
    for path in archives:
        if path.name in seen:    # libc stands in both folders
            continue
        seen.add(path.name)
        archive = ArArchive(path)
        if not archive.symbols:    # one library is called as an archive, and is an object
            matcher.add("", Member(path.name, _bytes(path)))
        known |= archive.symbols.keys()
        offsets = {offset for name, found in archive.symbols.items() if name in places
                   for offset in found}
        for offset in sorted(offsets):
            if member := archive.member(offset):
                matcher.add(path.name, member)
    matcher.add("", Member(PLATFORM_OBJECT, _bytes(platform)))
    if matcher.tried < _LEAST_SYMBOLS or matcher.fitting < matcher.tried * _LEAST_FITTING:
        return ArchiveMatch([], [], matcher.fitting, matcher.tried)
    own, others = _owners(tables.symbols, lambda name: name in known or matcher.is_given(name))
    pieces = matcher.pieces
    return ArchiveMatch(pieces, list(_gaps(tables, pieces, own, others)), matcher.fitting,
                        matcher.tried)


def _owners(table: SymbolTable, is_known: Callable[[str], bool]) -> tuple[list[int], list[int]]:
    """Return where symbols are that the program must have, and those that are another's.

    What the linker itself defines has no size, and is neither.
    """
    own: list[int] = []
    others: list[int] = []
    for name, address, size, is_global in zip(table.names, table.addresses.tolist(),
                                              table.sizes.tolist(), table.is_global.tolist(),
                                              strict=True):
        if size and is_global:
            is_own = not is_known(name) and layer_of_name(name) in ("app", OTHER)
            (own if is_own else others).append(address)
    return own, others


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _unique_places(table: SymbolTable) -> dict[str, int]:
    """Return name → address, where the name is used once."""
    counts = Counter(table.names)
    return {name: int(address) for name, address, kind
            in zip(table.names, table.addresses.tolist(), table.kinds, strict=True)
            if kind != "tls" and counts[name] == 1}


class _Matcher:
    """Places objects, and counts how many of their symbols fit."""

    def __init__(self, tables: ImageTables, places: dict[str, int]) -> None:
        self._elf, self._places = tables.elf, places
        self._found: list[tuple[int, LinkedPiece]] = []    # with how many symbols fit
        self.fitting = self.tried = 0
        self._given: set[str] = set()

    @property
    def pieces(self) -> list[LinkedPiece]:
        """What was placed, by address; of two that claim the same bytes, the one that more
        symbols speak for: a stub is called as what it stands for."""
        kept: list[LinkedPiece] = []
        starts: list[int] = []
        for _, piece in sorted(self._found, key=lambda one: (-one[0], one[1].address)):
            row = bisect_right(starts, piece.address)
            before = kept[row - 1] if row else None
            if before and before.address + before.size_bytes > piece.address:
                continue
            if row < len(kept) and piece.address + piece.size_bytes > kept[row].address:
                continue
            kept.insert(row, piece)
            starts.insert(row, piece.address)
        return kept

    def is_given(self, name: str) -> bool:
        """Whether an object of the toolchain that is in no archive defines a symbol."""
        return name in self._given

    def add(self, archive: str, member: Member) -> None:
        """Place the sections of an object where its symbols are in the image."""
        try:
            elf = ElfFile(member.data)
            table = read_symbol_table(elf)
        except ImageError:
            return
        if not archive:
            self._given |= set(table.names)
        votes: dict[int, Counter[int]] = {}
        for name, offset, section in zip(table.names, table.addresses.tolist(),
                                         table.sections.tolist(), strict=True):
            if name in self._places:
                votes.setdefault(section, Counter())[self._places[name] - offset] += 1
        self._place(votes, elf, archive, member.name)

    def _place(self, votes: dict[int, Counter[int]], elf: ElfFile, archive: str,
               name: str) -> None:
        """Believe what most symbols of an object say of where its sections are."""
        best = {index: found.most_common(1)[0] for index, found in votes.items()}
        tried = sum(found.total() for found in votes.values())
        fitting = sum(count for _, count in best.values())
        self.tried += tried
        # An object that defines what another does too lies nowhere: then hardly any fits.
        if fitting * 2 <= tried:
            return
        self.fitting += fitting
        for index, (base, count) in best.items():
            if piece := self._piece(base, elf.sections[index], archive, name):
                self._found.append((count, piece))

    def _piece(self, base: int, section: Section, archive: str,
               name: str) -> LinkedPiece | None:
        placed = self._elf.section_at(base)
        if placed is None or base + section.size > placed.address + placed.size \
                or not section.size:
            return None
        return LinkedPiece(base, section.size, placed.name, archive, name, section.name)


def _gaps(tables: ImageTables, pieces: list[LinkedPiece], own: list[int],
          others: list[int]) -> Iterator[LinkedPiece]:
    """Give what lies between pieces: a gap between two of one archive is that archive's, and one
    with symbols that only the program can have is the program's."""
    known = own, others
    by_section: dict[str, list[LinkedPiece]] = {}
    for piece in pieces:
        by_section.setdefault(piece.section, []).append(piece)
    for section in sorted(tables.elf.sections, key=lambda one: one.address):
        if not section.is_loaded or is_template_only(section):
            continue
        at, last = section.address, ""
        for piece in by_section.get(section.name, []):
            yield from _gap(section.name, at, piece.address, known, last == piece.archive, last)
            at, last = piece.address + piece.size_bytes, piece.archive
        yield from _gap(section.name, at, section.address + section.size, known, False, "")


def _gap(section: str, start: int, end: int, known: tuple[list[int], list[int]], is_inside: bool,
         archive: str) -> Iterator[LinkedPiece]:
    if end - start <= _MOST_PADDING_BYTES:
        return
    own, others = (bisect_left(places, end) > bisect_left(places, start) for places in known)
    if own and not others:
        yield LinkedPiece(start, end - start, section, "", "program")
    elif is_inside:
        yield LinkedPiece(start, end - start, section, archive, _UNPLACED)


def installed_toolchain() -> RumprunToolchain | None:
    """Return the toolchain of this machine, None if there is none that can be used."""
    from kernel_magics.build.rumprun import find_rumprun

    try:
        return find_rumprun()
    except HostError:
        return None
