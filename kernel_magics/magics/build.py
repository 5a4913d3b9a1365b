"""%%rumpbuild: a cell of C becomes a bootable image."""

from types import SimpleNamespace
from typing import Any

from kernel_magics.errors import UsageError
from kernel_magics.magics.arguments import Argument, Command, Option
from kernel_magics.magics.progress import progress
from kernel_magics.magics.session import notebook_lab
from kernel_magics.magics.values import flags

__all__ = ["MAGICS", "BUILD_OPTIONS", "build_cell"]


BUILD_OPTIONS = (
    Option("--lang", "language of the cell", "LANGUAGE", default="c", choices=("c", "c++")),
    Option("--cflags", "flags for the compiler, in quotes if there are several",
           "FLAGS", kind=flags, default=()),
    Option("--ldflags", "flags for the linker's driver, such as -Wl,…", "FLAGS",
           kind=flags, default=()),
)

RUMPBUILD = Command(
    "rumpbuild", "compile the cell into a bootable guest image",
    arguments=(Argument("NAME", "what to call the image", complete="image"),),
    options=BUILD_OPTIONS,
    body="the program, with a main function",
    line=False,
    details="""The program is linked with musl and the rumpkit runtime into one ELF file that
    boots without an operating system. The result is a GuestImage: its size, its bytes per
    layer (.sizes), its symbols (.symbols). An unchanged cell is not compiled again. A
    compiler's message appears under the line it is about; line numbers are the cell's.""",
    examples=("%%rumpbuild hello", "%%rumpbuild fast --cflags \"-O3 -DN=100\"",
              "%%rumpbuild shapes --lang c++"))


def rumpbuild(options: SimpleNamespace, cell: str | None) -> Any:
    """Build the cell; return the GuestImage."""
    return build_cell(options.name, options, cell, RUMPBUILD.title)


def build_cell(name: str, options: SimpleNamespace, cell: str | None, title: str) -> Any:
    """Build the text of a cell whose first line is the magic; return the GuestImage."""
    if cell is None or not cell.strip():
        raise UsageError(f"{title}: the cell has no program",
                         next_step="write a C program with a main function under the first line")
    lab = notebook_lab()
    with progress(f"building {name}"):
        return lab.build(cell, name=name, lang=options.lang, cflags=options.cflags,
                         ldflags=options.ldflags, first_line=2)


MAGICS = ((RUMPBUILD, rumpbuild),)
