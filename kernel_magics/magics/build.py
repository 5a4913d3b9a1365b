"""%%rumpbuild: a cell of C, or Debian packages, become a bootable image."""

from types import SimpleNamespace
from typing import Any

from kernel_magics.errors import UsageError
from kernel_magics.magics.arguments import Argument, Command, Option
from kernel_magics.magics.package import PACKAGE_KEYS, PACKAGE_OPTIONS, build_packages
from kernel_magics.magics.progress import progress
from kernel_magics.magics.rumprun import PROJECT_OPTIONS, RUMPRUN_OPTIONS, read_from
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
    *RUMPRUN_OPTIONS,
    Option("--heap-calls", "have the program note who allocates and frees its memory, for "
           "guest.memory.leaks()"),
)

RUMPBUILD = Command(
    "rumpbuild", "make a bootable guest image of the cell, of files, or of Debian packages",
    arguments=(Argument("NAME", "what to call the image", complete="image"),),
    options=(*BUILD_OPTIONS, *PROJECT_OPTIONS, *PACKAGE_OPTIONS),
    body="the program, with a main function; with --package, settings in YAML: "
         f"{', '.join(PACKAGE_KEYS)}",
    details="""The program is linked with musl and the rumpkit runtime into one ELF file that
    boots without an operating system. The result is a GuestImage: its size, its bytes per
    layer (.sizes), its symbols (.symbols). An unchanged cell is not compiled again. A
    compiler's message appears under the line it is about; line numbers are the cell's.
    With --package the image holds a program of Debian's as it is shipped, and all that it
    needs; nothing is compiled, and without settings %rumpbuild will do.
    With --kit rumprun an installed upstream toolchain compiles the program and rumprun-bake
    makes the image; .baked says of what. --from takes a program from elsewhere, or, beside a
    cell or several times, bakes programs together: they start in the order given.""",
    examples=("%%rumpbuild hello", "%%rumpbuild fast --cflags \"-O3 -DN=100\"",
              "%%rumpbuild shapes --lang c++", "%rumpbuild lua --package lua5.4",
              "%%rumpbuild site --package nginx\n  copy: {/var/www/html: ./site}",
              "%%rumpbuild hello --kit rumprun --bake hw_generic",
              "%rumpbuild web --kit rumprun --from ./project --settings \"--without-ssl\"",
              "%rumpbuild both --kit rumprun --from producer --from consumer"))


def rumpbuild(options: SimpleNamespace, cell: str | None) -> Any:
    """Build the cell, or packages; return the GuestImage."""
    if options.package:
        return build_packages(options.name, options, cell or "")
    for key in ("run", "contents"):
        if getattr(options, key):
            raise UsageError(f"%%rumpbuild: --{key} is for packages",
                             next_step="name one with --package")
    if not getattr(options, "from"):
        for key in ("program", "system", "settings", "goal"):
            if getattr(options, key):
                raise UsageError(f"%%rumpbuild: --{key} is for a project's folder",
                                 next_step="name the folder with --from")
        return build_cell(options.name, options, cell, "%%rumpbuild", trace=options.trace)
    return _build(options.name, read_from(options.name, options, cell), options,
                  trace=options.trace, programs=options.program, system=options.system or "",
                  settings=options.settings, goals=options.goal)


def build_cell(name: str, options: SimpleNamespace, cell: str | None, title: str, *,
               trace: bool = False) -> Any:
    """Build the text of a cell whose first line is the magic; return the GuestImage."""
    if cell is None or not cell.strip():
        raise UsageError(f"{title}: the cell has no program",
                         next_step=f"begin the cell with {title} and write a program with a main "
                                   "function below it")
    return _build(name, cell, options, first_line=2, trace=trace)


def _build(name: str, what: Any, options: SimpleNamespace, **more: Any) -> Any:
    lab = notebook_lab()
    with progress(f"building {name}"):
        return lab.build(what, name=name, lang=options.lang, cflags=options.cflags,
                         ldflags=options.ldflags, whole=options.whole,
                         heap_calls=options.heap_calls, kit=options.kit, bake=options.bake,
                         components=options.component, **more)


MAGICS = ((RUMPBUILD, rumpbuild),)
