"""A copy of a project's folder that a build may write into; the user's own is only read.

The copy is kept from build to build, and only what changed is copied again, so that make sees
which sources are newer than their objects.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.build.cache import digest
from kernel_magics.build.kits import Source
from kernel_magics.build.parts import LANGUAGE_OF
from kernel_magics.errors import UsageError

__all__ = ["SourceFile", "list_sources", "mirror", "read_texts", "recipe_identity",
           "tree_identity"]

MOST_FILES, MOST_BYTES, MOST_DEPTH = 50_000, 1 << 30, 64
MOST_TEXT_BYTES = 32 << 20
ELF_MAGIC = b"\x7fELF"
# What version control, CMake and configure keep in a folder that was built in.
_SKIPPED_FOLDERS = {".git", ".hg", ".svn", "CMakeFiles", "autom4te.cache", "__pycache__",
                    ".ipynb_checkpoints"}
_SKIPPED_FILES = {"CMakeCache.txt", "config.cache", "config.status", "config.log"}
# Files that say how a project is built: when one changes, it is built from nothing.
_BUILD_FILES = {"CMakeLists.txt", "configure", "Makefile", "makefile", "GNUmakefile",
                "Makefile.in", "config.h.in"}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a project: its `path` below the folder, `size_bytes`, `modified_ns` and `mode`."""

    path: str
    size_bytes: int
    modified_ns: int
    mode: int


def list_sources(folder: Path) -> list[SourceFile]:
    """Return the files of a project, by path, without what an earlier build left in it.

    Objects and programs are left out: made for this machine, they would be linked into guests.
    Archives are kept.  Raises UsageError for a folder that is none or is too large.
    """
    found: list[SourceFile] = []
    total = 0
    try:
        for one in _walk(folder, folder, 0):
            total += one.size_bytes
            found.append(one)
            if len(found) > MOST_FILES or total > MOST_BYTES:
                raise UsageError(f"{folder} is too large for a project: more than {MOST_FILES} "
                                 f"files or {MOST_BYTES >> 20} MiB",
                                 next_step="name the folder that has the build file")
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise UsageError(f"cannot read the project {folder}: {reason} ({error.filename})",
                         next_step="name a folder that can be read") from error
    return sorted(found, key=lambda one: one.path)


def read_texts(folder: Path) -> list[Source]:
    """Return the C and C++ texts of a project, as far as they are not too large to look through."""
    found: list[Source] = []
    room = MOST_TEXT_BYTES
    for one in list_sources(folder):
        if Path(one.path).suffix in {*LANGUAGE_OF, ".h", ".hh", ".hpp"} and one.size_bytes <= room:
            room -= one.size_bytes
            text = (folder / one.path).read_text("utf-8", "replace")
            found.append(Source(text, one.path))
    return found


def _walk(folder: Path, root: Path, depth: int) -> Iterator[SourceFile]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink() and not entry.is_file():
                continue  # a link to a folder may lead round in a circle
            if entry.is_dir():
                if entry.name not in _SKIPPED_FOLDERS and depth < MOST_DEPTH and \
                        not Path(entry.path, "CMakeCache.txt").exists():
                    yield from _walk(Path(entry.path), root, depth + 1)
            elif entry.is_file() and entry.name not in _SKIPPED_FILES \
                    and not _is_built(entry.path):
                facts = entry.stat()
                yield SourceFile(str(Path(entry.path).relative_to(root)), facts.st_size,
                                 facts.st_mtime_ns, stat.S_IMODE(facts.st_mode))


def _is_built(path: str) -> bool:
    with open(path, "rb") as stream:
        return stream.read(len(ELF_MAGIC)) == ELF_MAGIC


def tree_identity(files: list[SourceFile]) -> str:
    """Return a text that differs once a file was changed, added or removed."""
    return digest(*(part for one in files for part in (
        one.path, str(one.size_bytes), str(one.modified_ns), str(one.mode))))


def recipe_identity(folder: Path, files: list[SourceFile]) -> str:
    """Return a text that differs once a file changed that says how the project is built."""
    told = [one for one in files if Path(one.path).name in _BUILD_FILES
            or one.path.endswith((".cmake", ".mk", ".am", ".ac"))]
    return digest(*(part for one in told
                    for part in (one.path, (folder / one.path).read_bytes())))


def mirror(folder: Path, files: list[SourceFile], place: Path) -> None:
    """Make the `files` in `place` what they are in `folder`, and remove those that are gone.

    What builds made in `place` stays.  The list of what was copied is kept beside it.
    """
    listed = place.with_name(f"{place.name}.files")
    before = _listed(listed)
    # The oldest first: those that changed are to be as new as each other, or in their order.
    for one in sorted(files, key=lambda one: one.modified_ns):
        target = place / one.path
        if before.get(one.path) != _mark(one) or not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                target.unlink()
            shutil.copyfile(folder / one.path, target)
            target.chmod(one.mode | stat.S_IWUSR)
            if one.path not in before:  # a changed one is newer than its object
                os.utime(target, ns=(one.modified_ns, one.modified_ns))
    for gone in before.keys() - {one.path for one in files}:
        (place / gone).unlink(missing_ok=True)
    listed.write_text("".join(f"{_mark(one)} {one.path}\n" for one in files), "utf-8",
                      "surrogateescape")


def _mark(one: SourceFile) -> str:
    return f"{one.size_bytes},{one.modified_ns},{one.mode}"


def _listed(path: Path) -> dict[str, str]:
    try:
        text = path.read_text("utf-8", "surrogateescape")
    except OSError:
        return {}
    return {name: mark for mark, _, name in (line.partition(" ") for line in text.splitlines())}
