"""The mounted file systems of a guest: `guest.mounts`.

Source: images/rumpkit/include/vfs_volume.h, vfs/tmpfs.h, vfs/ext2/ext2.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.memory.ram import PAGE_BYTES
from kernel_magics.inspect.probes.probe import Probe
from kernel_magics.inspect.values.walking import read_text, walk_list

if TYPE_CHECKING:
    import drgn

__all__ = ["Mount", "Mounts"]

MOST_MOUNTS = 4096


@dataclass(frozen=True)
class Mount:
    """One file system where it is mounted.

    `source` is a disk's name, a share's tag or "none"; `nodes` are its files and
    directories that are in memory (0: not counted); `used_bytes` and `total_bytes` what it
    holds and could hold, 0 where only the server knows; `damaged`: it found something
    wrong on the disk and writes no more.
    """

    path: str
    type: str
    source: str
    read_only: bool
    nodes: int
    used_bytes: int
    total_bytes: int
    damaged: bool


class Mounts(Probe[Mount]):
    """Every mount in the order it was made; the first is the root in memory."""

    title = "mounts"
    row = Mount
    index = "path"

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[Mount]:
        yield Mount("/", "tmpfs", "rootfs", False, 0, *_tmpfs_bytes(program), False)
        for mount in walk_list(program["vfs_mounts"], "next", problems, most=MOST_MOUNTS,
                               what="the list of mounts"):
            yield _mount(program, mount)


def _tmpfs_bytes(program: drgn.Program) -> tuple[int, int]:
    """Return the bytes of files in memory, and how many there may be, over all of them."""
    return (int(program["tmpfs_used_pages"]) * PAGE_BYTES,
            int(program["tmpfs_limit_pages"]) * PAGE_BYTES)


def _mount(program: drgn.Program, mount: Any) -> Mount:
    kind = read_text(mount.type)
    used, total, nodes, damaged = 0, 0, 0, False
    volume = mount.volume
    if volume:
        nodes = int(volume.nodes)
        used, total, damaged = _ext2(volume) if kind.startswith("ext") else (0, 0, False)
    elif kind == "tmpfs":
        used, total = _tmpfs_bytes(program)
    return Mount(read_text(mount.path), kind, read_text(mount.source), bool(mount.read_only),
                 nodes, used, total, damaged)


def _ext2(volume: Any) -> tuple[int, int, bool]:
    import drgn

    try:
        own = drgn.cast("struct ext2_volume *", volume)
    except LookupError:
        return 0, 0, False
    block = int(own.block_bytes)
    total = int(own.blocks) * block
    return total - int(own.free_blocks) * block, total, bool(own.broken)
