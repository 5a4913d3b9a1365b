"""%%rumpbuild --kit rumprun: what is particular to it; %rumpbake: what can be baked."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kernel_magics.build.kits import Source
from kernel_magics.build.parts import Program
from kernel_magics.build.rumprun import find_bake
from kernel_magics.errors import LabError, UsageError
from kernel_magics.magics.arguments import Argument, Command, Option, nearest
from kernel_magics.magics.session import image_names, notebook_lab
from kernel_magics.magics.values import flags

__all__ = ["MAGICS", "PROJECT_OPTIONS", "RUMPRUN_OPTIONS", "read_from"]

RUMPRUN_OPTIONS = (
    Option("--kit", "what the guest is made with: rumpkit, or an installed upstream rumprun",
           "KIT", default="rumpkit", choices=("rumpkit", "rumprun")),
    Option("--bake", "rumprun's configuration, such as hw_virtio or hw_generic (%rumpbake lists "
           "them); FILE:NAME is one of your own", "CONFIGURATION", default="", complete="bake"),
    Option("--component", "a library to add to rumprun's configuration", "LIBRARY", repeat=True,
           complete="component"),
)

PROJECT_OPTIONS = (
    Option("--from", "instead of a cell, or for a program besides it: a source file, a project's "
           "folder, a program that is not baked yet, or an image that was", "[NAME=]WHAT",
           repeat=True, complete="image"),
    Option("--program", "of a project that makes several programs, one to bake", "PROGRAM",
           repeat=True),
    Option("--system", "how a project is built, if it has files for several", "SYSTEM",
           choices=("cmake", "configure", "make")),
    Option("--settings", "what to give a project's cmake or configure", "WORDS", kind=flags,
           default=()),
    Option("--goal", "what to make of a project", "GOAL", repeat=True),
    Option("--trace", "link the tracing of hypercalls into a rumprun image"),
)

RUMPBAKE = Command(
    "rumpbake", "list what an installed Rumprun can bake",
    arguments=(Argument("WHAT", "one of its configurations, to see its components; or the path of "
                        "a program that is not baked yet, to see its recipe", required=False,
                        complete="bake"),),
    options=(Option("--components", "list the components instead, each with the configurations "
                    "that have it"),),
    details="""The result's .df is the whole table. A program that calls what no component of
    its configuration implements gets a warning when it is built. The same from a script:
    lab.bakes and lab.components.""",
    examples=("%rumpbake", "%rumpbake hw_virtio", "%rumpbake ./program",
              "%rumpbake --components"))


def rumpbake(options: SimpleNamespace, _cell: str | None) -> Any:
    """Return the configurations, one of them, the components, or a program's recipe."""
    lab, what = notebook_lab(), options.what
    if options.components:
        if what:
            raise UsageError("%rumpbake: --components are all there are",
                             next_step=f"leave one out: %rumpbake {what}")
        return lab.components
    if what and ":" not in what and ("/" in what or Path(what).suffix):
        return lab.recipe(Path(what).expanduser())
    return find_bake(what) if what else lab.bakes


def read_from(name: str, options: SimpleNamespace, cell: str | None) -> Any:
    """Return what `lab.build` is given for --from, and for a cell beside it."""
    parts = dict(_part(word) for word in getattr(options, "from"))
    if len(parts) < len(getattr(options, "from")):
        raise UsageError("%%rumpbuild: two programs of --from are called the same",
                         next_step="give them names: --from first=a.c --from second=b.c")
    if cell is not None and cell.strip():
        if name in parts:
            raise UsageError(f"%%rumpbuild: the cell's program is called {name}, and so is one "
                             "of --from", next_step="give that one a name: --from NAME=…")
        suffix = ".cc" if options.lang == "c++" else ".c"
        source = Source(cell, f"{name}{suffix}", 2)
        return {name: Program(name, (source,), options.lang, (Path.cwd(),)), **parts}
    named = "=" in getattr(options, "from")[0]
    return parts if len(parts) > 1 or named else next(iter(parts.values()))


def _part(text: str) -> tuple[str, Any]:
    """Return (name, what) for [NAME=]WHAT: a path, or the name of an image."""
    name, equals, what = text.partition("=")
    if not equals:
        name, what = "", text
    path = Path(what).expanduser()
    if "/" in what or path.suffix or (path.exists() and what not in image_names()):
        if not path.exists():
            raise UsageError(f"%%rumpbuild: there is no {what}", next_step=_near(path))
        return name or path.absolute().stem, path
    try:
        return name or what, notebook_lab().image(what)
    except LabError as unknown:
        raise UsageError(f"%%rumpbuild: there is no image and no file called {what!r}",
                         next_step=nearest(what, image_names(), "images")) from unknown


def _near(path: Path) -> str:
    there = sorted(one.name for one in path.parent.iterdir() if one.name[0] != ".") \
        if path.parent.is_dir() else []
    return nearest(path.name, there[:20], f"files in {path.parent}")


MAGICS = ((RUMPBAKE, rumpbake),)
