"""The programs and libraries that a packaged image's processes may run, mapped or not yet."""

from __future__ import annotations

from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from kernel_magics.build.elf import PT_LOAD, ElfFile
from kernel_magics.errors import UsageError, nearest_names
from kernel_magics.inspect.debugger.line_addresses import LineAddresses
from kernel_magics.inspect.stacks.code import Code
from kernel_magics.inspect.stacks.file_symbols import FileSymbols
from kernel_magics.inspect.stacks.mapped_files import root_elf, root_elf_paths

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage
    from kernel_magics.inspect.images.symbol import Symbol

__all__ = ["RootFile", "RootFiles"]

MOST_PLACES = 64
"""Of one name: a root of hundreds of programs may have a main in each."""


class RootFile:
    """One ELF file of a root; addresses are those it was linked for."""

    def __init__(self, path: str, elf: ElfFile) -> None:
        self.path, self.elf = path, elf
        self.name = PurePosixPath(path).name
        self.symbols = FileSymbols(elf)
        self.start = min((one.virtual_address for one in elf.segments if one.type == PT_LOAD),
                         default=0)

    @cached_property
    def code(self) -> Code:
        """Its machine code."""
        return Code(self.elf, self.symbols)

    @cached_property
    def lines(self) -> LineAddresses | None:
        """Its source lines, None if it was stripped of them."""
        path = self.symbols.path_with_lines
        return LineAddresses(path) if path is not None else None

    @cached_property
    def functions(self) -> dict[str, Symbol]:
        """Its functions by name, as far as it tells them."""
        return {one.name: one for one in self.symbols.search() if one.kind == "function"}


class RootFiles:
    """The ELF files of an image's root, read when a name is first looked for in them."""

    def __init__(self, image: GuestImage) -> None:
        self._image = image

    def __bool__(self) -> bool:
        return self._image.initrd is not None

    @cached_property
    def files(self) -> list[RootFile]:
        """All of them, by path."""
        found = ((path, root_elf(self._image, path)) for path in
                 sorted(root_elf_paths(self._image)))
        return [RootFile(path, elf) for path, elf in found if elf is not None]

    def file(self, wanted: str) -> RootFile | None:
        """Return the file of a path, the end of one, or a name up to a dot ("libc.so", "libc");
        None if no file, or more than one, is called so."""
        for matches in (lambda one: one.path == wanted,
                        lambda one: one.path.endswith(f"/{wanted.lstrip('/')}"),
                        lambda one: one.name.startswith(f"{wanted}.")):
            found = [one for one in self.files if matches(one)]
            if len(found) == 1:
                return found[0]
        return None

    def functions(self, name: str) -> list[tuple[RootFile, Symbol]]:
        """Return the functions of a name, in each file that has one."""
        return [(one, one.functions[name]) for one in self.files
                if name in one.functions][:MOST_PLACES]

    def with_source(self, file: str) -> list[tuple[RootFile, str]]:
        """Return the files with debugging information of a source file, and its name there."""
        found = []
        for one in self.files:
            try:
                if one.lines is not None:
                    found.append((one, one.lines.find_file(file)))
            except UsageError:
                continue
        return found[:MOST_PLACES]

    def near(self, name: str) -> list[str]:
        """Return names of functions that are like one that there is not."""
        known = {function for one in self.files for function in one.functions}
        return nearest_names(name, known)
