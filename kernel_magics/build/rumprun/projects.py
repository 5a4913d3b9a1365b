"""A project's folder → its programs, compiled for Rumprun by the project's own build system."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kernel_magics.build.cache import digest, disk_errors
from kernel_magics.build.parts import Project
from kernel_magics.build.rumprun.compiling import Compiled, found_from, quiet
from kernel_magics.build.rumprun.mirror import SourceFile, list_sources, mirror, recipe_identity
from kernel_magics.build.rumprun.missing import missing_library
from kernel_magics.build.rumprun.project_log import project_failure, project_warnings
from kernel_magics.build.rumprun.recipe import read_recipe
from kernel_magics.build.rumprun.systems import PACKAGES, Flags, Step, find_system, steps_of
from kernel_magics.build.rumprun.toolchain import QUIET, RumprunToolchain
from kernel_magics.build.toolchain import run_tool
from kernel_magics.errors import BuildError, HostError, ImageError, LabError, UsageError
from kernel_magics.places import cache_dir

__all__ = ["build_project"]

ALWAYS = ("-g", "-fno-omit-frame-pointer")
KEPT_PROJECTS = 12
ELF_MAGIC = b"\x7fELF"
_NOT_PROGRAMS = {"CMakeFiles", ".libs", "autom4te.cache"}
_SUFFIXES = (".rumprun", ".exe")


def build_project(project: Project, toolchain: RumprunToolchain, cflags: Sequence[str],
                  ldflags: Sequence[str], taken: Path, name: str) -> list[Compiled]:
    """Build a project; copy the programs that are to be baked to the folder `taken`, and return
    them in their order.

    Of several programs the one called `name` is taken, unless the project says which.  It is
    built in a copy that is kept, so that the next build compiles only what changed; the
    folder itself is not written to.  Raises UsageError if it has no build file, or makes several
    programs and none was chosen; BuildError (`diagnostics`, `log`, `command`) if a step fails;
    HostError if the build system is not installed.
    """
    system = find_system(project)
    tool = {"configure": "make"}.get(system, system)
    if shutil.which(tool) is None:
        raise HostError(f"{tool} is not installed, and {project.folder} is built with it",
                        next_step=f"sudo apt install {PACKAGES[tool]}")
    files = list_sources(project.folder)
    with _workshop(project, toolchain, files, [system, *cflags, *ldflags]) as place:
        source, built = place / "source", place / "build"
        mirror(project.folder, files, source)
        flags = Flags((*ALWAYS, *_as_users(project, place)),
                      tuple(found_from(cflags, [project.folder])),
                      tuple(found_from(ldflags, [project.folder])))
        where = built if system == "cmake" else source
        where.mkdir(exist_ok=True)
        log = "".join(_run(step, project, toolchain, where, place)
                      for step in steps_of(system, project, toolchain, source, flags))
        return _programs(project, place, taken, log, project.name or name)


def _as_users(project: Project, place: Path) -> list[str]:
    """Return what has debugging data name the user's files instead of the copy's.

    A configure script takes no blank in a flag; a file of flags may hold one.
    """
    flag = f"-ffile-prefix-map={place / 'source'}={project.folder}"
    if " " not in flag:
        return [flag]
    (place / "flags").write_text(f'"{flag}"\n', "utf-8", "surrogateescape")
    return [] if " " in str(place) else [f"@{place / 'flags'}"]


@contextmanager
def _workshop(project: Project, toolchain: RumprunToolchain, files: list[SourceFile],
              options: Sequence[str]) -> Iterator[Path]:
    """Give the folder in which a project is built, to this process alone.

    It is another one for other options, another toolchain or changed build files.  What a build
    that was killed left half made is made again from nothing.
    """
    root = cache_dir() / "projects"
    with disk_errors(root):
        root.mkdir(exist_ok=True)
        place = root / digest("3", str(project.folder), toolchain.identity, project.system,
                              recipe_identity(project.folder, files), *options, "\0",
                              *project.settings, "\0", *project.goals)[:24]
        with (root / f"{place.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            busy = place / "busy"
            if busy.exists():
                shutil.rmtree(place)
            place.mkdir(exist_ok=True)
            (place / "source").mkdir(exist_ok=True)
            busy.touch()
            os.utime(place)
            try:
                yield place
                busy.unlink()
            except LabError:
                busy.unlink()  # what was compiled is as good as ever
                raise
            _prune(root, place)


def _prune(root: Path, current: Path) -> None:
    """Remove the projects that were built the longest ago; one in use holds its lock."""
    kept = sorted((path for path in root.iterdir() if path.is_dir() and path != current),
                  key=lambda path: path.stat().st_mtime)
    for path in kept[:max(0, len(kept) - KEPT_PROJECTS + 1)]:
        lock = root / f"{path.name}.lock"
        with lock.open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            shutil.rmtree(path, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _run(step: Step, project: Project, toolchain: RumprunToolchain, where: Path,
         place: Path) -> str:
    """Do a step in the folder `where`; return what it said, with the user's paths."""
    done = place / f"{step.name}.done"
    if step.is_once and done.exists():
        return ""
    code, output = run_tool(step.command, cwd=where, env={**QUIET, **step.env})
    log = quiet(output.replace(str(place / "source"), str(project.folder))) + "\n"
    if code:
        raise project_failure(step, project, where, log, missing_library(toolchain))
    if step.is_once:
        done.touch()
    return log


def _programs(project: Project, place: Path, taken: Path, log: str,
              hint: str) -> list[Compiled]:
    """Find them anywhere: projects put them beside their sources, or into ../bin."""
    found = {_name(path): path for path in _candidates(place)}
    if not found:
        raise BuildError(f"{project.folder.name} was built, and none of what it made is a program "
                         "of Rumprun's", diagnostics=(), log=log, command=(),
                         next_step=_why_none(place))
    if unknown := [name for name in project.programs if name not in found]:
        raise UsageError(f"{project.folder.name} makes no program {unknown[0]!r}",
                         next_step=f"it makes {', '.join(sorted(found))}")
    chosen = project.programs or tuple(name for name in found if name == hint) or tuple(found)
    if len(chosen) > 1 and not project.programs:
        raise UsageError(f"{project.folder.name} makes {len(found)} programs: "
                         f"{', '.join(sorted(found))}",
                         next_step="choose, in the order in which they are to start: "
                                   f"--program {min(found)}, or programs=[…]")
    warnings = project_warnings(log, project.folder)
    for name in chosen:
        shutil.copyfile(found[name], taken / name)
    return [Compiled(project.name if project.name and len(chosen) == 1 else name, taken / name,
                     None, tuple(warnings) if name == chosen[0] else (),
                     log if name == chosen[0] else "") for name in chosen]


def _candidates(where: Path) -> Iterator[Path]:
    """Yield the programs below a folder: what is linked for Rumprun and has a recipe."""
    for folder, folders, names in os.walk(where):
        folders[:] = sorted(set(folders) - _NOT_PROGRAMS)
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix not in (".o", ".a", ".c", ".h") and _is_elf(path) and _has_recipe(path):
                yield path


def _has_recipe(path: Path) -> bool:
    try:
        return read_recipe(path) is not None
    except ImageError:
        return False


def _is_elf(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(ELF_MAGIC)) == ELF_MAGIC
    except OSError:
        return False


def _name(path: Path) -> str:
    return path.stem if path.suffix in _SUFFIXES else path.name


def _why_none(where: Path) -> str:
    host = next((path for path in sorted(where.rglob("*"))
                 if path.suffix not in (".o", ".a") and path.is_file()
                 and not _NOT_PROGRAMS & set(path.parts) and _is_elf(path)), None)
    if host:
        return (f"{host.name} was made by another compiler: have the project use the compiler it "
                "is given, $(CC) or CMake's")
    return "name what makes the program: --goal TARGET, or goals=[…]"
