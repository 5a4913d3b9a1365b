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

__all__ = ["MappedFile", "file_mapped_at", "mapped_files", "regions_by_process",
           "root_elf", "root_elf_paths"]

MOST_REGIONS = 65_536
MOST_PROCESSES = 4096
_PAGE = 4096
_EXECUTE = 4
ELF_MAGIC = b"\x7fELF"


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
    paths = _FilePaths(subject, space)
    for _, table, regions in _processes(subject, space):
        if table != space.page_table:
            continue
        for region in regions:
            path = paths.of(region["file"])
            one = file_mapped_at(subject.image, path, region["start"], region["offset"])
            if one is not None and (path, one.bias) not in found:
                found[path, one.bias] = None
                yield one
        return


def file_mapped_at(image: Any, path: str, start: int, offset: int) -> MappedFile | None:
    """Return the file of an image's root that has its bytes from `offset` on mapped at
    `start`; None if the root has no such ELF file."""
    elf = root_elf(image, path)
    bias = None if elf is None else _bias(elf, start, offset)
    return None if elf is None or bias is None else MappedFile(elf, bias)


def root_elf(image: Any, path: str) -> ElfFile | None:
    """Return an ELF file of an image's root, read once; None if there is no such."""
    kept: dict[str, ElfFile | None] = vars(image).setdefault("_mapped_elf", {})
    if path not in kept:
        kept[path] = _elf(image, path)
    return kept[path]


def root_elf_paths(image: Any) -> list[str]:
    """Return the paths of the ELF files of an image's root; none of an image without one."""
    return _archive(image).beginning_with(ELF_MAGIC) if image.initrd is not None else []


def regions_by_process(subject: Any) -> dict[int, list[tuple[int, int, int, str]]]:
    """Return what code of files each process has mapped: start, end, offset and path of
    each region, by the process's number.  What makes no sense is left out."""
    from kernel_magics.inspect.memory.address_space import AddressSpace

    if subject.image.initrd is None:
        return {}
    found: dict[int, list[tuple[int, int, int, str]]] = {}
    try:
        space = AddressSpace(subject)
        paths = _FilePaths(subject, space)
        for pid, _, regions in _processes(subject, space):
            found[pid] = [(one["start"], one["end"], one["offset"], path) for one in regions
                          if (path := paths.of(one["file"]))]
    except (LookupError, LabError):  # as above, or the guest is being changed under our eyes
        pass
    return found


def _processes(subject: Any, space: AddressSpace,
               ) -> Iterator[tuple[int, int, Iterator[dict[str, int]]]]:
    """Yield each process's number, its page table, and the regions of files' code it has."""
    program = program_of(subject)
    process = RecordReader(program, "struct kern_process", "next", "pid", "vm")
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
        yield (row["pid"], table - DIRECT_BASE if table >= DIRECT_BASE else table,
               _code_regions(region, space, mappings["regions"]))
        address = row["next"]


def _code_regions(region: RecordReader, space: AddressSpace,
                  at: int) -> Iterator[dict[str, int]]:
    for _ in range(MOST_REGIONS):
        if not at:
            return
        found = dict(region.read(space.read, at))
        if found["file"] and found["protection"] & _EXECUTE:
            yield found
        at = found["next"]


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


def _archive(image: Any) -> ArchiveFiles:
    kept: ArchiveFiles = vars(image).setdefault("_archive_files", ArchiveFiles(image.initrd))
    return kept


def _elf(image: Any, path: str) -> ElfFile | None:
    if image.initrd is None:
        return None
    data = _archive(image).read(path)
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
