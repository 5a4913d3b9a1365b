"""%%rumpbuild: a cell of C, or Debian packages, become a bootable image."""

from types import SimpleNamespace
from typing import Any

from kernel_magics.errors import UsageError
from kernel_magics.magics.arguments import Argument, Command, Option
from kernel_magics.magics.package import PACKAGE_KEYS, PACKAGE_OPTIONS, build_packages
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
    Option("--whole", "keep the network, disks and shares in the image even if the program opens "
           "neither a socket nor a file"),
    Option("--kit", "what the guest is made with: rumpkit, or an installed upstream rumprun",
           "KIT", default="rumpkit", choices=("rumpkit", "rumprun")),
    Option("--bake", "rumprun's configuration, such as hw_virtio or hw_generic", "CONFIGURATION",
           default=""),
    Option("--component", "a library to add to rumprun's configuration", "LIBRARY", repeat=True),
    Option("--heap-calls", "have the program note who allocates and frees its memory, for "
           "guest.memory.leaks()"),
)

RUMPBUILD = Command(
    "rumpbuild", "make a bootable guest image of the cell, or of Debian packages",
    arguments=(Argument("NAME", "what to call the image", complete="image"),),
    options=(*BUILD_OPTIONS, *PACKAGE_OPTIONS),
    body="the program, with a main function; with --package, settings in YAML: "
         f"{', '.join(PACKAGE_KEYS)}",
    details="""The program is linked with musl and the rumpkit runtime into one ELF file that
    boots without an operating system. The result is a GuestImage: its size, its bytes per
    layer (.sizes), its symbols (.symbols). An unchanged cell is not compiled again. A
    compiler's message appears under the line it is about; line numbers are the cell's.
    With --package the image holds a program of Debian's as it is shipped, and all that it
    needs; nothing is compiled, and without settings %rumpbuild will do.""",
    examples=("%%rumpbuild hello", "%%rumpbuild fast --cflags \"-O3 -DN=100\"",
              "%%rumpbuild shapes --lang c++", "%rumpbuild lua --package lua5.4",
              "%%rumpbuild site --package nginx\n  copy: {/var/www/html: ./site}"))


def rumpbuild(options: SimpleNamespace, cell: str | None) -> Any:
    """Build the cell, or packages; return the GuestImage."""
    if options.package:
        return build_packages(options.name, options, cell or "")
    for key in ("run", "contents"):
        if getattr(options, key):
            raise UsageError(f"%%rumpbuild: --{key} is for packages",
                             next_step="name one with --package")
    return build_cell(options.name, options, cell, "%%rumpbuild")


def build_cell(name: str, options: SimpleNamespace, cell: str | None, title: str) -> Any:
    """Build the text of a cell whose first line is the magic; return the GuestImage."""
    if cell is None or not cell.strip():
        raise UsageError(f"{title}: the cell has no program",
                         next_step="write a C program with a main function under the first line")
    lab = notebook_lab()
    with progress(f"building {name}"):
        return lab.build(cell, name=name, lang=options.lang, cflags=options.cflags,
                         ldflags=options.ldflags, first_line=2, whole=options.whole,
                         heap_calls=options.heap_calls, kit=options.kit, bake=options.bake,
                         components=options.component)


MAGICS = ((RUMPBUILD, rumpbuild),)
