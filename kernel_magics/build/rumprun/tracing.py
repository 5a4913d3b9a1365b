"""Tracing that is baked into an image: our objects, compiled with the user's toolchain.

They are linked with the linker's --wrap, so that a call of a hypercall in the rump kernel, in
the base libraries and in the program comes to a wrapper that counts it and can record it.
What is called within upstream's object of the bmk layer is not to be wrapped: a copy of the
object is linked in which such functions can be replaced, and are still there by another name.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from kernel_magics.build.rumprun.own_objects import OwnParts, made_once, run_in
from kernel_magics.build.rumprun.toolchain import RumprunToolchain
from kernel_magics.errors import BuildError
from kernel_magics.places import images_dir

__all__ = ["trace_parts"]

RECIPE = "2"  # changes when this file makes something else from the same sources
OBJECT, ARGUMENTS = "rumplab-trace.o", "rumplab-trace.args"
CORE = "rumprun.o"  # upstream's name of the object that holds platform, bmk and rumpuser
REPLACED = ("bmk_platform_cpu_block", "bmk_sched_wake")
SECOND_NAME = "rumplab_real_"
# Interrupts use the stack they find, and save no vector registers.
FLAGS = ("-c", "-O2", "-g", "-Wall", "-Wextra", "-ffreestanding", "-mno-red-zone",
         "-mgeneral-regs-only", "-fno-stack-protector", "-fno-strict-aliasing")
_WRAPPER = "__wrap_"
_SYMBOL = re.compile(r"^(?P<value>[0-9a-f]+) g +F (?P<section>\S+)\t[0-9a-f]+ (?P<name>\w+)$",
                     re.MULTILINE)


def trace_parts(toolchain: RumprunToolchain) -> OwnParts:
    """Return the objects of tracing, compiled once for a toolchain and a state of the sources.

    Raises BuildError if the toolchain does not compile them; HostError if the cache cannot be
    written.
    """
    place = made_once("rumprun-trace", toolchain, _sources(), (RECIPE, *FLAGS),
                      lambda folder: _compile(toolchain, folder))
    return OwnParts(tuple(place / name for name in (CORE, OBJECT, ARGUMENTS)),
                    ("-nostartfiles", CORE, OBJECT, f"@{ARGUMENTS}"), place.name)


def _sources() -> Mapping[str, bytes]:
    """Return the files by name: what is compiled, and the headers it includes."""
    own = images_dir() / "rumprun"
    paths = [*sorted(own.glob("trace*.[ch]")), own / "upstream.h",
             images_dir() / "rumpkit" / "include" / "lab_abi.h"]
    return {path.name: path.read_bytes() for path in paths}


def _compile(toolchain: RumprunToolchain, folder: Path) -> None:
    names = [name for name in _sources() if name.endswith(".c")]
    _run([str(toolchain.compiler), *FLAGS, "-I.", f"-fdebug-prefix-map={folder}=rumplab",
          *names], folder)
    objects = [f"{name.removesuffix('.c')}.o" for name in names]
    _run([str(toolchain.tool("ld")), "-r", "-o", OBJECT, *objects], folder)
    table = _run([str(toolchain.tool("nm")), "--defined-only", OBJECT], folder)
    wrapped = sorted(word.removeprefix(_WRAPPER) for line in table.splitlines()
                     if (word := line.split()[-1]).startswith(_WRAPPER))
    # A program may have any name but these.
    kept = [f"--keep-global-symbol={name}" for name in (f"{_WRAPPER}*", *REPLACED)]
    _run([str(toolchain.tool("objcopy")), "--wildcard", *kept, OBJECT], folder)
    _copy_core(toolchain, folder)
    for name in objects:
        (folder / name).unlink()
    (folder / ARGUMENTS).write_text("".join(f"-Wl,--wrap={name}\n" for name in wrapped))


def _copy_core(toolchain: RumprunToolchain, folder: Path) -> None:
    """Copy upstream's object, with second names for functions that are then weak."""
    core = toolchain.prefix / "rumprun-x86_64" / "lib" / "rumprun-hw" / CORE
    table = _run([str(toolchain.tool("objdump")), "-t", str(core)], folder)
    changes = [word for match in _SYMBOL.finditer(table) if match["name"] in REPLACED for word in (
        f"--weaken-symbol={match['name']}",
        f"--add-symbol={SECOND_NAME}{match['name']}={match['section']}:0x{match['value']}"
        ",function,global")]
    _run([str(toolchain.tool("objcopy")), *changes, str(core), CORE], folder)


def _run(command: list[str], folder: Path) -> str:
    code, output = run_in(folder, command)
    if code:
        raise BuildError(f"the trace points do not compile with this toolchain:\n{output.strip()}",
                         diagnostics=(), log=output, command=command,
                         next_step="build without tracing; --trace needs a Rumprun of 2016 or "
                                   "later, platform hw")
    return output
