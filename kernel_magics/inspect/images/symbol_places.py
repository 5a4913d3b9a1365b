"""What each symbol of an image was linked from, and so its layer and its component."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING

from kernel_magics.inspect.images.layer_models import model_of
from kernel_magics.inspect.images.tables import ImageTables, tables_of

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage
    from kernel_magics.inspect.images.linked_piece import LinkedPiece

__all__ = ["SymbolPlaces"]

_PT_TLS = 7


class SymbolPlaces:
    """Looks symbols up by their row in the image's table; `model` sorts them into layers."""

    def __init__(self, image: GuestImage) -> None:
        self._image = image
        self.model = model_of(image.kit)
        self._tables: ImageTables = tables_of(image.path)

    @cached_property
    def layers(self) -> list[str]:
        """The layer of each symbol."""
        found: list[str] = self._tables.once(("layers", self._image.link.identity),
                                              self._sort)
        return found

    def _sort(self) -> list[str]:
        sections, table = [section.name for section in self._tables.elf.sections], \
            self._tables.symbols
        pieces: Iterable[LinkedPiece | None] = repeat(None, len(table.names)) \
            if self.model.sections_tell else map(self.piece, range(len(table.names)))
        return [self.model.layer_of_symbol(sections[section], piece, name) for section, piece, name
                in zip(table.sections.tolist(), pieces, table.names, strict=True)]

    def piece(self, row: int) -> LinkedPiece | None:
        """Return what a symbol was linked from, None if nothing says."""
        return self.piece_at(self._tables.starts[row], self._tables.symbols.kinds[row])

    def piece_at(self, address: int, kind: str) -> LinkedPiece | None:
        """Return what lies at a symbol's address; that of "tls" is an offset."""
        piece: LinkedPiece | None = self._image.link.at(
            address + self._tls_start if kind == "tls" else address)
        return piece

    @cached_property
    def _tls_start(self) -> int:
        """Where the template of each thread's block is."""
        return next((one.virtual_address for one in self._tables.elf.segments
                     if one.type == _PT_TLS), 0)

    def component(self, piece: LinkedPiece | None) -> str:
        """Return the component that a piece is of, "" if nothing says."""
        return self.model.component_of(piece) if piece else ""

    @property
    def components(self) -> list[str]:
        """The component of each symbol."""
        return [self.component(self.piece(row)) for row in range(len(self._tables.starts))]
