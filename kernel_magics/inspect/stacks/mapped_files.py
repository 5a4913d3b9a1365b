"""The programs and libraries that a process has mapped, as code objects.

Source: images/rumpkit/kern/region.h; the files themselves are in the image's root archive.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from kernel_magics.build.elf import ET_EXEC, PT_LOAD, ElfFile
from kernel_magics.errors import LabError
from kernel_magics.inspect.memory.program import DIRECT_BASE, program_of
from kernel_magics.inspect.stacks.archive_files import ArchiveFiles
from kernel_magics.inspect.values.records import RecordReader

if TYPE_CHECKING:
    from kernel_magics.inspect.memory.address_space import AddressSpace

__all__ = ["MappedFile", "mapped_files"]

MOST_REGIONS = 65_536
MOST_PROCESSES = 4096
_PAGE = 4096
_EXECUTE = 4


class MappedFile:
    """A file of the root at a bias: `elf`, where it lies minus where it was linked for."""

    def __init__(self, elf: ElfFile, bias: int) -> None:
        self.elf, self.bias = elf, bias


def mapped_files(subject: Any, space: AddressSpace) -> list[MappedFile]:
    """Return the ELF files that are mapped executable in an address space.

    Only files of the image's root archive; what else is mapped is left out, and so is what
    the guest's structures say that makes no sense.
    """
    if subject.image.initrd is None:
        return []
    try:
        return list(_files(subject, space))
    except (LookupError, LabError):  # an image without debugging information
        return []


def _files(subject: Any, space: AddressSpace) -> Iterator[MappedFile]:
    found: dict[tuple[str, int], None] = {}
    kept: dict[str, ElfFile | None] = vars(subject.image).setdefault("_mapped_elf", {})
    paths = _FilePaths(subject, space)
    for region in _regions(subject, space):
        if not region["file"] or not region["protection"] & _EXECUTE:
            continue
        path = paths.of(region["file"])
        if path not in kept:
            kept[path] = _elf(subject, path)
        elf = kept[path]
        if elf is None:
            continue
        bias = _bias(elf, region["start"], region["offset"])
        if bias is not None and (path, bias) not in found:
            found[path, bias] = None
            yield MappedFile(elf, bias)


def _regions(subject: Any, space: AddressSpace) -> Iterator[dict[str, int]]:
    program = program_of(subject)
    process = RecordReader(program, "struct kern_process", "next", "vm")
    vm = RecordReader(program, "struct kern_vm", "regions", "space")
    region = RecordReader(program, "struct kern_region", "next", "start", "end", "protection",
                          "file", "offset")
    address = space.word(program["kern_processes"].address_) or 0
    for _ in range(MOST_PROCESSES):
        if not address:
            return
        row = process.read(space.read, address)
        mappings = vm.read(space.read, row["vm"]) if row["vm"] else {"space": 0, "regions": 0}
        table = mappings["space"]
        if (table - DIRECT_BASE if table >= DIRECT_BASE else table) == space.page_table:
            at = mappings["regions"]
            for _ in range(MOST_REGIONS):
                if not at:
                    return
                found = dict(region.read(space.read, at))
                yield found
                at = found["next"]
            return
        address = row["next"]


class _FilePaths:
    """Paths of open files, remembered by the address of their node."""

    def __init__(self, subject: Any, space: AddressSpace) -> None:
        from kernel_magics.inspect.probes.paths import Paths

        self._program = program_of(subject)
        self._paths = Paths(self._program, [])
        self._known: dict[int, str] = {}

    def of(self, address: int) -> str:
        import drgn

        if address not in self._known:
            file = drgn.Object(self._program, "struct vfs_file *", value=address)
            try:
                self._known[address] = self._paths.of(file.node, file.dir)
            except drgn.FaultError:
                self._known[address] = ""
        return self._known[address]


def _elf(subject: Any, path: str) -> ElfFile | None:
    archive = vars(subject.image).setdefault("_archive_files", None) \
        or ArchiveFiles(subject.image.initrd)
    vars(subject.image)["_archive_files"] = archive
    data = archive.read(path)
    try:
        return ElfFile(data, PurePosixPath(path).name) if data else None
    except LabError:
        return None


def _bias(elf: ElfFile, start: int, offset: int) -> int | None:
    """Return where the file lies minus where it was linked for, from one of its regions."""
    for one in elf.segments:
        if one.type == PT_LOAD and one.flags & 1 \
                and one.offset & -_PAGE <= offset < one.offset + max(one.file_bytes, 1):
            bias = start - offset - ((one.virtual_address & -_PAGE) - (one.offset & -_PAGE))
            return 0 if elf.type == ET_EXEC else bias
    return None
