"""Paths of NetBSD's vnodes: from the kernel's cache of names, and on tmpfs from its folders.

Source: NetBSD 7, sys/sys/namei.src, sys/kern/vfs_cache.c (cache_revlookup),
sys/fs/tmpfs/tmpfs.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.rumprun.probes.netbsd import walk
from kernel_magics.inspect.values.walking import read_text

if TYPE_CHECKING:
    import drgn

__all__ = ["path_of"]

MOST_DEPTH = 64
MOST_NAMES = 256
_ROOT = 0x1  # VV_ROOT
_FOLDER = 2  # VDIR
MOST_NODES = 10_000


def path_of(program: drgn.Program, node: drgn.Object) -> str:
    """Return a vnode's path, "" if the cache does not know the whole of it."""
    parts: list[str] = []
    for _ in range(MOST_DEPTH):
        if not int(node):
            return ""
        if int(node.v_vflag) & _ROOT:
            covered = node.v_mount.mnt_vnodecovered
            if not int(covered):
                return "/" + "/".join(reversed(parts))
            node = covered
            continue
        found = _name(program, node)
        if found is None:
            return _on_tmpfs(program, node, parts)
        name, node = found
        parts.append(name)
    return ""


def _name(program: drgn.Program, node: drgn.Object) -> tuple[str, Any] | None:
    """Return the name of a vnode and the folder that it is in."""
    entry = node.v_nclist.lh_first
    for _ in range(MOST_NAMES):
        if not int(entry):
            return None
        # (the name goes on behind the member)
        data = program.read(entry.nc_name.address_, int(entry.nc_nlen) & 0xFF)
        if int(entry.nc_vp) == int(node) and int(entry.nc_dvp) and data not in (b".", b".."):
            return data.decode("utf-8", "replace"), entry.nc_dvp.read_()
        entry = entry.nc_vlist.le_next
    return None


def _on_tmpfs(program: drgn.Program, node: Any, below: list[str]) -> str:
    """Return the path of a vnode on a tmpfs, whose files live in memory with their folders."""
    import drgn

    mount = node.v_mount
    if not int(mount) or read_text(mount.mnt_stat.f_fstypename) != "tmpfs":
        return ""
    volume = drgn.Object(program, "struct tmpfs_mount *", value=int(mount.mnt_data))
    wanted, parts = int(node.v_data), list(below)
    folders = [one for one in walk(volume.tm_nodes.lh_first, "tn_entries.le_next", [], "nodes",
                                   MOST_NODES) if int(one.tn_type) == _FOLDER]
    for _ in range(MOST_DEPTH):
        if wanted == int(volume.tm_root):
            start = read_text(mount.mnt_stat.f_mntonname).rstrip("/")
            return "/".join([start, *reversed(parts)])
        found = _entry(folders, wanted)
        if found is None:
            return ""
        name, wanted = found
        parts.append(name)
    return ""


def _entry(folders: list[Any], wanted: int) -> tuple[str, int] | None:
    """Return the name of a node, and the folder that has it."""
    for folder in folders:
        for entry in walk(folder.tn_spec.tn_dir.tn_dir.tqh_first, "td_entries.tqe_next", [],
                          "names", MOST_NODES):
            if int(entry.td_node) == wanted:
                data = entry.prog_.read(int(entry.td_name), int(entry.td_namelen))
                return data.decode("utf-8", "replace"), int(folder)
    return None
