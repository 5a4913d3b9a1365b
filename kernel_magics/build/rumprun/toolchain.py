"""An installed Rumprun toolchain: where it is, what it can make, and what is wrong with it.

Source: app-tools/ of github.com/rumpkernel/rumprun: the names that its `install` step gives
to the compilers, to rumprun-bake and to the files below the prefix.
"""

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kernel_magics.build.toolchain import run_tool
from kernel_magics.errors import HostError

__all__ = ["RumprunToolchain", "find_rumprun", "rumprun_problem", "TUPLE", "QUIET"]

TUPLE = "x86_64-rumprun-netbsd"
PREFIX_VARIABLE = "RUMPRUN_PREFIX"
# Its scripts begin with a banner on standard error otherwise.
QUIET = {"RUMPRUN_WARNING_STFU": "please"}
WHERE = ("upstream's instructions are in the README and the wiki of "
         "github.com/rumpkernel/rumprun; set RUMPRUN_PREFIX to where it was installed")
_KERNEL = re.compile(r"^#define\s+__NetBSD_Version__\s+(\d+)", re.MULTILINE)
PARTS = ("bin/rumprun-bake", "etc/rumprun-bake.conf", "rumprun-x86_64/lib", "libexec")
PLATFORM_PARTS = (f"bin/{TUPLE}-objcopy", "rumprun-x86_64/include/stdio.h",
                  "rumprun-x86_64/lib/hw.ldscript", *(f"rumprun-x86_64/lib/rumprun-hw/{name}" for
                  name in ("rumprun.o", "specs-bake", "librump.a", "librumprun_base.a", "libc.a")))
_VERSION = re.compile(r"^_RUMPBAKE_VERSION=(\S+)$", re.MULTILINE)
_PLACE = re.compile(r"--sysroot (\S+)/rumprun-\w+")
_OTHER = re.compile(r"(\w+)-rumprun-netbsd\w*-(?:gcc|clang)$")


@dataclass(frozen=True, slots=True)
class RumprunToolchain:
    """One installed toolchain.

    `prefix` is the folder it was installed to; `compiler` and `cxx` (None: it was built
    without C++) its compiler drivers, `bake` the script that makes images; `version` is that
    of rumprun-bake's configuration format, a date; `identity` changes when it is replaced.
    """

    prefix: Path
    compiler: Path
    cxx: Path | None
    bake: Path
    version: str
    identity: str

    def tool(self, name: str) -> Path:
        """Return the path of one of its tools: "objcopy", "ar", "cookfs" …"""
        return self.prefix / "bin" / f"{TUPLE}-{name}"

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms it was built for: "hw", perhaps "xen"."""
        lib = self.prefix / "rumprun-x86_64" / "lib"
        return tuple(sorted(path.name.removeprefix("rumprun-") for path in lib.glob("rumprun-*")))

    @property
    def kernel(self) -> str:
        """The version of NetBSD whose kernel it has, "7.99.34", "" if its headers do not say."""
        header = self.prefix / "rumprun-x86_64" / "include" / "sys" / "param.h"
        found = _KERNEL.search(_text_of(header))
        if not found:
            return ""
        number = int(found[1])  # sys/param.h: MMmmrrpp00
        parts = (number // 100_000_000, number // 1_000_000 % 100, number // 100 % 100)
        return ".".join(map(str, parts))

    @property
    def backing_version(self) -> str:
        """What the compiler behind its wrapper calls itself, "gcc 12.2.0"."""
        return _backing_version(self.compiler, self.identity)

    @property
    def platform_folder(self) -> Path:
        """The folder of what is linked into images of the platform hw."""
        return self.prefix / "rumprun-x86_64" / "lib" / "rumprun-hw"

    def library(self, name: str) -> Path | None:
        """Return the archive that "-lNAME" means in a bake, None if there is none."""
        if "/" in name or not name:
            return None
        path = self.platform_folder / f"lib{name}.a"
        return path if path.exists() else None

    @property
    def cmake_file(self) -> Path:
        """What CMake is given as CMAKE_TOOLCHAIN_FILE."""
        return self.prefix / "rumprun-x86_64" / "share" / f"{TUPLE}-toolchain.cmake"

    def __repr__(self) -> str:
        languages = "C, C++" if self.cxx else "C"
        return f"Rumprun in {self.prefix}: {TUPLE}, {languages}, rumprun-bake {self.version}"


def rumprun_problem() -> tuple[str, str] | None:
    """Return why there is no usable Rumprun toolchain and what to do; None if there is one."""
    try:
        find_rumprun()
    except HostError as error:
        return error.message, error.next_step
    return None


def find_rumprun() -> RumprunToolchain:
    """Return the toolchain below RUMPRUN_PREFIX, or else the one found through PATH.

    Raises HostError, with where upstream's instructions are, if there is none; naming what
    is missing, if it is installed in part, was moved, or is for another machine.
    """
    prefix = os.environ.get(PREFIX_VARIABLE)
    if prefix:
        return _toolchain(Path(prefix).expanduser().absolute(), f"{PREFIX_VARIABLE}={prefix}")
    for name in (f"{TUPLE}-gcc", "rumprun-bake", "rumprun"):
        if path := shutil.which(name):
            # A tool may be linked to from elsewhere; the prefix is where it really is.
            return _toolchain(Path(path).resolve().parent.parent, f"{name} in PATH")
    raise HostError("upstream Rumprun is not installed here", next_step=WHERE)


def _toolchain(prefix: Path, found_by: str) -> RumprunToolchain:
    folder = prefix / "bin"
    if not folder.is_dir():
        raise HostError(f"there is no Rumprun toolchain in {prefix} ({found_by}): it has no "
                        "folder bin", next_step=WHERE)
    compiler = folder / f"{TUPLE}-gcc"
    if not compiler.exists():
        raise _no_compiler(prefix, found_by)
    bake = folder / "rumprun-bake"
    _check_parts(prefix, PARTS)
    _check_place(prefix, compiler)
    _check_platform(prefix)
    _check_parts(prefix, [*PLATFORM_PARTS, *_named_in(prefix, compiler, bake)])
    cxx = folder / f"{TUPLE}-g++"
    version = _VERSION.search(bake.read_text("utf-8", "replace"))
    return RumprunToolchain(prefix, compiler, cxx if cxx.exists() else None, bake,
                            version[1] if version else "unknown", _identity(prefix, bake))


def _check_parts(prefix: Path, parts: Iterable[str]) -> None:
    missing = [part for part in parts if not (prefix / part).exists()]
    if missing:
        raise HostError(f"the Rumprun toolchain in {prefix} is installed in part: "
                        f"{', '.join(missing)} missing",
                        next_step="finish its installation: build-rr.sh hw build install")


def _named_in(prefix: Path, *scripts: Path) -> list[str]:
    """Return the tools below the prefix that scripts call by their whole path.

    The C compiler's script names the C++ compiler too, which may not have been built.
    """
    place = re.compile(re.escape(str(prefix)) + r"/(libexec/[\w./+-]+)")
    texts = (_text_of(script) for script in scripts)
    return sorted({os.path.normpath(name) for text in texts for name in place.findall(text)
                   if not name.endswith("++")})


def _no_compiler(prefix: Path, found_by: str) -> HostError:
    others = sorted({match[1] for path in (prefix / "bin").iterdir()
                     if (match := _OTHER.match(path.name))})
    if others:
        return HostError(f"the Rumprun toolchain in {prefix} makes guests for "
                         f"{', '.join(others)}; the lab runs x86_64",
                         next_step="build one with an x86_64 compiler, and set RUMPRUN_PREFIX")
    return HostError(f"the Rumprun toolchain in {prefix} ({found_by}) is installed in part: "
                     f"bin/{TUPLE}-gcc missing",
                     next_step="finish its installation: build-rr.sh hw build install")


def _check_place(prefix: Path, compiler: Path) -> None:
    """Its scripts hold the absolute prefix; one that was moved calls what is not there."""
    place = _PLACE.search(compiler.read_text("utf-8", "replace"))
    if place and not Path(place[1]).exists():
        raise HostError(f"the Rumprun toolchain in {prefix} was made for {place[1]}, which is "
                        "not there: it cannot be moved",
                        next_step=f"move it back, or link {place[1]} to {prefix}")
    # (one made of links to another's files is that one, in part)
    if place and compiler.resolve().parent.parent != Path(place[1]).resolve():
        raise HostError(f"the Rumprun toolchain in {prefix} is a copy of the one in "
                        f"{place[1]}: its scripts call that one's tools",
                        next_step=f"set RUMPRUN_PREFIX={place[1]}")


def _check_platform(prefix: Path) -> None:
    lib = prefix / "rumprun-x86_64" / "lib"
    if not (lib / "rumprun-hw").is_dir():
        built = sorted(path.name.removeprefix("rumprun-") for path in lib.glob("rumprun-*"))
        raise HostError(f"the Rumprun toolchain in {prefix} has no platform hw (it has "
                        f"{', '.join(built) or 'none'}), and the lab's machines are that",
                        next_step="build it too: build-rr.sh hw build install")


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


@lru_cache(maxsize=4)
def _backing_version(compiler: Path, identity: str) -> str:
    code, text = run_tool([str(compiler), "-dumpfullversion", "-dumpversion"], env=QUIET)
    version = text.strip().splitlines()[-1:] or ["of an unknown version"]
    return f"gcc {version[0]}" if not code else "does not run"


def _identity(prefix: Path, bake: Path) -> str:
    """Return a text that differs once the toolchain was built again."""
    files = [bake, prefix / "etc" / "rumprun-bake.conf",
             *sorted((prefix / "rumprun-x86_64" / "lib" / "rumprun-hw").glob("*.[ao]"))]
    return ";".join(f"{file} {stat.st_size} {stat.st_mtime_ns}"
                    for file in files if (stat := file.stat()))
