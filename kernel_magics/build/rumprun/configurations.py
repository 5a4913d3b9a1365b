"""What rumprun-bake can bake: its configurations, each with its components."""

import json
import os
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from kernel_magics.build.baked import faction_of
from kernel_magics.build.cache import digest, file_digest
from kernel_magics.build.rumprun.toolchain import QUIET, RumprunToolchain, find_rumprun
from kernel_magics.build.toolchain import run_tool
from kernel_magics.errors import BuildError, UsageError
from kernel_magics.places import cache_dir

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BakeConfiguration", "BakeList", "bake_configurations", "check_configuration",
           "find_bake", "list_bakes", "split_bake"]

_LINE = re.compile(r"^(\w+)\s*: (.*)$")


@dataclass(frozen=True)
class BakeConfiguration:
    """One configuration: its `name`, what it is for, and its `components`, in link order.

    Components are libraries of rump kernel parts ("rumpnet_netinet"), without the "-l";
    `missing` are those of them that the toolchain was built without.
    """

    name: str
    description: str
    components: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @property
    def is_bootable_here(self) -> bool:
        """Whether it is for machines ("hw_…", or for any platform) and not for Xen."""
        return not self.name.startswith("xen_")

    @property
    def df(self) -> "pd.DataFrame":
        """A row for each component in link order: component, faction, is_installed."""
        import pandas as pd

        return pd.DataFrame({
            "component": self.components, "faction": [faction_of(x) for x in self.components],
            "is_installed": [name not in self.missing for name in self.components]})

    def __repr__(self) -> str:
        factions: dict[str, list[str]] = {}
        for name in self.components:
            factions.setdefault(faction_of(name), []).append(name)
        width = max(map(len, factions), default=0)
        return "\n".join([_row(self, len(self.name)), *(
            f"  {faction:<{width}}  {' '.join(names)}" for faction, names in factions.items())])


class BakeList(tuple[BakeConfiguration, ...]):
    """The configurations of a toolchain, shown as a table."""

    @property
    def df(self) -> "pd.DataFrame":
        """A row for each configuration: name (index), description, is_bootable_here, components,
        missing."""
        import pandas as pd

        return pd.DataFrame({"description": [one.description for one in self],
                             "is_bootable_here": [one.is_bootable_here for one in self],
                             "components": [" ".join(one.components) for one in self],
                             "missing": [" ".join(one.missing) for one in self]},
                            index=pd.Index([one.name for one in self], name="configuration"))

    def find(self, name: str) -> BakeConfiguration:
        """Return a configuration by name; raises UsageError with those there are."""
        found = next((one for one in self if one.name == name.replace("-", "_")), None)
        if found is None:
            names = ", ".join(one.name for one in self if one.is_bootable_here)
            raise UsageError(f"rumprun-bake has no configuration {name!r}",
                             next_step=f"use {names}")
        return found

    def __repr__(self) -> str:
        width = max((len(one.name) for one in self), default=0)
        return "\n".join(_row(one, width) for one in self)


def _row(one: BakeConfiguration, width: int) -> str:
    count = len(one.components)
    notes = [f"{count} component{'s' if count != 1 else ''}"]
    if not one.is_bootable_here:
        notes.append("for Xen")
    elif one.missing:
        notes.append(f"not installed: {', '.join(one.missing)}")
    return f"{one.name:<{width}}  {one.description} ({'; '.join(notes)})"


def list_bakes() -> BakeList:
    """Return the configurations of the toolchain that is installed; raises HostError."""
    return bake_configurations(find_rumprun())


def find_bake(given: str) -> BakeConfiguration:
    """Return a configuration of the installed toolchain, by name, or by FILE:NAME one of the
    user's.  Raises UsageError for one that is not there, HostError without a toolchain."""
    file, name = split_bake(given)
    return bake_configurations(find_rumprun(), file).find(name)


def bake_configurations(toolchain: RumprunToolchain, file: Path | None = None) -> BakeList:
    """Return what `rumprun-bake list` and `describe` say, in its order.

    `file` is a file of further configurations, of the user's.  The answer is kept in the cache
    until the toolchain or the file is replaced.  Raises BuildError with the script's output if
    it fails.
    """
    return _configurations(toolchain, file, file_digest(file) if file else "")


@lru_cache(maxsize=8)
def _configurations(toolchain: RumprunToolchain, file: Path | None, text: str) -> BakeList:
    key = digest("1", toolchain.identity, text)
    place = cache_dir() / "rumprun" / f"{key[:24]}.json"
    with suppress(OSError, ValueError, TypeError, KeyError):
        return _read(place)
    found = []
    more = ["-c", str(file)] if file else []
    for line in _ask(toolchain, *more, "list").splitlines():
        if match := _LINE.match(line.strip()):
            words = _ask(toolchain, *more, "describe", match[1]).split()
            names = tuple(word.removeprefix("-l") for word in words)
            missing = [name for name in names if toolchain.library(name) is None]
            found.append(BakeConfiguration(match[1], match[2], names, tuple(missing)))
    _write(place, found)
    return BakeList(found)


def _read(place: Path) -> BakeList:
    rows = json.loads(place.read_text("utf-8"))
    return BakeList(BakeConfiguration(row["name"], row["description"], tuple(row["components"]),
                                      tuple(row["missing"])) for row in rows)


def _write(place: Path, found: Sequence[BakeConfiguration]) -> None:
    with suppress(OSError):  # it is only asked again, then
        place.parent.mkdir(exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump([asdict(one) for one in found], stream)
        os.replace(temporary, place)


def _ask(toolchain: RumprunToolchain, *arguments: str) -> str:
    command = [str(toolchain.bake), *arguments]
    code, output = run_tool(command, env=QUIET)
    if code:
        raise BuildError(f"{' '.join(command)} fails:\n{output.strip()}", diagnostics=(),
                         log=output, command=command,
                         next_step="look at the file of configurations, by default "
                                   "etc/rumprun-bake.conf in the prefix")
    return output


def split_bake(given: str) -> tuple[Path | None, str]:
    """Split "mine.conf:hw_mine" into a file of configurations and a name; no file without it.

    Raises UsageError for a file that is not there.
    """
    file, colon, name = given.rpartition(":")
    if not colon:
        return None, given
    path = Path(file).expanduser().absolute()
    if not path.is_file():
        raise UsageError(f"there is no file of bake configurations {file}",
                         next_step="give FILE:NAME, or the name of one that %rumpbake lists")
    return path, name


def check_configuration(toolchain: RumprunToolchain, given: str) -> BakeConfiguration:
    """Return a configuration that can be baked and booted here: a name, or FILE:NAME.

    Raises UsageError for one that is not there, is for Xen, or of which parts are not installed.
    """
    file, name = split_bake(given)
    found = bake_configurations(toolchain, file).find(name)
    if not found.is_bootable_here:
        raise UsageError(f"{name} is for Xen, which the lab does not boot",
                         next_step="bake hw_virtio or hw_generic")
    if found.missing:
        raise UsageError(f"{name} cannot be baked: the toolchain in {toolchain.prefix} was built "
                         f"without {', '.join(found.missing)}", next_step="bake another one: "
                         "lab.bakes lists them")
    return found
