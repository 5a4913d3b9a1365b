"""What is known about single packages: how their program runs well as a unikernel.

Each folder of images/stacks is called after a package and holds a guest.toml; files below
its folder `root` are put into the guest's root.  Whatever is said there, a user can say
otherwise; a package without a folder runs its program as it is.

    description = "…"          for people
    argv = ["php", "-v"]       what runs
    memory_mib = 64            the RAM it is known to need
    keep = ["tzdata"]          packages of which more than libraries is needed
    folders = ["/var/lib/x"]   [links] "/var/log/x" = "/dev/stderr"   [env] NAME = "value"
    [run.serve]                another way to run it: argv, memory_mib, env
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernel_magics.build.cache import digest
from kernel_magics.errors import BuildError, UsageError, nearest_step
from kernel_magics.places import images_dir

__all__ = ["Stack", "find_stack", "run_names", "stack_names"]

_KEYS = {"description", "argv", "memory_mib", "keep", "folders", "links", "env", "run"}


@dataclass(frozen=True, slots=True)
class Stack:
    """How a package is run; `files` maps a path in the guest to a file of this machine."""

    description: str = ""
    argv: tuple[str, ...] = ()
    memory_mib: int = 0
    keep: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    links: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """A text that changes when anything that goes into the root does."""
        return digest(repr((self.keep, self.folders, sorted(self.links.items()))),
                      *(part for path, file in sorted(self.files.items())
                        for part in (path, file.read_bytes())))


def stack_names() -> list[str]:
    """Return the packages that something is known about."""
    return sorted(path.parent.name for path in _folder().glob("*/guest.toml"))


def run_names() -> list[str]:
    """Return every way that some package is known to run."""
    return sorted({way for package in stack_names()
                   for way in _facts(_folder() / package / "guest.toml").get("run", {})})


def find_stack(package: str, run: str = "") -> Stack:
    """Return how `package` is run, in the way called `run` ("" is the usual one).

    Raises UsageError for a way it has not, BuildError for a damaged guest.toml.
    """
    path = _folder() / package.partition("=")[0] / "guest.toml"
    facts = _facts(path)
    unknown = sorted(set(facts) - _KEYS)
    if unknown:
        raise BuildError(f"{path} has a key that is not known: {unknown[0]}", diagnostics=(),
                         log="", next_step=f"use {', '.join(sorted(_KEYS))}")
    facts |= _way(package, facts.pop("run", {}), run)
    root = path.parent / "root"
    return Stack(
        facts.get("description", ""), tuple(facts.get("argv", ())), facts.get("memory_mib", 0),
        tuple(facts.get("keep", ())), tuple(facts.get("folders", ())), facts.get("links", {}),
        facts.get("env", {}),
        {f"/{file.relative_to(root)}": file for file in sorted(root.rglob("*"))
         if file.is_file()})


def _facts(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BuildError(f"cannot read {path}: {error}", diagnostics=(), log="",
                         next_step="correct that file, or check out the project again") from error


def _way(package: str, ways: dict[str, Any], run: str) -> dict[str, Any]:
    if not run:
        return {}
    if run not in ways:
        raise UsageError(f"{package} has no way to run called {run!r}",
                         next_step=nearest_step(run, ways, "pass argv=[…] instead"))
    return ways[run]


def _folder() -> Path:
    return images_dir() / "stacks"
