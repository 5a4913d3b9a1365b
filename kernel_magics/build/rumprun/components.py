"""The components that a toolchain was built with: libraries of parts of NetBSD's kernel."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kernel_magics.build.baked import faction_of
from kernel_magics.build.rumprun.configurations import bake_configurations
from kernel_magics.build.rumprun.toolchain import RumprunToolchain, find_rumprun
from kernel_magics.errors import UsageError, meant, nearest_names

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Component", "ComponentList", "check_component", "list_components"]

# Every image has these: they are no choice.
ALWAYS = {"rump", "rumprun_base"}
# What rumprun-bake's shell script, and this lab's use of it, take as one word.
_PLAIN = re.compile(r"[\w.+/-]+")


@dataclass(frozen=True, slots=True)
class Component:
    """One component: its `name`, as `--component` takes it, its `faction`, the size of its
    archive (with debugging data), and the `configurations` that have it."""

    name: str
    faction: str
    archive: Path
    size_bytes: int
    configurations: tuple[str, ...]


class ComponentList(tuple[Component, ...]):
    """The components of a toolchain by faction and name, shown as a table."""

    @property
    def df(self) -> "pd.DataFrame":
        """A row for each: component (index), faction, size_bytes, configurations, archive."""
        import pandas as pd

        return pd.DataFrame({"faction": [one.faction for one in self],
                             "size_bytes": [one.size_bytes for one in self],
                             "configurations": [" ".join(one.configurations) for one in self],
                             "archive": [str(one.archive) for one in self]},
                            index=pd.Index([one.name for one in self], name="component"))

    def __repr__(self) -> str:
        width = max((len(one.name) for one in self), default=0)
        return "\n".join(
            f"{one.faction:<5}  {one.name:<{width}}  "
            f"{' '.join(one.configurations) or 'only with --component'}" for one in self)


def list_components(toolchain: RumprunToolchain | None = None) -> ComponentList:
    """Return the components of a toolchain, by default of the one that is installed.

    Raises HostError if there is none, BuildError if its rumprun-bake fails.
    """
    toolchain = toolchain or find_rumprun()
    configurations = [one for one in bake_configurations(toolchain) if one.is_bootable_here]
    found = []
    for archive in toolchain.platform_folder.glob("librump*.a"):
        name = archive.stem.removeprefix("lib")
        if name not in ALWAYS:
            found.append(Component(name, faction_of(name), archive, archive.stat().st_size, tuple(
                one.name for one in configurations if name in one.components)))
    return ComponentList(sorted(found, key=lambda one: (one.faction, one.name)))


def check_component(toolchain: RumprunToolchain, given: str) -> str:
    """Return what is added to a bake for `given`: the name of a component, with or without
    "-l", or an archive's absolute path.  Raises UsageError for one that is not there."""
    name = given.removeprefix("-l")
    path = Path(name).expanduser()
    if path.suffix == ".a" and path.is_file():
        name = str(path.absolute())
        if not _PLAIN.fullmatch(name):
            raise UsageError(f"rumprun-bake takes no blanks or signs in a path: {name!r}",
                             next_step="rename the archive, or its folder")
        return name
    if toolchain.library(name) is not None and _PLAIN.fullmatch(name):
        return name
    known = [one.name for one in list_components(toolchain)]
    raise UsageError(f"the toolchain has no component {given!r}", next_step=(
        f"{meant(nearest_names(name, known))} lab.components lists them").lstrip())
