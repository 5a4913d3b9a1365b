"""GuestImage: a bootable ELF file and what is known about how it was made."""

import hashlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any

from kernel_magics.build.baked import RECIPE_SECTION, Baked, BakeRecipe
from kernel_magics.build.cache import load_record
from kernel_magics.build.diagnostics import Diagnostic
from kernel_magics.build.elf import ElfFile
from kernel_magics.build.kits import Source
from kernel_magics.build.stripping import strip
from kernel_magics.errors import ImageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FACETS", "GuestImage", "LAB_NOTE_OWNER", "LAB_NOTE_HEADER"]

# images/rumpkit/include/lab_abi.h, struct lab_note
LAB_NOTE_OWNER, LAB_NOTE_HEADER = "rumplab", 1
# What the first line of each guest of upstream Rumprun's says, platform hw.
RUMPRUN_MARK = b"rump kernel bare metal bootstrap"
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

    An image made of Debian packages also has `initrd`, the cpio archive that is the guest's
    root; `rc`, the programs that run there unless the boot says otherwise, each a mapping of
    "bin", "argv" and perhaps "runmode" and "workdir"; `env`, their environment likewise;
    `memory_mib`, the RAM they are known to need (0: not known); and `packages`, the rows of
    `manifest`; `programs` are those of the root, name → path.

    An image that Rumprun's tools baked here has `baked`, what it was made of; `rc` then names its
    programs if it has several, which start in that order.
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
    initrd: Path | None = None
    rc: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    env: Mapping[str, str] = field(default_factory=dict, hash=False)
    memory_mib: int = 0
    packages: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    programs: Mapping[str, str] = field(default_factory=dict, hash=False)
    baked: Baked | None = field(default=None, hash=False)

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
        if elf.section(RECIPE_SECTION):
            raise _not_baked(path)
        elf.check_guest()
        record = load_record(path.parent)
        if record is not None and path.name in entry_files(record["name"]):
            found = cls.from_entry(path.parent, record)
            return replace(found, name=name or found.name)
        header = header_address(elf)
        kit = "rumprun" if RUMPRUN_MARK in elf.data else "rumpkit" if header is not None else ""
        stripped = strip(elf.data)
        return cls(name=name or path.stem, path=path, stripped_path=path,
                   kit=kit, sources=(),
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
            log=record["log"], warnings=tuple(map(Diagnostic.from_record, record["warnings"])),
            **_root(folder, record.get("root")), **_baked(folder, record.get("baked")))

    @property
    def recipe(self) -> BakeRecipe | None:
        """How the programs of a Rumprun image were compiled; None for other images."""
        return self.baked.recipe if self.baked else None

    @property
    def manifest(self) -> "pd.DataFrame":
        """The Debian packages in the root: package, version, architecture, files, bytes …;
        the root has the same table in /etc/rumplab/manifest."""
        import pandas as pd

        columns = ("package", "version", "architecture", "contents", "files", "size_bytes",
                   "sha256")
        return pd.DataFrame(list(self.packages), columns=list(columns))

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
        if self.initrd:
            lines += self._root_lines()
        if self.baked:
            lines.append(f"  {self.baked.line()}")
        if "sizes" in FACETS:
            lines.append(self.sizes.bar())
        lines += [warning.text() for warning in self.warnings]
        return "\n".join(lines)

    def rc_for(self, argv: Sequence[str]) -> tuple[Mapping[str, Any], ...]:
        """Return `rc` as a boot with `argv` needs it: argv[0] may name another program."""
        if not argv or not self.rc:
            return self.rc
        path = self.programs.get(argv[0], argv[0] if argv[0].startswith("/") else "")
        last = {**self.rc[-1], "bin": path} if path else self.rc[-1]
        return (*self.rc[:-1], last)

    def _root_lines(self) -> list[str]:
        """Say what the root holds and what runs there."""
        assert self.initrd
        size_mib = self.initrd.stat().st_size / (1 << 20)
        whole = [f"{row['package']} {row['version']}" for row in self.packages
                 if row["contents"] != "libraries"]
        others = len(self.packages) - len(whole)
        more = f", and libraries of {others} more" if others else ""
        return [f"  root of {size_mib:.1f} MiB: {', '.join(whole)}{more}",
                *(f"  runs {shlex.join(row['argv'])}" for row in self.rc)]


def _not_baked(path: Path) -> ImageError:
    place = shlex.quote(str(path))
    return ImageError(f"{path} is a program for Rumprun that is not baked yet: it has no kernel",
                      path=path, next_step=f"bake it: %rumpbuild {path.stem} --kit rumprun --from "
                      f"{place}, or lab.build(Path({str(path)!r}), kit=\"rumprun\")")


def link_files(name: str) -> tuple[str, str]:
    """Return what the linker's map and the runtime's record of its objects are called there."""
    return f"{name}.map", f"{name}.objects"


def entry_files(name: str) -> tuple[str, str]:
    """Return what an image called `name` and its stripped copy are called in the cache."""
    return f"{name}.elf", f"{name}.stripped.elf"


def _root(folder: Path, root: dict[str, Any] | None) -> dict[str, Any]:
    """Return the fields of an image whose entry has a root file system."""
    if root is None:
        return {}
    return {"initrd": folder / root["archive"], "rc": tuple(root["rc"]), "env": root["env"],
            "memory_mib": root["memory_mib"], "packages": tuple(root["packages"]),
            "programs": root["programs"]}


def _baked(folder: Path, record: dict[str, Any] | None) -> dict[str, Any]:
    """Return the fields of an image that rumprun-bake made; several programs need an rc."""
    if record is None:
        return {}
    baked = Baked.from_record(folder, record)
    names = [one.name for one in baked.programs]
    rc = tuple({"bin": name, "argv": [name]} for name in names) if len(names) > 1 else ()
    return {"baked": baked, "rc": rc}


def header_address(elf: ElfFile) -> int | None:
    """Return the address the image's lab note gives for struct lab_header, or None."""
    data = elf.note(LAB_NOTE_OWNER, LAB_NOTE_HEADER)
    return _LAB_NOTE.unpack_from(data)[2] if data and len(data) >= _LAB_NOTE.size else None
