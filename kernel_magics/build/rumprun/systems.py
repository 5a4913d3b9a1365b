"""The build systems of projects: which one a folder has, and how it is told about Rumprun.

Source: the manuals of CMake (cmake-toolchains), GNU Autoconf (Specifying Target Triplets,
Preset Output Variables) and GNU make (Overriding Variables).
"""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.build.parts import Project
from kernel_magics.build.rumprun.toolchain import TUPLE, RumprunToolchain
from kernel_magics.errors import UsageError

__all__ = ["Flags", "Step", "SYSTEMS", "find_system", "steps_of"]

MAKEFILES = ("GNUmakefile", "makefile", "Makefile")  # in the order in which make looks
SYSTEMS = ("cmake", "configure", "make")
_MAKE = ("make", "--output-sync=target")
PACKAGES = {"cmake": "cmake", "configure": "autoconf automake", "make": "make"}


@dataclass(frozen=True, slots=True)
class Flags:
    """What the compiler is given in a project: `always`, and what the user added."""

    always: tuple[str, ...]
    cflags: tuple[str, ...] = ()
    ldflags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a build: what it does, in a word, the command, and variables for it.

    A step that `is_once` is left out after it was done.
    """

    name: str
    command: tuple[str, ...]
    env: dict[str, str]
    is_once: bool = False


def find_system(project: Project) -> str:
    """Return which build system a project is built with; raises UsageError if it has none."""
    folder = project.folder
    has = {"cmake": (folder / "CMakeLists.txt").is_file(),
           "configure": (folder / "configure").is_file(),
           "make": any((folder / name).is_file() for name in MAKEFILES)}
    if project.system:
        if project.system not in SYSTEMS:
            raise UsageError(f"no such build system: {project.system!r}",
                             next_step=f"there are {', '.join(SYSTEMS)}")
        if not has[project.system]:
            raise UsageError(f"{folder} has nothing for {project.system}",
                             next_step=_what_is_there(has))
        return project.system
    # A configure script that ran here leaves a Makefile: what makes files comes first.
    if has["configure"] or has["cmake"] or has["make"]:
        return next(name for name in SYSTEMS if has[name])
    raise UsageError(f"{folder} has no CMakeLists.txt, configure or Makefile: nothing says how "
                     "it is built", next_step=_advice(folder))


def _what_is_there(has: dict[str, bool]) -> str:
    there = [name for name in SYSTEMS if has[name]]
    return f"it has files for {', '.join(there)}" if there else "it has no build file at all"


def _advice(folder: Path) -> str:
    if (folder / "configure.ac").is_file() or (folder / "configure.in").is_file():
        return (f"it has the source of a configure script; make the script: cd {folder} && "
                "autoreconf --install")
    sources = sorted(path.name for path in folder.iterdir()
                     if path.suffix in (".c", ".cc", ".cpp"))
    if sources:
        return f"name its source files instead: {' '.join(sources[:4])}" \
            + (" …" if len(sources) > 4 else "")
    inside = sorted(path.parent.name for name in ("CMakeLists.txt", "configure", "Makefile")
                    for path in folder.glob(f"*/{name}"))
    return f"did you mean the folder {inside[0]} in it?" if inside else \
        "write a Makefile, or name source files"


def steps_of(system: str, project: Project, toolchain: RumprunToolchain, source: Path,
             flags: Flags) -> list[Step]:
    """Return the commands that build a project whose sources are in the folder `source`.

    They run in a folder beside it for CMake, and in `source` otherwise.
    """
    made = {"cmake": _cmake, "configure": _configure, "make": _make}[system]
    return made(project, toolchain, source, flags)


def _environment(toolchain: RumprunToolchain) -> dict[str, str]:
    return {"PATH": f"{toolchain.prefix / 'bin'}:{os.environ.get('PATH', os.defpath)}"}


def _jobs() -> str:
    return f"-j{os.cpu_count() or 1}"


def _cmake(project: Project, toolchain: RumprunToolchain, source: Path,
           flags: Flags) -> list[Step]:
    words = shlex.join([*flags.always, *flags.cflags])
    settings = [f"-DCMAKE_TOOLCHAIN_FILE={toolchain.cmake_file}", f"-DCMAKE_C_FLAGS={words}",
                f"-DCMAKE_CXX_FLAGS={words}", "-DBUILD_SHARED_LIBS=OFF",
                *([f"-DCMAKE_EXE_LINKER_FLAGS={shlex.join(flags.ldflags)}"]
                  if flags.ldflags else [])]
    if not any(one.startswith("-DCMAKE_BUILD_TYPE") for one in project.settings):
        settings.append("-DCMAKE_BUILD_TYPE=RelWithDebInfo")
    env = _environment(toolchain)
    goals = [word for goal in project.goals for word in ("--target", goal)]
    return [Step("cmake", ("cmake", "-S", str(source), "-B", ".", "-G", "Unix Makefiles",
                           "--no-warn-unused-cli", *settings, *project.settings), env,
                 True),
            Step("make", ("cmake", "--build", ".", _jobs(), *goals), env)]


def _configure(project: Project, toolchain: RumprunToolchain, source: Path,
               flags: Flags) -> list[Step]:
    words = [*flags.always, *flags.cflags]
    env = {**_environment(toolchain), "CC": shlex.join([toolchain.compiler.name, *words]),
           "CHOST": TUPLE, **_binutils()}
    if toolchain.cxx:
        env["CXX"] = shlex.join([toolchain.cxx.name, *words])
    if flags.ldflags:
        env["LIBS"] = shlex.join(flags.ldflags)
    told = []
    if b"Autoconf" in (source / "configure").read_bytes()[:4096]:
        told = [f"--host={TUPLE}", "--disable-shared", "--enable-static", "--prefix=/"]
    return [Step("configure", ("sh", "./configure", *told, *project.settings), env,
                 True),
            Step("make", (*_MAKE, _jobs(), *project.goals), env)]


def _make(project: Project, toolchain: RumprunToolchain, source: Path,
          flags: Flags) -> list[Step]:
    words = [*flags.always, *flags.cflags]
    # Not AR and its kind: many Makefiles write "ar rcs" there, and any ar will do.
    told = {"CC": shlex.join([toolchain.compiler.name, *words])}
    if toolchain.cxx:
        told["CXX"] = shlex.join([toolchain.cxx.name, *words])
    if flags.ldflags:
        told["LDLIBS"] = shlex.join(flags.ldflags)
    variables = [f"{name}={value}" for name, value in told.items()]
    return [Step("make", (*_MAKE, _jobs(), *variables, *project.settings, *project.goals),
                 _environment(toolchain))]


def _binutils() -> dict[str, str]:
    return {name.upper(): f"{TUPLE}-{name}" for name in ("ar", "ranlib", "nm", "strip")}
