"""What is known of the objects of an image whose linker left no map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel_magics.inspect.images.linked_piece import LinkedPiece
from kernel_magics.inspect.images.tables import tables_of

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage

__all__ = ["pieces_of_units"]


def pieces_of_units(image: GuestImage) -> list[LinkedPiece]:
    """Return the code of each source that the debugging data names, by address."""
    tables = tables_of(image.path)
    found = []
    for one in tables.units:
        section = tables.elf.section_at(one.address)
        if section is not None and one.address + one.size_bytes <= section.address + section.size:
            found.append(LinkedPiece(one.address, one.size_bytes, section.name, "", one.source,
                                     section.name))
    return found
