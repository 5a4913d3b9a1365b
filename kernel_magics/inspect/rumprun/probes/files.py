"""The open files of a Rumprun guest's processes.

Source: NetBSD 7, sys/sys/file.h, sys/sys/vnode.h, sys/sys/namei.src, sys/sys/fcntl.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.probes.files import Files, OpenFile
from kernel_magics.inspect.rumprun.probes.names import path_of
from kernel_magics.inspect.rumprun.probes.netbsd import (
    RumprunProbe,
    descriptors_of,
    processes_of,
    symbol_at,
)

if TYPE_CHECKING:
    import drgn

__all__ = ["RumprunFiles", "content_of"]

VNODE, SOCKET = 1, 2
_TYPES = {VNODE: "file", SOCKET: "socket", 3: "pipe", 4: "kqueue", 5: "other", 6: "crypto",
          7: "message queue", 8: "semaphore"}
_VNODES = {1: "file", 2: "directory", 3: "disk", 4: "device", 5: "link", 6: "socket", 7: "pipe"}
_READ, _WRITE = 1, 2
_FLAGS = {0x4: "nonblock", 0x8: "append", 0x40: "async", 0x80: "sync"}


class RumprunFiles(RumprunProbe, Files):
    """See Files.  Paths are from the kernel's cache of names, "" where it has forgotten them."""

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[OpenFile]:
        import drgn

        for process in processes_of(program, problems):
            for number, file, closes in descriptors_of(process, problems):
                pid = int(process.p_pid)
                try:
                    yield self._row(program, pid, number, file, closes)
                except drgn.FaultError as error:
                    problems.append(f"descriptor {number} of process {pid} leads to "
                                    f"{error.address:#x}, which is not mapped")
                    yield OpenFile(pid, number, "damaged", "", "", 0, 0, 0, closes, "", int(file))

    def _row(self, program: drgn.Program, pid: int, number: int, file: drgn.Object,
             closes: bool) -> OpenFile:
        kind, path, size, detail = _TYPES.get(int(file.f_type), "unknown"), "", 0, ""
        operations = symbol_at(self._subject, int(file.f_ops))
        if int(file.f_type) == VNODE:
            node = content_of(program, file, "struct vnode *")
            kind = _VNODES.get(int(node.v_type), "file")
            path, size = path_of(program, node), int(node.v_size) if kind == "file" else 0
        elif operations.startswith("rumpcons"):
            kind, detail = "terminal", "the console"
        elif kind == "other":
            detail = operations
        return OpenFile(pid, number, kind, path, flags_text(int(file.f_flag)), int(file.f_offset),
                        size, int(file.f_count), closes, detail, int(file))


def content_of(program: drgn.Program, file: drgn.Object, kind: str) -> Any:
    """Return what an open file stands for as a type, a pointer."""
    import drgn

    address = int.from_bytes(file.f_undata.to_bytes_()[:8], "little")
    return drgn.Object(program, kind, value=address)


def flags_text(flags: int) -> str:
    """Return a file's flags in words: "rw,append"."""
    access = ("r" if flags & _READ else "") + ("w" if flags & _WRITE else "")
    return ",".join([access or "-", *(word for bit, word in _FLAGS.items() if flags & bit)])
