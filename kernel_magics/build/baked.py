"""What is known of an image that upstream's rumprun-bake made: from what, and by which recipe."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RECIPE_SECTION", "BakeRecipe", "Baked", "BakedProgram", "faction_of"]

RECIPE_SECTION = ".note.rumprun.bakerecipe"


@dataclass(frozen=True, slots=True)
class BakeRecipe:
    """What rumprun-bake reads in a program that is not baked yet.

    `tuple` names the target, `tooldir` the toolchain's prefix, `backingcc` the compiler behind
    the wrapper and `cflags` the flags it is always given.
    """

    tuple: str
    tooldir: Path
    backingcc: Path
    cflags: str

    def __repr__(self) -> str:
        return (f"compiled for {self.tuple} by {self.backingcc} {self.cflags}\n"
                f"to be baked by {self.tooldir}/bin/rumprun-bake")


@dataclass(frozen=True, slots=True)
class BakedProgram:
    """One program of an image: its `file` as the compiler left it, which can be baked again, and
    the linker's `map` of that file, "" if there is none."""

    name: str
    file: Path
    map: Path | None = None


@dataclass(frozen=True)
class Baked:
    """How an image was baked.

    `configuration` is the bake configuration and `components` the libraries that it links, in
    order, with those that were `added` to it.  `mended` names what upstream does not link and the
    lab did, for programs that use it.  `programs` are in the order in which they start:
    the first is rumprun_main1.  `is_traced` says whether tracing is linked in; `toolchain`
    describes what baked it, and `command` is what was run.
    """

    configuration: str
    components: tuple[str, ...]
    added: tuple[str, ...]
    programs: tuple[BakedProgram, ...]
    is_traced: bool
    recipe: BakeRecipe
    toolchain: str
    command: tuple[str, ...]
    mended: tuple[str, ...] = ()

    @classmethod
    def from_record(cls, folder: Path, record: Mapping[str, Any]) -> "Baked":
        """Return what `as_record` made the record of; the files are in `folder`."""
        recipe = record["recipe"]
        return cls(
            configuration=record["configuration"], components=tuple(record["components"]),
            added=tuple(record["added"]),
            programs=tuple(BakedProgram(one["name"], folder / one["file"],
                                        folder / one["map"] if one["map"] else None)
                           for one in record["programs"]),
            is_traced=record["is_traced"], toolchain=record["toolchain"],
            command=tuple(record["command"]), mended=tuple(record.get("mended", ())),
            recipe=BakeRecipe(recipe["tuple"], Path(recipe["tooldir"]), Path(recipe["backingcc"]),
                              recipe["cflags"]))

    def as_record(self) -> dict[str, Any]:
        """Return it as plain values, files by their names."""
        return {**asdict(self),
                "programs": [{"name": one.name, "file": one.file.name,
                              "map": one.map.name if one.map else ""} for one in self.programs],
                "recipe": {**asdict(self.recipe), "tooldir": str(self.recipe.tooldir),
                           "backingcc": str(self.recipe.backingcc)}}

    @property
    def df(self) -> "pd.DataFrame":
        """A row for each component in link order: component, faction, is_added."""
        import pandas as pd

        return pd.DataFrame(
            {"component": self.components,
             "faction": [faction_of(name) for name in self.components],
             "is_added": [name in self.added for name in self.components]})

    def line(self) -> str:
        """Return it in one line: configuration, components, programs."""
        added = f" and {', '.join(self.added)}" if self.added else ""
        count = len(self.components) - len(self.added)
        names = ", ".join(one.name for one in self.programs)
        traced = ", traced" if self.is_traced else ""
        mended = f", {' and '.join(self.mended)} mended" if self.mended else ""
        return (f"baked as {self.configuration} ({count} components){added} from "
                f"{names}{traced}{mended}")

    def __repr__(self) -> str:
        factions: dict[str, list[str]] = {}
        for name in self.components:
            factions.setdefault(faction_of(name), []).append(name)
        width = max(map(len, factions), default=0)
        return "\n".join([self.line(), f"  {self.toolchain}", *(
            f"  {faction:<{width}}  {' '.join(names)}" for faction, names in factions.items())])


def faction_of(component: str) -> str:
    """Return the faction of a component by its name: dev, fs, vfs, net, kern, or "other".

    Source: the naming of libraries in buildrump.sh and NetBSD's sys/rump: rumpFACTION_NAME.
    """
    rest = component.removeprefix("rumprun").removeprefix("rump")
    faction = rest.split("_", 1)[0]
    return faction if faction in ("dev", "fs", "vfs", "net", "kern") else "other"
