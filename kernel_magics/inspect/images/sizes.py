"""How many bytes of an image each layer, object and symbol takes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from kernel_magics.build.elf import SHT_NOBITS, ElfFile, Section
from kernel_magics.inspect.images.layer_models import model_of
from kernel_magics.inspect.images.linked_piece import LinkedPiece
from kernel_magics.inspect.images.sections import is_template_only, kind_of
from kernel_magics.inspect.images.size_leaves import SizeLeaf, leaves_of
from kernel_magics.inspect.images.size_tree import SizeTree, bytes_text, tree_of
from kernel_magics.inspect.images.tables import tables_of

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.build.image import GuestImage

__all__ = ["Sizes"]

KINDS = ("text", "rodata", "data", "bss")
BAR_COLUMNS = 40
_DEBUG_PREFIXES, _SYMBOL_SECTIONS = (".debug_", ".gnu_debug"), (".symtab", ".strtab")


class Sizes:
    """Bytes in the running guest, from the image's section headers.

    Every byte of a loaded section is counted once, so the total is what the image takes
    in RAM before the first allocation.
    """

    def __init__(self, image: GuestImage) -> None:
        self._image = image
        self.model = model_of(image.kit)

    @cached_property
    def _bytes(self) -> dict[str, dict[str, int]]:
        """Bytes by layer and kind: where a section's name does not say the layer, by what each
        symbol was linked from."""
        found: dict[str, dict[str, int]] = {}
        for layer, kind, size in self._by_section() if self.model.sections_tell else \
                ((leaf.layer, leaf.kind, leaf.size_bytes) for leaf in self.leaves):
            found.setdefault(layer, dict.fromkeys(KINDS, 0))[kind] += size
        return found

    def _by_section(self) -> Iterator[tuple[str, str, int]]:
        for section in ElfFile.read(self._image.stripped_path).sections:
            if section.is_loaded and not is_template_only(section):
                yield (self.model.layer_of_bytes(section.name, None, ""), kind_of(section),
                       section.size)

    def by_layer(self) -> pd.DataFrame:
        """Return bytes by layer (index, top layer first): text, rodata, data, bss, total."""
        import pandas as pd

        order = [name for name in self.model.names if name in self._bytes]
        table = pd.DataFrame([self._bytes[name] for name in order],
                             index=pd.Index(order, name="layer"), columns=list(KINDS))
        table["total"] = table.sum(axis=1)
        return table

    def by_symbol(self) -> pd.DataFrame:
        """Return the symbols that have a size, largest first."""
        table = self._image.symbols.df
        table = table[table["size_bytes"] > 0].sort_values(
            ["size_bytes", "name"], ascending=[False, True])
        return table.reset_index(drop=True)

    @cached_property
    def leaves(self) -> list[SizeLeaf]:
        """Each loaded byte's symbol, object, archive and layer, summed by those; [strings] are
        text constants, [padding] what alignment costs, [unnamed] what has no symbol."""
        found: list[SizeLeaf] = tables_of(self._image.path).once(
            ("leaves", self._image.link.identity), lambda: leaves_of(self._image))
        return found

    @cached_property
    def tree(self) -> SizeTree:
        """Layer → archive → object → symbol, the largest first at each level."""
        return tree_of(self._image.name, self.leaves)

    def by_object(self) -> pd.DataFrame:
        """Return bytes by object linked, largest first: layer, archive, object, text, rodata,
        data, bss, total.  Without a linker map the sections stand for the objects."""
        return self._table(["layer", "archive", "object"])

    def by_archive(self) -> pd.DataFrame:
        """Return bytes by archive, largest first: archive ("" for the program's own objects),
        text, rodata, data, bss, total."""
        return self._table(["archive"])

    def by_component(self) -> pd.DataFrame:
        """Return bytes by component, largest first: layer, component (a library of the kit),
        text, rodata, data, bss, total."""
        table = self.by_object()
        pieces = [LinkedPiece(0, 0, "", archive, name) for archive, name
                  in zip(table["archive"], table["object"], strict=True)]
        table["component"] = [self.model.component_of(piece) for piece in pieces]
        summed = table.groupby(["layer", "component"], as_index=False)[[*KINDS, "total"]].sum()
        return summed.sort_values(["total", "layer", "component"], ascending=[False, True, True]) \
            .reset_index(drop=True)

    def _table(self, keys: list[str]) -> pd.DataFrame:
        import pandas as pd

        rows = pd.DataFrame(self.leaves, columns=list(SizeLeaf._fields))
        table = rows.pivot_table(index=keys, columns="kind", values="size_bytes", aggfunc="sum",
                                 fill_value=0, observed=True).reindex(columns=list(KINDS),
                                                                      fill_value=0)
        table["total"] = table.sum(axis=1)
        table = table.reset_index().sort_values(["total", *keys],
                                                ascending=[False, *[True] * len(keys)])
        return table.reset_index(drop=True).rename_axis(columns=None)

    def by_section(self) -> pd.DataFrame:
        """Return what is in the file and in RAM, by section: section, purpose ("loaded",
        "debugging", "symbols", "headers"), file_bytes, ram_bytes; file_bytes add up to the
        whole file, with the headers and gaps that are in no section."""
        import pandas as pd

        elf = tables_of(self._image.path).elf
        rows = [(one.name, _purpose(one), 0 if one.type == SHT_NOBITS else one.size,
                 one.size if one.is_loaded and not is_template_only(one) else 0)
                for one in elf.sections if one.type]
        rest = len(elf.data) - sum(row[2] for row in rows)
        rows.append(("[headers and gaps]", "headers", rest, 0))
        return pd.DataFrame(rows, columns=["section", "purpose", "file_bytes", "ram_bytes"])

    @property
    def df(self) -> pd.DataFrame:
        """The same as `by_layer()`."""
        return self.by_layer()

    @property
    def total_bytes(self) -> int:
        """Bytes of all layers together."""
        return sum(sum(row.values()) for row in self._bytes.values())

    def bar(self) -> str:
        """Return the bytes per layer as text, a line and a bar for each."""
        totals = {name: sum(row.values()) for name, row in self._bytes.items()}
        widest = max(totals.values(), default=0) or 1
        lines = []
        for name in (name for name in self.model.names if totals.get(name)):
            eighths = round(totals[name] / widest * BAR_COLUMNS * 8)
            bar = "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
            lines.append(f"  {name:<9}{bytes_text(totals[name]):>10}  {bar or '▏'}")
        return "\n".join([*lines, f"  {'in RAM':<9}{bytes_text(self.total_bytes):>10}",
                          *([f"  ({self.note})"] if self.note else [])])

    @property
    def note(self) -> str:
        """Why the layers of the bytes cannot be told, "" if they can."""
        if self.model.sections_tell or len(self._image.symbols):
            return ""
        told = self.model.told_without_symbols(self._image)
        return (f"{self._image.path.name} is stripped: what its bytes are of cannot be told"
                + (f"; {told}" if told else ""))

    def __repr__(self) -> str:
        return f"{self._image.name}: bytes per layer\n{self.bar()}"


def _purpose(section: Section) -> str:
    if section.is_loaded:
        return "loaded"
    if section.name.startswith(_DEBUG_PREFIXES):
        return "debugging"
    return "symbols" if section.name in _SYMBOL_SECTIONS else "headers"
