"""%%rumpbuild --package: a program of Debian's becomes a bootable image."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kernel_magics.errors import UsageError
from kernel_magics.magics.arguments import Option, nearest
from kernel_magics.magics.progress import progress
from kernel_magics.magics.session import notebook_lab
from kernel_magics.magics.yamlbody import read_body

__all__ = ["PACKAGE_KEYS", "PACKAGE_OPTIONS", "build_packages"]

TITLE = "%%rumpbuild"

PACKAGE_OPTIONS = (
    Option("--package", "a Debian package instead of a program in the cell; the first one runs",
           "PACKAGE", repeat=True, complete="package"),
    Option("--run", "a way the package is known to run, such as serve for php8.2-cli", "WAY",
           complete="run"),
    Option("--contents", "how much of the packages: what the program needs, all but manuals "
           "and the like, or everything", "HOW", choices=("minimal", "full", "all")),
)

PACKAGE_KEYS = ("argv", "env", "files", "copy", "rc", "memory", "keep")


def build_packages(name: str, options: SimpleNamespace, cell: str) -> Any:
    """Make an image of packages, with what the cell's body says; return the GuestImage."""
    settings: dict[str, Any] = {}
    for key, value, line in read_body(cell, first_line=2, title=TITLE):
        where = f"{TITLE}, line {line}"
        if key not in _READERS:
            raise UsageError(f"{where}: no setting is called {key!r}",
                             next_step=nearest(key, PACKAGE_KEYS, "settings"))
        field, read = _READERS[key]
        found = read(value, where)
        settings[field] = {**settings[field], **found} if field in settings else found
    if options.contents:
        settings["contents"] = options.contents
    first, *others = options.package
    with progress(f"building {name} from {first}"):
        return notebook_lab().package(first, name, packages=tuple(others),
                                      run=options.run or "", **settings)


def _words(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise UsageError(f"{where}: a list is expected, not {value!r}",
                         next_step='write [program, "two words"]')
    return tuple(str(word) for word in value)


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where}: a mapping is expected, not {value!r}",
                         next_step="write {name: value}, or one below the other")
    return {str(name): content for name, content in value.items()}


def _texts(value: Any, where: str) -> dict[str, str]:
    return {name: str(text) for name, text in _mapping(value, where).items()}


def _paths(value: Any, where: str) -> dict[str, Path]:
    return {name: Path(text).expanduser() for name, text in _texts(value, where).items()}


def _memory(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{where}: memory is a number of MiB, not {value!r}")
    return value


def _programs(value: Any, where: str) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list):
        raise UsageError(f"{where}: rc is a list of programs, not {value!r}",
                         next_step='write rc: ["redis-server &", "redis-cli ping"]')
    return tuple(_program(one) for one in value)


def _program(one: Any) -> Mapping[str, Any]:
    """Return a program of rc from a command line, its words, or a mapping."""
    if isinstance(one, Mapping):
        return one
    words = [str(word) for word in one] if isinstance(one, list) else shlex.split(str(one))
    runmode = words.pop() if words and words[-1] in ("&", "|") else ""
    return {"argv": words, "runmode": runmode}


_READERS: dict[str, tuple[str, Any]] = {
    "argv": ("argv", _words), "env": ("env", _texts), "files": ("files", _texts),
    "copy": ("files", _paths), "rc": ("rc", _programs), "memory": ("memory_mib", _memory),
    "keep": ("keep", _words),
}
