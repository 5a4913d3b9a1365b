"""How many bytes of an image each layer and each symbol takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel_magics.build.elf import SHT_NOBITS, ElfFile, Section
from kernel_magics.inspect.layers import LAYERS, OTHER, layer_of_section

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.build.image import GuestImage

__all__ = ["Sizes"]

KINDS = ("text", "rodata", "data", "bss")
BAR_COLUMNS = 40
_EXECUTABLE, _WRITABLE, _TLS = 4, 1, 0x400


class Sizes:
    """Bytes in the running guest, from the image's section headers.

    Every byte of a loaded section is counted once, so the total is what the image takes
    in RAM before the first allocation.
    """

    def __init__(self, image: GuestImage) -> None:
        self._image = image
        self._bytes: dict[str, dict[str, int]] = {}
        for section in ElfFile.read(image.stripped_path).sections:
            if section.is_loaded and not _is_template_only(section):
                layer = layer_of_section(section.name) or OTHER
                row = self._bytes.setdefault(layer, dict.fromkeys(KINDS, 0))
                row[_kind(section)] += section.size

    def by_layer(self) -> pd.DataFrame:
        """Return bytes by layer (index, top layer first): text, rodata, data, bss, total."""
        import pandas as pd

        order = [layer.name for layer in LAYERS if layer.name in self._bytes]
        order += [OTHER] if OTHER in self._bytes else []
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
        order = [*(layer.name for layer in LAYERS), OTHER]
        widest = max(totals.values(), default=0) or 1
        lines = []
        for name in (name for name in order if totals.get(name)):
            eighths = round(totals[name] / widest * BAR_COLUMNS * 8)
            bar = "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
            lines.append(f"  {name:<9}{_readable(totals[name]):>10}  {bar or '▏'}")
        return "\n".join([*lines, f"  {'in RAM':<9}{_readable(self.total_bytes):>10}"])

    def __repr__(self) -> str:
        return f"{self._image.name}: bytes per layer\n{self.bar()}"


def _is_template_only(section: Section) -> bool:
    """Whether it only describes each thread's copy: .tbss takes no room in the image."""
    return bool(section.flags & _TLS) and section.type == SHT_NOBITS


def _kind(section: Section) -> str:
    if section.flags & _EXECUTABLE:
        return "text"
    if not section.flags & _WRITABLE:
        return "rodata"
    return "bss" if section.type == SHT_NOBITS else "data"


def _readable(size_bytes: int) -> str:
    return f"{size_bytes:,} B" if size_bytes < 1024 else f"{size_bytes / 1024:,.1f} KiB"
