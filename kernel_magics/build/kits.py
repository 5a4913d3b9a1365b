"""What a kit is: something that turns sources into a bootable image."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kernel_magics.errors import UsageError

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage
    from kernel_magics.build.parts import Program, Project

__all__ = ["BuildRequest", "KITS", "Kit", "Source", "check_name", "find_kit"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# Options after which the compiler stops early, or writes another kind of file elsewhere.
NO_PROGRAM = {"-c", "-S", "-E", "-M", "-MM", "-o", "-r", "-shared", "-pie", "-static-pie",
              "-fsyntax-only", "--help", "--version", "-###"}
LANGUAGES = {"c": ".c", "c++": ".cc"}


@dataclass(frozen=True, slots=True)
class Source:
    """One source text.

    `filename` is what diagnostics and debugging data call it; `first_line` is the
    number of the text's first line there (2 when line 1 of the cell is the magic); `lang` is
    its language, "" for that of the build.
    """

    text: str
    filename: str
    first_line: int = 1
    lang: str = ""

    def line(self, number: int) -> str:
        """Return line `number` as the user counts them, or "" outside the text."""
        lines = self.text.splitlines()
        index = number - self.first_line
        return lines[index] if 0 <= index < len(lines) else ""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build.

    `folder` is where `#include "…"` looks after the source itself; `whole` keeps parts of the
    kit's runtime that the program does not ask for (the network, disks and shares).

    For Rumprun: `bake` is a configuration and `components` libraries to add to it; `trace` links
    tracing in; `parts` are programs to bake besides, or instead of, the one made of `sources`,
    in the order in which they start.
    """

    name: str
    sources: tuple[Source, ...]
    lang: str = "c"
    cflags: tuple[str, ...] = ()
    ldflags: tuple[str, ...] = ()
    folder: Path = field(default_factory=Path.cwd)
    whole: bool = False
    bake: str = ""
    components: tuple[str, ...] = ()
    trace: bool = False
    parts: "tuple[Program | Project, ...]" = ()

    def check(self) -> None:
        """Raise UsageError if the name, the language or the sources cannot be built."""
        check_name(self.name)
        if self.lang not in LANGUAGES:
            raise UsageError(f"no such language: {self.lang!r}; there are "
                             f"{', '.join(LANGUAGES)}", next_step='use lang="c" or lang="c++"')
        if not self.parts and not any(source.text.strip() for source in self.sources):
            raise UsageError(f"there is no source text to build {self.name} from",
                             next_step="write a program with a main function in the cell")
        for source in self.sources:
            check_filename(source.filename)
        stopping = sorted(NO_PROGRAM & {*self.cflags, *self.ldflags})
        if stopping:
            raise UsageError(f"{' '.join(stopping)} makes something else than a guest image",
                             next_step="leave it out; use the compiler in a terminal for that")


class Kit(Protocol):
    """A way to make guest images."""

    name: str

    def build(self, request: BuildRequest) -> "GuestImage":
        """Build `request`; raises UsageError, BuildError or HostError."""
        ...


KITS: dict[str, Callable[[], Kit]] = {}
"""Kit name → its constructor; a kit's module adds its own entry."""


def find_kit(name: str = "rumpkit") -> Kit:
    """Return a kit by name; raises UsageError listing those there are."""
    if name not in KITS:
        raise UsageError(f"no such kit: {name!r}; there are {', '.join(sorted(KITS))}",
                         next_step='use kit="rumpkit", which is always there')
    return KITS[name]()


def check_name(name: str) -> str:
    """Return `name` if an image can be called that; raises UsageError saying what may."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"not a name for an image: {name!r}",
                         next_step="use 1 to 64 letters, digits, - _ or ., "
                                   "starting with a letter or digit")
    return name


def check_filename(filename: str) -> None:
    """Raise UsageError if a source file cannot be called `filename` (it becomes a file)."""
    if "/" in filename or filename in ("", ".", "..") or not filename.isprintable():
        raise UsageError(f"not a name for a source file: {filename!r}",
                         next_step="use a plain file name such as hello.c")
