"""Every loaded byte of an image, given to one symbol of one object of one layer.

A symbol has its bytes up to its end or to the next symbol, whichever comes first; of two
symbols at one address one has them.  What no symbol covers is text constants, code or data
without a name, or padding; nothing is counted twice or left out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from kernel_magics.build.elf import Section
from kernel_magics.inspect.images.layer_models import model_of
from kernel_magics.inspect.images.sections import is_template_only, kind_of

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage
    from kernel_magics.inspect.images.linked_piece import LinkedPiece

__all__ = ["HEADERS", "PADDING", "STRINGS", "UNNAMED", "SizeLeaf", "leaves_of"]

PADDING, STRINGS, UNNAMED, HEADERS = "[padding]", "[strings]", "[unnamed]", "[headers]"
_STRINGS_FLAG = 0x20


class SizeLeaf(NamedTuple):
    """Bytes of one symbol, or of what has none: `kind` is "text", "rodata", "data", "bss"."""

    layer: str
    archive: str
    object: str
    symbol: str
    kind: str
    size_bytes: int


def leaves_of(image: GuestImage) -> list[SizeLeaf]:
    """Return the leaves of an image; those of one symbol in one object are one."""
    totals: dict[tuple[str, str, str, str, str], int] = {}
    finder = _Finder(image)
    for section in image.symbols.elf.sections:
        if section.is_loaded and not is_template_only(section):
            kind = kind_of(section)
            for piece, symbol, size in finder.parts(section):
                layer = finder.model.layer_of_bytes(section.name, piece, symbol)
                archive, name = (piece.archive, piece.object) if piece else \
                    ("", PADDING if symbol == PADDING else section.name)
                key = (layer, archive, name, symbol, kind)
                totals[key] = totals.get(key, 0) + size
    return [SizeLeaf(*key, size) for key, size in totals.items()]


class _Finder:
    """Divides sections by object, and objects by symbol."""

    def __init__(self, image: GuestImage) -> None:
        self.model = model_of(image.kit)
        self._pieces = image.link.pieces
        self._is_exact = image.link.is_exact
        self._piece_starts = [piece.address for piece in self._pieces]
        self._symbols = image.symbols.code_and_data()
        self._symbol_starts = [start for start, *_ in self._symbols]

    def parts(self, section: Section) -> Iterator[tuple[LinkedPiece | None, str, int]]:
        """Give (piece or None, symbol, bytes) over a section, without gap or overlap."""
        at, end = section.address, section.address + section.size
        row = bisect_left(self._piece_starts, at)
        has_pieces = False
        while row < len(self._pieces) and self._pieces[row].address < end:
            piece = self._pieces[row]
            row += 1
            start, stop = max(piece.address, at), min(piece.address + piece.size_bytes, end)
            if start >= stop:
                continue
            has_pieces = True
            if start > at:
                yield from self._between(at, start, section)
            for symbol, size in self._symbols_in(start, stop, section, piece.input_section):
                yield piece, symbol, size
            at = stop
        if at < end:
            yield from self._between(at, end, section, has_pieces)

    def _between(self, at: int, end: int, section: Section,
                 has_pieces: bool = True) -> Iterator[tuple[None, str, int]]:
        """Give what lies between objects: padding, if the linker's map says where all are."""
        if has_pieces and self._is_exact:
            yield None, PADDING, end - at
            return
        for symbol, size in self._symbols_in(at, end, section, section.name):
            yield None, symbol, size

    def _symbols_in(self, at: int, end: int, section: Section,
                    name: str) -> Iterator[tuple[str, int]]:
        rest = self._unsymbolised(section, name)
        row = bisect_left(self._symbol_starts, at)
        if row and self._symbols[row - 1][1] > at:
            row -= 1  # one that began in the piece before reaches into this one
        while row < len(self._symbols) and self._symbols[row][0] < end:
            start, stop, symbol = self._symbols[row]
            row += 1
            following = self._symbols[row][0] if row < len(self._symbols) else end
            start, stop = max(start, at), min(stop, following, end)
            if start > at:
                yield self._gap(start - at, rest), start - at
            if stop > start:
                yield symbol, stop - start
                at = stop
        if at < end:
            yield self._gap(end - at, rest), end - at

    def _unsymbolised(self, section: Section, name: str) -> str:
        """Say what has no symbol in an input section called `name`."""
        if section.flags & _STRINGS_FLAG or ".str" in name:
            return STRINGS
        if name.startswith(".note"):
            return f"[{name}]"
        return UNNAMED if self.model.names_gaps(section.name) else f"[{section.name}]"

    @staticmethod
    def _gap(size_bytes: int, rest: str) -> str:
        """Say what lies between two symbols: less than an alignment is padding."""
        return PADDING if size_bytes < 16 and rest == UNNAMED else rest
