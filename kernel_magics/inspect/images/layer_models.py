"""How the bytes of an image are sorted into layers: one model for each kit.

This is the one place where the kit of an image decides; symbols, sizes, link records and the
picture of the layers ask the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from kernel_magics.build.elf import ElfFile
from kernel_magics.inspect.images.layers import (
    BOUNDARIES,
    LAYERS,
    OTHER,
    Boundary,
    Layer,
    layer_of_section,
    layer_of_symbol,
)
from kernel_magics.inspect.images.link_sets import named_in_link_sets
from kernel_magics.inspect.images.rumprun_components import (
    component_of,
    layer_of_component,
    layer_of_name,
)
from kernel_magics.inspect.images.rumprun_layers import RUMPRUN_BOUNDARIES, RUMPRUN_LAYERS
from kernel_magics.inspect.images.rumprun_pieces import JoinedObjects
from kernel_magics.inspect.images.unmapped import pieces_of_rumprun, pieces_of_units

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage
    from kernel_magics.inspect.images.linked_piece import LinkedPiece

__all__ = ["RUMPKIT_LAYERS", "LayerModel", "model_of"]

RUMPKIT_LAYERS = tuple(layer for layer in LAYERS if layer.name != "dev")
"""The layers of a guest of rumpkit, top first; its drivers are part of bmk."""

Reasons = dict[str, tuple[str, str]]
"""Object → (what wanted it, the symbol it was wanted for)."""

_SEAM = ("rumpuser_", "rumpcomp_")
_UNSORTED = (".eh_frame", ".got", ".got.plt", ".note")


@dataclass(frozen=True)
class LayerModel:
    """Sorts by the names of sections, as rumpkit's link script makes them.

    `kit` is what images of it say of themselves; `layers` and `boundaries` are what its
    guests have, from the application down; `sections_tell` is whether a section's name is
    enough to know the layer of its bytes.
    """

    kit: str
    layers: tuple[Layer, ...]
    boundaries: tuple[Boundary, ...]
    sections_tell: bool = True

    @property
    def names(self) -> list[str]:
        """The layers' names and `OTHER`, in order."""
        return [*(layer.name for layer in self.layers), OTHER]

    def layer_of_bytes(self, section: str, piece: LinkedPiece | None, symbol: str) -> str:
        """Return the layer of bytes of `section` that came from `piece` (None: not known)."""
        return layer_of_section(section) or OTHER

    def layer_of_symbol(self, section: str, piece: LinkedPiece | None, name: str) -> str:
        """Return the layer of a symbol in `section` that came from `piece`."""
        return layer_of_section(section) or layer_of_symbol(name)

    def component_of(self, piece: LinkedPiece) -> str:
        """Return the library that a piece is part of; of the runtime, the layer."""
        if piece.archive == "rumpkit.o":
            return PurePosixPath(piece.object).parts[0] if "/" in piece.object else ""
        return piece.archive.removesuffix(".a")

    def divided(self, image: GuestImage, pieces: list[LinkedPiece]) -> list[LinkedPiece]:
        """Return the pieces of an image's map, those of joined objects divided."""
        return pieces

    def reasons(self, image: GuestImage, found: Reasons) -> Reasons:
        """Return why objects are in an image, with what was linked before the image was."""
        return found

    def without_map(self, image: GuestImage) -> tuple[list[LinkedPiece], str]:
        """Return the pieces of an image without a map, and in a few words whence they are."""
        return pieces_of_units(image), "the debugging data names the sources of its code"

    def told_without_symbols(self, image: GuestImage) -> str:
        """Return what can be told of the parts of an image that was stripped, "" for nothing."""
        return ""

    def names_gaps(self, section: str) -> bool:
        """Whether what no symbol covers in a section is code or data without a name; else the
        section's name says what it is."""
        return layer_of_section(section) is not None


class RumprunModel(LayerModel):
    """Sorts by the component that an object is of, and by names where no record says that."""

    def layer_of_bytes(self, section: str, piece: LinkedPiece | None, symbol: str) -> str:
        return self.layer_of_symbol(section, piece, symbol)

    def layer_of_symbol(self, section: str, piece: LinkedPiece | None, name: str) -> str:
        # A component brings its own hypercalls along, and the platform its part of others.
        if name.startswith(_SEAM):
            return "rumpuser"
        if piece is None:
            return layer_of_name(name)
        return layer_of_component(self.component_of(piece), piece.object)

    def component_of(self, piece: LinkedPiece) -> str:
        return component_of(piece.archive, piece.object)

    def divided(self, image: GuestImage, pieces: list[LinkedPiece]) -> list[LinkedPiece]:
        return JoinedObjects(image).divided(pieces)

    def reasons(self, image: GuestImage, found: Reasons) -> Reasons:
        return JoinedObjects(image).reasons(found)

    def without_map(self, image: GuestImage) -> tuple[list[LinkedPiece], str]:
        found, whence = pieces_of_rumprun(image)
        return JoinedObjects(image).divided(found), whence

    def told_without_symbols(self, image: GuestImage) -> str:
        found = named_in_link_sets(ElfFile.read(image.path))
        return "; ".join(f"its {what}: {', '.join(names)}" for what, names in found.items())

    def names_gaps(self, section: str) -> bool:
        return not section.startswith(_UNSORTED)


_RUMPKIT = LayerModel("rumpkit", RUMPKIT_LAYERS, BOUNDARIES)
_MODELS = {"rumpkit": _RUMPKIT,
           "rumprun": RumprunModel("rumprun", RUMPRUN_LAYERS, RUMPRUN_BOUNDARIES, False)}


def model_of(kit: str) -> LayerModel:
    """Return the model of a kit; an image of none that is known is looked at as rumpkit's."""
    return _MODELS.get(kit, _RUMPKIT)
