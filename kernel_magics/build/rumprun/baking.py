"""Programs that are not baked yet → one guest image: a run of rumprun-bake."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.build.baked import Baked, BakedProgram, BakeRecipe
from kernel_magics.build.diagnostics import Diagnostic, SourceLines
from kernel_magics.build.image import entry_files, link_files
from kernel_magics.build.linking import parse_linker
from kernel_magics.build.rumprun.apart import keep_apart
from kernel_magics.build.rumprun.compiling import Compiled, failure, quiet
from kernel_magics.build.rumprun.configurations import BakeConfiguration
from kernel_magics.build.rumprun.mending import mending_parts, mends_for
from kernel_magics.build.rumprun.missing import missing_component, missing_library
from kernel_magics.build.rumprun.own_objects import OwnParts
from kernel_magics.build.rumprun.recipe import program_recipe
from kernel_magics.build.rumprun.toolchain import QUIET, RumprunToolchain
from kernel_magics.build.toolchain import run_tool
from kernel_magics.errors import UsageError

__all__ = ["MOST_PROGRAMS", "Oven", "bake", "check_programs"]

MOST_PROGRAMS = 8  # the script's own limit
KERNEL_PREFIX = "rumpns_"  # of every name of NetBSD's kernel


@dataclass(frozen=True, slots=True)
class Oven:
    """What an image is baked with: a toolchain, a configuration, libraries `added` to it, what
    traces its hypercalls, None if nothing does, and the `file` the configuration is in, None for
    the toolchain's own."""

    toolchain: RumprunToolchain
    configuration: BakeConfiguration
    added: tuple[str, ...] = ()
    trace: OwnParts | None = None
    file: Path | None = None

    @property
    def components(self) -> tuple[str, ...]:
        """All that is linked, in order, each once."""
        return tuple(dict.fromkeys((*self.configuration.components, *self.added)))


def check_programs(programs: Sequence[Compiled], toolchain: RumprunToolchain) -> BakeRecipe:
    """Return the recipe of programs that can be baked together.

    Raises UsageError if they are too many, or another toolchain made one;
    ImageError if one is no program of Rumprun's.
    """
    if len(programs) > MOST_PROGRAMS:
        raise UsageError(f"an image has at most {MOST_PROGRAMS} programs; these are "
                         f"{len(programs)}", next_step="make two images")
    recipes = [_recipe(one, toolchain) for one in programs]
    return recipes[0]


def _recipe(program: Compiled, toolchain: RumprunToolchain) -> BakeRecipe:
    found = program_recipe(program.file)
    if found.tooldir.resolve() != toolchain.prefix.resolve():
        raise UsageError(f"{program.name} was compiled by the toolchain in {found.tooldir}, and "
                         f"the one in use is in {toolchain.prefix}",
                         next_step=f"set RUMPRUN_PREFIX={found.tooldir}, or compile it again")
    return found


def _in_short(found: list[Diagnostic]) -> list[Diagnostic]:
    """Return what a linker said; of names that only parts of NetBSD's kernel want, in one."""
    inside = [one for one in found if f"symbol `{KERNEL_PREFIX}" in one.message]
    if not inside or len(inside) < len(found):
        return found
    name = inside[0].message.split("`")[1].split("'")[0].split("`")[0].removeprefix(KERNEL_PREFIX)
    others = f" and {len(inside) - 1} more" if len(inside) > 1 else ""
    return [Diagnostic("", 0, 0, "error", "a component calls what another one would define: "
                       f"{name}{others}")]


def bake(name: str, programs: Sequence[Compiled], oven: Oven, folder: Path,
         lines: SourceLines) -> tuple[Baked, str]:
    """Make the image called `name` in `folder`, in which the programs are; return how, and what
    rumprun-bake said.

    `lines` finds the text of the programs' sources.  Raises BuildError, with the component that
    would help as its next step; UsageError and ImageError as `check_programs` does.
    """
    recipe = check_programs(programs, oven.toolchain)
    full, map_file = entry_files(name)[0], link_files(name)[0]
    mends = mends_for(one.file for one in programs)
    own_parts = [mending_parts(mends, oven.toolchain), *([oven.trace] if oven.trace else ())]
    tokens = [f"-Wl,-Map={map_file}",
              *(one if "/" in one else f"-l{one}" for one in oven.added),
              *(word for parts in own_parts for word in parts.bring(folder))]
    own = ["-c", str(oven.file)] if oven.file else []
    command = [str(oven.toolchain.bake), *own, "-m", f"add {' '.join(tokens)}",
               oven.configuration.name, full,
               *(one.file.name for one in keep_apart(programs, oven.toolchain, folder))]
    code, output = run_tool(command, cwd=folder, env={**QUIET, "TMPDIR": str(folder)})
    log = quiet(output.replace(f"{folder}/", ""))
    if code or not (folder / full).exists():
        hint = missing_component(output, oven.toolchain, oven.configuration)
        found = parse_linker(log, lines, missing_library(oven.toolchain))
        raise failure(name, command, _in_short(found), log, hint)
    return Baked(
        oven.configuration.name, oven.components, oven.added,
        tuple(BakedProgram(one.name, one.file, one.map) for one in programs),
        oven.trace is not None, recipe, repr(oven.toolchain), tuple(command),
        tuple(mend.what for mend in mends)), log
