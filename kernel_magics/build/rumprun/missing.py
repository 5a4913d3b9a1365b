"""Which component a program lacks: what the linker did not find, looked up in all libraries."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from kernel_magics.build.rumprun.configurations import BakeConfiguration, bake_configurations
from kernel_magics.build.rumprun.toolchain import RumprunToolchain
from kernel_magics.build.toolchain import run_tool

__all__ = ["for_linux", "how_to_add", "missing_component", "missing_library"]

_UNDEFINED = re.compile(r"undefined reference to `([^']+)'")
_NO_LIBRARY = re.compile(r"cannot find -l(\S+?)(?::|$)", re.MULTILINE)
# Names in glibc's headers; NetBSD's C library has others for the same functions.
_GLIBC = re.compile(r"__\w+_chk|std(?:in|out|err)|__errno_location|__isoc\d\d_\w+|_IO_\w+|"
                    r"__ctype_\w+_loc|__libc_\w+")
_DEFINED = re.compile(r"^\S*/lib(\S+?)\.a:\S+:[0-9a-f]+ [TDBRWVC] (\S+)$", re.MULTILINE)
MOST_SYMBOLS = 64


def missing_library(toolchain: RumprunToolchain) -> str:
    """Return what is said of a library that the linker did not find: those there are."""
    names = sorted({path.stem.removeprefix("lib") for path in _archives(toolchain)
                    if not path.stem.startswith("librump")})
    return f"the toolchain has {', '.join(names)}; others are given with -L and their folder"


def for_linux(output: str) -> str:
    """Return the next step if the linker misses what only glibc has, else ""."""
    found = next((name for name in _UNDEFINED.findall(output) if _GLIBC.fullmatch(name)), "")
    return (f"{found} is glibc's: what calls it was compiled for this machine; compile that with "
            "Rumprun's compiler too") if found else ""


def missing_component(output: str, toolchain: RumprunToolchain, baked: BakeConfiguration) -> str:
    """Return the next step for what a failed link says, "" if no component would help.

    `output` is the linker's, `baked` the configuration that was used.
    """
    if match := _NO_LIBRARY.search(output):
        return _no_library(match[1], toolchain, baked)
    wanted = list(dict.fromkeys(_UNDEFINED.findall(output)))[:MOST_SYMBOLS]
    owners = sorted(_owners(wanted, toolchain) - set(baked.components))
    if not owners:
        return ""
    return f"{', '.join(owners)} would help: {how_to_add(owners, toolchain)}"


def how_to_add(components: Sequence[str], toolchain: RumprunToolchain) -> str:
    """Return what to pass so that an image has these components: a configuration that has them
    all, or the components themselves; or that the toolchain lacks one."""
    lacking = [name for name in components if toolchain.library(name) is None]
    if lacking:
        return f"the toolchain was built without {', '.join(lacking)}"
    fuller = [one.name for one in bake_configurations(toolchain) if one.is_bootable_here
              and not one.missing and set(components) <= set(one.components)]
    return f"--bake {fuller[0]}" if fuller else \
        " ".join(f"--component {name}" for name in components)


def _no_library(name: str, toolchain: RumprunToolchain, baked: BakeConfiguration) -> str:
    if name in baked.components:
        return (f"the configuration {baked.name} names {name}, which this toolchain was built "
                "without; bake another one: lab.bakes lists them")
    return f"lab.components lists the components that {toolchain.prefix} has"


def _archives(toolchain: RumprunToolchain) -> list[Path]:
    return sorted((toolchain.prefix / "rumprun-x86_64" / "lib").rglob("*.a"))


def _owners(symbols: Iterable[str], toolchain: RumprunToolchain) -> set[str]:
    """Return the libraries of the toolchain that define one of these symbols."""
    wanted = set(symbols)
    if not wanted:
        return set()
    archives = map(str, _archives(toolchain))
    _, text = run_tool([str(toolchain.tool("nm")), "-A", "--defined-only", *archives])
    return {library for library, symbol in _DEFINED.findall(text) if symbol in wanted}
