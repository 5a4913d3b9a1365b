"""Objects of the lab's own that are linked into Rumprun's images: compiled with the user's
toolchain, once for a state of the sources, and kept in the cache.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.build.cache import digest, disk_errors
from kernel_magics.build.rumprun.toolchain import QUIET, RumprunToolchain
from kernel_magics.build.toolchain import run_tool
from kernel_magics.places import cache_dir

__all__ = ["OwnParts", "made_once", "run_in"]

COMPLETE = "complete"  # made last


@dataclass(frozen=True, slots=True)
class OwnParts:
    """What is linked with an image: `files` of the lab's, of which `tokens`, words for
    rumprun-bake's `add` command, name some by their plain names; `identity` is a text that
    differs once their sources changed."""

    files: tuple[Path, ...]
    tokens: tuple[str, ...]
    identity: str

    def bring(self, folder: Path) -> tuple[str, ...]:
        """Link the files into the folder in which rumprun-bake runs; return the tokens.

        It takes no blanks in a path, and the cache's may have some.
        """
        for file in self.files:
            (folder / file.name).symlink_to(file)
        return self.tokens


def made_once(room: str, toolchain: RumprunToolchain, sources: Mapping[str, bytes],
              recipe: Iterable[str], make: Callable[[Path], None]) -> Path:
    """Return the folder of what `make` made of the sources, made now if there is none.

    `make` is given a folder with the sources in it, which it may leave there; `recipe` are texts
    that differ when it makes something else of them.  Raises HostError if the cache cannot be
    written, and what `make` raises.
    """
    key = digest(toolchain.identity, *recipe, *(part for name, text in sources.items()
                                                for part in (name, text)))
    root = cache_dir() / room
    place = root / key[:32]
    with disk_errors(root):
        if not (place / COMPLETE).exists():
            root.mkdir(parents=True, exist_ok=True)
            staged = Path(tempfile.mkdtemp(prefix=".staging-", dir=root))
            try:
                for name, text in sources.items():
                    (staged / name).write_bytes(text)
                make(staged)
                (staged / COMPLETE).write_text("")
                shutil.rmtree(place, ignore_errors=True)
                os.replace(staged, place)
            except OSError:  # another notebook was first, and its work is as good
                if not (place / COMPLETE).exists():
                    raise
            finally:
                shutil.rmtree(staged, ignore_errors=True)
    return place


def run_in(folder: Path, command: Sequence[str]) -> tuple[int, str]:
    """Run one of the toolchain's tools in a folder; return its status and what it said."""
    return run_tool(command, cwd=folder, env={**QUIET, "TMPDIR": str(folder)})
