"""Which object and archive each byte of an image came from, and why it was linked in.

The linker's map says so; it lies in the build cache beside the image.  For an image without a
map the debugging data names the sources of the code; without either there is no record.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING

from kernel_magics.build.elf import ElfFile
from kernel_magics.build.linkmap import MOST_MAP_BYTES, LinkMap, Piece, parse_map, read_objects
from kernel_magics.errors import ImageError, UsageError, meant, nearest_names
from kernel_magics.inspect.images.layer_models import model_of
from kernel_magics.inspect.images.layers import OTHER, layer_of_section
from kernel_magics.inspect.images.linked_piece import (
    RUNTIME,
    LinkedPiece,
    is_temporary,
    split_member,
)
from kernel_magics.inspect.images.tables import tables_of

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.build.image import GuestImage

__all__ = ["LinkReasons", "LinkRecord", "LinkedPiece"]

MOST_STEPS = 64
_NO_MAP = LinkMap((), {}, ())
# The runtime as the linker gets it: whole, or without what the program cannot use.
_RUNTIME_OBJECTS = frozenset({("", "rumpkit.o"), ("libcore.a", "rumpkit.o"),
                              ("libwhole.a", "whole.o")})


class LinkReasons(list[tuple[str, str, str]]):
    """Why an object is in an image, a step for each object that wanted the one before."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted

    @property
    def df(self) -> pd.DataFrame:
        """A row per step: object, wanted_by, for_symbol; "" and "--whole-archive" where all of a
        library was asked for, as a component of Rumprun is."""
        import pandas as pd

        return pd.DataFrame(list(self), columns=["object", "wanted_by", "for_symbol"])

    def __repr__(self) -> str:
        if not self:
            return f"{self.wanted} was given to the linker itself"
        return "\n".join(f"{'  ' * depth}{item} for {symbol}, which {wanted} uses" if wanted else
                         f"{'  ' * depth}{item} because all of its library is linked"
                         for depth, (item, wanted, symbol) in enumerate(self))


class LinkRecord:
    """The link of one image; read when first asked for.

    `note` says in a sentence why there is no record, "" if there is one.
    """

    def __init__(self, image: GuestImage) -> None:
        self._image = image
        self.path = image.path.with_suffix(".map")
        self.note = ""
        self._model = model_of(image.kit)

    @cached_property
    def _map(self) -> LinkMap:
        tables = tables_of(self._image.path)
        found, self.note = tables.once(("map", self.identity),
                                       lambda: self._read_map(tables.elf))
        return found

    @cached_property
    def identity(self) -> tuple[object, ...]:
        """What the record depends on: the kit, the map's file, and the names of the sources and
        of what was baked."""
        names = (*(source.filename for source in self._image.sources),
                 *((one.name, one.map) for one in
                   (self._image.baked.programs if self._image.baked else ())))
        try:
            stat = self.path.stat()
        except OSError:
            return self._image.kit, names
        return self._image.kit, names, stat.st_size, stat.st_mtime_ns

    def _read_map(self, elf: ElfFile) -> tuple[LinkMap, str]:
        """Return the map beside the image and "", or an empty one and what is wrong."""
        try:
            if self.path.stat().st_size > MOST_MAP_BYTES:
                raise OSError(0, "larger than the lab reads")
            found = parse_map(self.path.read_text("utf-8", "replace"))
        except OSError as error:
            reason = (error.strerror or "").lower()
            return _NO_MAP, f"no linker map of {self._image.name}: {reason}"
        if not _describes(found, elf):
            return _NO_MAP, f"{self.path.name} is the map of another link than " \
                f"{self._image.name}'s"
        return found, ""

    @cached_property
    def pieces(self) -> tuple[LinkedPiece, ...]:
        """Every stretch of the loaded image that has an object, by address."""
        found, self.note = tables_of(self._image.path).once(
            ("pieces", self.identity), lambda: (self._pieces(), self.note))
        return found

    def _pieces(self) -> tuple[LinkedPiece, ...]:
        found: list[LinkedPiece] = []
        for piece in self._map.pieces:
            if piece.object and piece.output in self._loaded:
                found += self._parts(piece)
        if found or self.is_exact:
            return tuple(self._model.divided(self._image, found))
        known, how = self._model.without_map(self._image)
        if known:
            self.note += f"; {how}"
        return tuple(known)

    @property
    def is_exact(self) -> bool:
        """Whether the linker's own map is there: then it covers all but padding."""
        return bool(self._map.pieces)

    @cached_property
    def _loaded(self) -> frozenset[str]:
        return frozenset(section.name for section in tables_of(self._image.path).elf.sections
                         if section.is_loaded)

    def _parts(self, piece: Piece) -> list[LinkedPiece]:
        archive, name = self._split(piece.object)
        if (archive, name) in _RUNTIME_OBJECTS:
            if not self._runtime:
                return [LinkedPiece(piece.address, piece.size_bytes, piece.output, "", RUNTIME,
                                    piece.section)]
            inside = self._runtime.get(piece.section)
            # Strings that the linker merged lie no longer where they were.
            if inside and max(offset + size for offset, size, _ in inside) <= piece.size_bytes:
                return [LinkedPiece(piece.address + offset, size, piece.output, RUNTIME, one,
                                    piece.section)
                        for offset, size, one in inside]
            layer = layer_of_section(piece.section) or OTHER
            return [LinkedPiece(piece.address, piece.size_bytes, piece.output, RUNTIME,
                                f"{layer} (merged strings)", piece.section)]
        return [LinkedPiece(piece.address, piece.size_bytes, piece.output, archive, name,
                            piece.section)]

    @cached_property
    def _runtime(self) -> dict[str, list[tuple[int, int, str]]]:
        path = self._image.path.with_suffix(".objects")
        try:
            return read_objects(path) if path.exists() else {}
        except ImageError as error:
            self.note = error.message
            return {}

    def _split(self, name: str) -> tuple[str, str]:
        """Return (archive, object) of a name as the linker writes it."""
        archive, item = split_member(name)
        return archive, item if archive else self._sources.get(name, item)

    @cached_property
    def _sources(self) -> dict[str, str]:
        """The compiler's temporary objects by the source each was made of, in their order."""
        compiled = [name for name in self._map.loaded if is_temporary(name)]
        sources = [source.filename for source in self._image.sources]
        extra = ["support.c"] * (len(compiled) - len(sources))  # what C++ programs get beside
        if len(compiled) == 1 and len(sources) > 1:  # link-time optimisation made one of all
            return {compiled[0]: " ".join(sources)}
        return dict(zip(compiled, [*sources, *extra], strict=False))

    @cached_property
    def _starts(self) -> list[int]:
        return [piece.address for piece in self.pieces]

    def at(self, address: int) -> LinkedPiece | None:
        """Return the piece that covers an address, or None."""
        row = bisect_right(self._starts, address) - 1
        if row < 0:
            return None
        piece = self.pieces[row]
        return piece if address < piece.address + piece.size_bytes else None

    @cached_property
    def _reasons(self) -> dict[str, tuple[str, str]]:
        found = {self._member(member): (self._member(wanted), symbol)
                 for member, (wanted, symbol) in self._map.reasons.items()}
        return self._model.reasons(self._image, found)

    def _member(self, name: str) -> str:
        archive, item = self._split(name)
        return f"{archive}({item})" if archive else item

    def why(self, name: str) -> LinkReasons:
        """Return why an archive's object is in the image: (object, wanted by, for the symbol),
        from the object back to what was given to the linker.

        `name` is an object ("vfprintf.lo"), "libc.a(vfprintf.lo)" or a symbol that it defines.
        Raises UsageError with the nearest names if there is none; an object that was given to
        the linker as such has an empty answer.
        """
        member = self._object_called(name)
        steps = LinkReasons(member)
        while member in self._reasons and len(steps) < MOST_STEPS:
            wanted, symbol = self._reasons[member]
            steps.append((member, wanted, symbol))
            member = wanted
        return steps

    def _object_called(self, name: str) -> str:
        known = {piece.named for piece in self.pieces} | set(self._reasons)
        if name in known:
            return name
        ends = sorted(one for one in known if one.endswith(f"({name})"))
        if ends:
            return ends[0]
        if name in self._image.symbols.names:
            piece = self.at(self._image.symbols.find(name).address)
            if piece:
                return piece.named
        near = nearest_names(name, {one.rpartition("(")[2].rstrip(")") for one in known})
        raise UsageError(f"no object and no symbol {name!r} in {self._image.name}", near=near,
                         next_step=meant(near) or self.note or "image.link.df lists every object")

    @property
    def df(self) -> pd.DataFrame:
        """A row per piece: address, size_bytes, section, layer, archive, object,
        input_section, component."""
        import pandas as pd

        model = self._model
        rows = [(one.address, one.size_bytes, one.section,
                 model.layer_of_bytes(one.section, one, ""), one.archive, one.object,
                 one.input_section, model.component_of(one))
                for one in self.pieces]
        return pd.DataFrame(rows, columns=["address", "size_bytes", "section", "layer",
                                           "archive", "object", "input_section", "component"])

    def __len__(self) -> int:
        return len(self.pieces)

    def __repr__(self) -> str:
        objects = {(piece.archive, piece.object) for piece in self.pieces}
        if not objects:
            return f"{self._image.name}: {self.note or 'the linker map is empty'}"
        archives = sorted({archive for archive, _ in objects if archive})
        return (f"{self._image.name}: {len(objects)} objects"
                + (f" of {', '.join(archives)} and the program" if archives else "")
                + (f" ({self.note})" if self.note else ""))


def _describes(found: LinkMap, elf: ElfFile) -> bool:
    """Whether a map is of this file: no piece lies outside the section it is said to be in."""
    sections = {section.name: section for section in elf.sections if section.is_loaded}
    placed = [piece for piece in found.pieces if piece.address and piece.output in sections]
    return bool(placed) and all(
        0 <= piece.address - sections[piece.output].address <= sections[piece.output].size
        for piece in placed)
