"""What an image can be built from besides a text: files, folders with a build system, programs
that are compiled already, images built before, and several of them together."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kernel_magics.build.image import GuestImage
from kernel_magics.build.kits import BuildRequest, Source
from kernel_magics.errors import UsageError

__all__ = ["LANGUAGE_OF", "Program", "Project", "read_request"]

LANGUAGE_OF = {".c": "c", ".cc": "c++", ".cpp": "c++", ".cxx": "c++", ".C": "c++"}
MOST_SOURCE_BYTES, MOST_PATH = 16 << 20, 4096
ELF_MAGIC = b"\x7fELF"
_WHAT = ("give the text of a program, a source file or a list of them, a project's folder, a "
         "program that Rumprun's compiler made, or an image")


@dataclass(frozen=True, slots=True)
class Program:
    """One program: made of `sources` in `lang`, or compiled before, in `file`.

    `folders` are where `#include "…"` looks.
    """

    name: str
    sources: tuple[Source, ...] = ()
    lang: str = "c"
    folders: tuple[Path, ...] = ()
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """A folder that CMake, a configure script or make builds programs from.

    `system` is "cmake", "configure" or "make", "" for what the folder has; `settings` go to
    cmake or configure and `goals` to make; `programs` are those to take of what it makes, by
    name, needed if it makes several and none is called like the image.  `name` is what its one
    program is called, "" for what the project calls it.
    """

    folder: Path
    system: str = ""
    settings: tuple[str, ...] = ()
    goals: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """What a build was given, sorted out: the `sources` of the one program, or `parts`.

    `folders` are where the sources' own includes are; `name` is what the image is called if
    nobody says.
    """

    name: str
    sources: tuple[Source, ...] = ()
    parts: tuple[Program | Project, ...] = ()
    folders: tuple[Path, ...] = ()

    @property
    def lang(self) -> str:
        """The language of the files: C++ if one of them is."""
        return "c++" if any(one.lang == "c++" for one in self.sources) else "c"


def read_request(given: Any, name: str | None = None, filename: str | None = None,
                 first_line: int = 1, lang: str = "c", **settings: Any) -> BuildRequest:
    """Return what to build: a program's text, or anything else that holds programs.

    `given` is a text; the path of a source file, of a folder, or of a program that is not baked
    yet; a list of source files (one program) or of images; an image that Rumprun's tools baked;
    or a mapping of program name to any of these (several programs).  `name` is what to call the
    image; `filename` and `first_line` are of a text; `settings` are fields of Project.
    Raises UsageError.
    """
    project = _settings(settings)
    if isinstance(given, str) and not _is_folder(given):
        name = "guest" if name is None else name
        suffix = ".cc" if lang == "c++" else ".c"
        source = Source(given, filename or f"{name}{suffix}", first_line)
        return BuildRequest(name, (source,), lang)
    one = _read(Path(given) if isinstance(given, str) else given, project)
    name = one.name if name is None else name
    parts = tuple(replace(part, name=name) if isinstance(part, Program) and len(one.parts) == 1
                  and not isinstance(given, Mapping | GuestImage) else part for part in one.parts)
    request = BuildRequest(name, one.sources, one.lang, parts=parts)
    if not one.folders:
        return request
    first, *others = one.folders
    return replace(request, folder=first,
                   cflags=tuple(word for path in others for word in ("-iquote", str(path))))


def _settings(given: Mapping[str, Any]) -> Project:
    known = ("system", "settings", "goals", "programs")
    if unknown := sorted(set(given) - set(known)):
        raise UsageError(f"build has no option {unknown[0]!r}",
                         next_step=f"of a project there are {', '.join(known)}; see lab.build?")
    return Project(Path(), given.get("system") or "", _words(given.get("settings")),
                   _words(given.get("goals")), _words(given.get("programs")))


def _words(value: Any) -> tuple[str, ...]:
    return tuple(shlex.split(value) if isinstance(value, str) else value or ())


def _is_folder(text: str) -> bool:
    """Whether a text is the path of a folder: no program is that."""
    return "\n" not in text and len(text) < MOST_PATH and "/" in text and Path(text).is_dir()


def _read(given: Any, project: Project) -> Given:
    if isinstance(given, Mapping):
        return _read_several(given, project)
    if isinstance(given, GuestImage):
        return Given(given.name, parts=_kept(given))
    if isinstance(given, Project | Program):
        name = given.name or (given.folder.resolve().name if isinstance(given, Project) else "")
        return Given(name, parts=(given,))
    if isinstance(given, Sequence) and not isinstance(given, str | bytes) and given:
        return _read_list(given)
    if not isinstance(given, Path):
        raise UsageError(f"nothing can be built from {given!r:.60}", next_step=_WHAT)
    path = given.expanduser().absolute()
    if path.is_dir():
        return Given(path.name, parts=(replace(project, folder=path),))
    if _begins(path, ELF_MAGIC):
        return Given(path.stem, parts=(Program(path.stem, file=path),))
    return Given(path.stem, (_source(path),), folders=(path.parent,))


def _read_several(given: Mapping[Any, Any], project: Project) -> Given:
    parts: list[Program | Project] = []
    for name, what in given.items():
        if isinstance(what, str) and not _is_folder(what):
            one = Given(str(name), (Source(what, f"{name}.c", lang="c"),), folders=(Path.cwd(),))
        else:
            one = _read(Path(what) if isinstance(what, str) else what, project)
        parts += _named(str(name), one)
    if not parts:
        raise UsageError("no program was given", next_step=_WHAT)
    return Given(parts[0].name or "guest", parts=tuple(parts))


def _named(name: str, one: Given) -> list[Program | Project]:
    """Return the parts of one entry, called `name` where it is one program."""
    if one.sources:
        return [Program(name, one.sources, one.lang, one.folders)]
    return [replace(part, name=name) for part in one.parts] if len(one.parts) == 1 \
        else list(one.parts)


def _read_list(given: Sequence[Any]) -> Given:
    """Return one program of several files; a list of images is a program for each of theirs."""
    if all(isinstance(one, GuestImage) for one in given):
        return Given(given[0].name, parts=tuple(part for one in given for part in _kept(one)))
    if not all(isinstance(one, Path) for one in given):
        raise UsageError(f"nothing can be built from {given!r:.60}",
                         next_step="a list holds the paths of one program's source files, or "
                                   "images; for several programs pass {name: what, …}")
    paths = [path.expanduser().absolute() for path in given]
    sources = tuple(map(_source, paths))
    names = [source.filename for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two of the files are called {twice[0]}",
                         next_step="rename one; or write a Makefile, and give the folder")
    return Given(paths[0].stem, sources, folders=tuple(dict.fromkeys(p.parent for p in paths)))


def _kept(image: GuestImage) -> tuple[Program, ...]:
    """Return the programs that an image was baked from."""
    if image.baked is None:
        kind = image.kit or "another kit"
        raise UsageError(f"{image.name} holds no program that could be baked: it was made by "
                         f"{kind}" + (", elsewhere" if image.kit == "rumprun" else ""),
                         next_step='build its program with kit="rumprun" first')
    return tuple(Program(one.name, file=one.file) for one in image.baked.programs)


def _source(path: Path) -> Source:
    lang = LANGUAGE_OF.get(path.suffix)
    if lang is None:
        kinds = ", ".join(LANGUAGE_OF)
        raise UsageError(f"{path} is neither a folder nor a source file ({kinds})"
                         if path.exists() else f"there is no {path}", next_step=_WHAT)
    try:
        if path.stat().st_size > MOST_SOURCE_BYTES:
            raise UsageError(f"{path} is too large for a source file",
                             next_step=f"the most is {MOST_SOURCE_BYTES >> 20} MiB")
        return Source(path.read_text("utf-8", "surrogateescape"), path.name, lang=lang)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise UsageError(f"cannot read {path}: {reason}", next_step=_WHAT) from error


def _begins(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(magic)) == magic
    except OSError:
        return False
