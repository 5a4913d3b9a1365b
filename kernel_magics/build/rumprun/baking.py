"""What rumprun-bake can bake: its configurations, each with its components."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from kernel_magics.build.rumprun.toolchain import QUIET, RumprunToolchain
from kernel_magics.build.toolchain import run_tool
from kernel_magics.errors import BuildError, UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BakeConfiguration", "BakeList", "bake_configurations", "check_configuration",
           "MOST_PROGRAMS"]

MOST_PROGRAMS = 8  # the script's own limit
_LINE = re.compile(r"^(\w+)\s*: (.*)$")


@dataclass(frozen=True, slots=True)
class BakeConfiguration:
    """One configuration: its `name`, what it is for, and its `components`, in link order.

    Components are libraries of rump kernel parts ("rumpnet_netinet"), without the "-l".
    """

    name: str
    description: str
    components: tuple[str, ...]

    @property
    def is_bootable_here(self) -> bool:
        """Whether it is for machines ("hw_…", or for any platform) and not for Xen."""
        return not self.name.startswith("xen_")


class BakeList(tuple[BakeConfiguration, ...]):
    """The configurations of a toolchain, shown as a table."""

    @property
    def df(self) -> "pd.DataFrame":
        """A row for each configuration: name (index), description, components."""
        import pandas as pd

        return pd.DataFrame({"description": [one.description for one in self],
                             "components": [" ".join(one.components) for one in self]},
                            index=pd.Index([one.name for one in self], name="configuration"))

    def __repr__(self) -> str:
        width = max((len(one.name) for one in self), default=0)
        return "\n".join(f"{one.name:<{width}}  {one.description} ({len(one.components)} "
                         "components)" for one in self)


def bake_configurations(toolchain: RumprunToolchain) -> BakeList:
    """Return what `rumprun-bake list` and `describe` say, in its order.

    Raises BuildError with the script's output if it fails.
    """
    return _configurations(toolchain)


@lru_cache(maxsize=4)
def _configurations(toolchain: RumprunToolchain) -> BakeList:
    found = []
    for line in _ask(toolchain, "list").splitlines():
        if match := _LINE.match(line.strip()):
            words = _ask(toolchain, "describe", match[1]).split()
            found.append(BakeConfiguration(match[1], match[2],
                                           tuple(word.removeprefix("-l") for word in words)))
    return BakeList(found)


def _ask(toolchain: RumprunToolchain, *arguments: str) -> str:
    command = [str(toolchain.bake), *arguments]
    code, output = run_tool(command, env=QUIET)
    if code:
        raise BuildError(f"{' '.join(command)} fails:\n{output.strip()}", diagnostics=(),
                         log=output, command=command,
                         next_step="its configuration is etc/rumprun-bake.conf in the prefix")
    return output


def check_configuration(toolchain: RumprunToolchain, name: str) -> BakeConfiguration:
    """Return a configuration by name; raises UsageError with those there are."""
    known: Sequence[BakeConfiguration] = bake_configurations(toolchain)
    for one in known:
        if one.name == name.replace("-", "_"):
            if not one.is_bootable_here:
                raise UsageError(f"{name} is for Xen, which the lab does not boot",
                                 next_step="bake hw_virtio or hw_generic")
            return one
    names = ", ".join(one.name for one in known if one.is_bootable_here)
    raise UsageError(f"rumprun-bake has no configuration {name!r}", next_step=f"use {names}")
