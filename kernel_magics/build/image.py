"""GuestImage: a bootable ELF file and what is known about how it was made."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from struct import Struct
from typing import Any

from kernel_magics.build.cache import load_record
from kernel_magics.build.diagnostics import Diagnostic
from kernel_magics.build.elf import ElfFile
from kernel_magics.build.kits import Source
from kernel_magics.build.stripping import strip

__all__ = ["FACETS", "GuestImage", "LAB_NOTE_OWNER", "LAB_NOTE_HEADER"]

# images/rumpkit/include/lab_abi.h, struct lab_note
LAB_NOTE_OWNER, LAB_NOTE_HEADER = "rumplab", 1
_LAB_NOTE = Struct("<IIQ")

FACETS: dict[str, Callable[["GuestImage"], object]] = {}
"""What later packages know to say about an image ("symbols", "sizes", "layers"):
attribute name → function.  They register it here, so that this one need not import them."""


@dataclass(frozen=True)
class GuestImage:
    """A guest image.

    `path` is the ELF with symbols and lines; `stripped_path` has the same bytes to load
    and nothing else; `size_bytes` is the latter's.  `content_hash` is the SHA-256 of what
    is booted.  `build_ns` is how long making (or finding) it took, `cached` whether it was
    found.  `header_address` is where the running guest keeps its struct lab_header, None
    for an image that is not rumpkit's.
    """

    name: str
    path: Path
    stripped_path: Path
    kit: str
    sources: tuple[Source, ...]
    size_bytes: int
    content_hash: str
    header_address: int | None
    build_ns: int = 0
    cached: bool = False
    log: str = ""
    warnings: tuple[Diagnostic, ...] = ()

    @classmethod
    def from_file(cls, path: Path | str, name: str | None = None) -> "GuestImage":
        """Open any guest ELF file: PVH or multiboot, x86-64.

        `name` is what to call it, by default the file's name without its suffix.  A file in
        the build cache, stripped or not, gives the image that was built, with its sources.
        Raises ImageError (attribute `path`) if the file cannot be read, is damaged, or is
        something else than a guest.
        """
        path = Path(path).absolute()
        elf = ElfFile.read(path)
        elf.check_guest()
        record = load_record(path.parent)
        if record is not None and path.name in entry_files(record["name"]):
            found = cls.from_entry(path.parent, record)
            return replace(found, name=name or found.name)
        header = header_address(elf)
        stripped = strip(elf.data)
        return cls(name=name or path.stem, path=path, stripped_path=path,
                   kit="" if header is None else "rumpkit", sources=(),
                   size_bytes=len(stripped), content_hash=hashlib.sha256(stripped).hexdigest(),
                   header_address=header)

    @classmethod
    def from_entry(cls, folder: Path, record: dict[str, Any], *, cached: bool = True,
                   build_ns: int = 0) -> "GuestImage":
        """Return the image of an entry of the build cache; see BuildCache.find."""
        full, bare = entry_files(record["name"])
        return cls(
            name=record["name"], path=folder / full, stripped_path=folder / bare,
            kit=record["kit"], sources=tuple(Source(**source) for source in record["sources"]),
            size_bytes=record["size_bytes"], content_hash=record["content_hash"],
            header_address=record["header_address"], build_ns=build_ns, cached=cached,
            log=record["log"], warnings=tuple(map(Diagnostic.from_record, record["warnings"])))

    def __getattr__(self, name: str) -> Any:
        facet = FACETS.get(name)
        if facet is None:
            raise AttributeError(f"a guest image has no {name!r}")
        value = facet(self)
        self.__dict__[name] = value  # the next access finds it without coming here
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *FACETS})

    def __repr__(self) -> str:
        made = f"{self.kit} image" if self.kit else "guest image"
        lines = [f"{self.name}: {made}, {self.size_bytes / 1024:.1f} KiB to load"]
        if "sizes" in FACETS:
            lines.append(self.sizes.bar())
        lines += [warning.text() for warning in self.warnings]
        return "\n".join(lines)


def entry_files(name: str) -> tuple[str, str]:
    """Return what an image called `name` and its stripped copy are called in the cache."""
    return f"{name}.elf", f"{name}.stripped.elf"


def header_address(elf: ElfFile) -> int | None:
    """Return the address the image's lab note gives for struct lab_header, or None."""
    data = elf.note(LAB_NOTE_OWNER, LAB_NOTE_HEADER)
    return _LAB_NOTE.unpack_from(data)[2] if data and len(data) >= _LAB_NOTE.size else None
