"""What a guest of packages is to be made of, as its user says it; and whether it can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from kernel_magics.build.kits import check_name
from kernel_magics.errors import UsageError

__all__ = ["PackageRequest", "HostFile", "host_files"]

RC_KEYS = {"bin", "argv", "runmode", "workdir"}
RUN_MODES = ("", "&", "|")


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """A guest that runs a program of Debian packages.

    `packages`: names, the first is the one that runs; also NAME=VERSION.  `name` is the
    image's, by default the first package's.  `argv` is what runs, with argv[0]; `run` a way
    the package is known to run; `rc` several programs, each {"bin", "argv", "runmode",
    "workdir"}.  `files` are put into the root: path → bytes, text, or a Path on this
    machine, of a file or a folder.  `contents` is "minimal", "full" or "all" (contents.py),
    `keep` names packages to take as a whole.  `refresh` looks for newer versions.
    """

    packages: tuple[str, ...]
    name: str = ""
    argv: tuple[str, ...] = ()
    run: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    rc: tuple[Mapping[str, Any], ...] = ()
    files: Mapping[str, bytes | str | Path] = field(default_factory=dict)
    contents: str = "minimal"
    keep: tuple[str, ...] = ()
    memory_mib: int = 0
    refresh: bool = False

    @property
    def image_name(self) -> str:
        """What the image is called."""
        return self.name or self.packages[0].partition("=")[0].replace("+", "-")

    def check(self) -> "PackageRequest":
        """Return itself; raises UsageError naming what is wrong."""
        _words("packages", self.packages, "a package's name, such as lua5.4")
        if not self.packages:
            raise UsageError("no package is named", next_step="name one, such as lua5.4")
        check_name(self.image_name)
        _words("argv", self.argv, 'a list of texts, such as ["lua5.4", "-v"]')
        _words("keep", self.keep, "a list of packages")
        if isinstance(self.memory_mib, bool) or not isinstance(self.memory_mib, int) \
                or self.memory_mib < 0:
            raise UsageError(f"memory_mib={self.memory_mib!r} is not a number of MiB")
        _texts("env", self.env)
        if self.argv and self.rc:
            raise UsageError("argv and rc both say what runs", next_step="leave one out")
        for program in self.rc:
            _check_program(program)
        for path in self.files:
            if not isinstance(path, str) or not path.startswith("/") or "\0" in path or \
                    ".." in PurePosixPath(path).parts or len(PurePosixPath(path).parts) < 2:
                raise UsageError(f"not a path in the guest: {path!r}",
                                 next_step="use absolute paths, such as /srv/index.html")
        return self


@dataclass(frozen=True, slots=True)
class HostFile:
    """A file to put into the root: its path there, its contents and permissions."""

    path: str
    data: bytes
    mode: int


def host_files(files: Mapping[str, bytes | str | Path]) -> list[HostFile]:
    """Return `files` read, a folder as the files below it, sorted by path.

    Raises UsageError for a file that cannot be read, or something else than a file.
    """
    found: dict[str, HostFile] = {}
    for path, content in files.items():
        for one in _read(path.rstrip("/"), content):
            found[one.path] = one
    return [found[path] for path in sorted(found)]


def _read(path: str, content: bytes | str | Path) -> list[HostFile]:
    if isinstance(content, bytes | str):
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        return [HostFile(path, data, 0o644)]
    if not isinstance(content, Path):
        raise UsageError(f"the contents of {path} are bytes, a text or a Path, not {content!r}",
                         next_step="pass Path(…) for a file of this machine")
    try:
        if content.is_dir():
            return [one for below in sorted(content.rglob("*")) if below.is_file()
                    for one in _read(f"{path}/{below.relative_to(content)}", below)]
        mode = 0o755 if content.stat().st_mode & 0o100 else 0o644
        return [HostFile(path, content.read_bytes(), mode)]
    except OSError as error:
        raise UsageError(f"cannot read {content}: {(error.strerror or str(error)).lower()}",
                         next_step="check the path and its permissions") from error


def _words(what: str, value: Sequence[str], meaning: str) -> None:
    if isinstance(value, str) or not all(isinstance(word, str) and "\0" not in word
                                         for word in value):
        raise UsageError(f"{what} is {meaning}; not {value!r}")


def _texts(what: str, value: Mapping[str, str]) -> None:
    for name, text in value.items():
        if not isinstance(name, str) or not isinstance(text, str) or not name or "=" in name \
                or "\0" in name + text:
            raise UsageError(f"{what} holds {name!r}: {text!r}, which is not a variable",
                             next_step='pass texts, such as {"NAME": "value"}')


def _check_program(program: Mapping[str, Any]) -> None:
    unknown = sorted(set(program) - RC_KEYS)
    if unknown:
        raise UsageError(f"a program of rc has no setting {unknown[0]!r}",
                         next_step=f"there are {', '.join(sorted(RC_KEYS))}")
    _words("argv of a program of rc", program.get("argv", ()), "a list of texts")
    if not program.get("argv"):
        raise UsageError(f"a program of rc has no argv: {dict(program)!r}",
                         next_step='pass {"argv": ["program", "argument"]}')
    if program.get("runmode", "") not in RUN_MODES:
        raise UsageError(f"runmode {program['runmode']!r} is not known", next_step=(
            'use "" to wait for it, "&" to go on at once, "|" to send its output to the next'))
