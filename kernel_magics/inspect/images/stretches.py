"""The loaded bytes of an image in stretches of one layer and component, by address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from kernel_magics.inspect.images.layer_models import LayerModel, model_of
from kernel_magics.inspect.images.sections import is_template_only
from kernel_magics.inspect.images.tables import tables_of

if TYPE_CHECKING:
    from kernel_magics.build.elf import Section
    from kernel_magics.build.image import GuestImage
    from kernel_magics.inspect.images.linked_piece import LinkedPiece

__all__ = ["Stretch", "stretches_of"]


_MOST_PADDING_BYTES = 64


class Stretch(NamedTuple):
    """Bytes of `section` from the address `start` to `end` that are of one layer and component
    ("" where the kit's sections tell the layer, or nothing tells the component)."""

    start: int
    end: int
    section: str
    layer: str
    component: str


def stretches_of(image: GuestImage) -> list[Stretch]:
    """Return all that is loaded, without gaps within a section: what aligns an object counts
    to the one before it."""
    model, elf = model_of(image.kit), tables_of(image.path).elf
    pieces: dict[str, list[LinkedPiece]] = {}
    if not model.sections_tell:
        for piece in image.link.pieces:
            pieces.setdefault(piece.section, []).append(piece)
    return [stretch for section in sorted(elf.sections, key=lambda one: one.address)
            if section.is_loaded and section.size and not is_template_only(section)
            for stretch in _divided(section, pieces.get(section.name, []), model)]


def _divided(section: Section, pieces: list[LinkedPiece], model: LayerModel) -> Iterator[Stretch]:
    unknown = model.layer_of_bytes(section.name, None, ""), ""
    start = at = section.address
    owner = None
    for piece in pieces:
        found = model.layer_of_bytes(section.name, piece, ""), model.component_of(piece)
        is_apart = piece.address - at > _MOST_PADDING_BYTES
        if owner is not None and (found != owner or is_apart):
            end = at if is_apart else piece.address
            yield Stretch(start, end, section.name, *owner)
            start = end
        if is_apart:
            yield Stretch(start, piece.address, section.name, *unknown)
            start = piece.address
        owner, at = found, piece.address + piece.size_bytes
    end = section.address + section.size
    if owner is not None and end - at > _MOST_PADDING_BYTES:
        yield Stretch(start, at, section.name, *owner)
        start, owner = at, None
    yield Stretch(start, end, section.name, *(owner or unknown))
