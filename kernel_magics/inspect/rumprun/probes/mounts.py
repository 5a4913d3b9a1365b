"""The mounted file systems of a Rumprun guest.

Source: NetBSD 7, sys/sys/mount.h, sys/sys/statvfs.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kernel_magics.inspect.probes.mounts import Mount, Mounts
from kernel_magics.inspect.rumprun.probes.netbsd import RumprunProbe, walk
from kernel_magics.inspect.values.walking import read_text

if TYPE_CHECKING:
    import drgn

__all__ = ["RumprunMounts"]

MOST_MOUNTS = 1024
_READ_ONLY = 0x1


class RumprunMounts(RumprunProbe, Mounts):
    """See Mounts.  What is used is as of the last time that somebody asked the kernel."""

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[Mount]:
        import drgn

        for one in walk(program["mountlist"].tqh_first, "mnt_list.tqe_next", problems, "mounts",
                        MOST_MOUNTS):
            try:
                told = one.mnt_stat
                unit = int(told.f_frsize)
                total, free = int(told.f_blocks) * unit, int(told.f_bfree) * unit
                nodes = walk(one.mnt_vnodelist.tqh_first, "v_mntvnodes.tqe_next", problems,
                             "files of a mount")
                yield Mount(read_text(told.f_mntonname), read_text(told.f_fstypename),
                            read_text(told.f_mntfromname), bool(int(one.mnt_flag) & _READ_ONLY),
                            sum(1 for _ in nodes), max(total - free, 0), total, False)
            except drgn.FaultError as error:
                problems.append(f"a mount leads to {error.address:#x}, which is not mapped")
