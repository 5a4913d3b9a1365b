"""The open files of a guest: `guest.files`.  Source: images/rumpkit/include/vfs_file.h."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.probes.details import detail_of
from kernel_magics.inspect.probes.paths import Paths
from kernel_magics.inspect.probes.probe import Probe
from kernel_magics.inspect.probes.processes import processes_of
from kernel_magics.inspect.probes.slots import kind_of_file, slots_of
from kernel_magics.inspect.values.walking import read_text

if TYPE_CHECKING:
    import drgn

__all__ = ["Files", "OpenFile", "flags_text"]

_ACCESS = {0: "r", 1: "w", 2: "rw"}
# images/rumpkit/include/linux_abi.h: Linux's flags on x86-64.
_FLAGS = {0o2000: "append", 0o4000: "nonblock", 0o10000: "dsync", 0o40000: "direct",
          0o200000: "directory", 0o10000000: "path", 0o20000000: "tmpfile"}


@dataclass(frozen=True)
class OpenFile:
    """One descriptor of one process.

    `kind` is "file", "directory", "pipe", "socket", "terminal", "eventfd", "epoll",
    "timerfd" …; `path` is "" for what has none, and as open(2) was given it on disks and
    shares; `flags` begin with "r", "w" or "rw";
    `position` and `size_bytes` mean something for files; `references` counts descriptors
    and calls under way that share the open file; `detail` is what the kind has to say.
    """

    pid: int
    descriptor: int
    kind: str
    path: str
    flags: str
    position: int
    size_bytes: int
    references: int
    close_on_exec: bool
    detail: str
    address: int


class Files(Probe[OpenFile]):
    """Every descriptor of every process; `files.find(3)`, `files.find(3, pid=2)`."""

    title = "open files"
    row = OpenFile

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[OpenFile]:
        paths = Paths(program, problems)
        for process in reversed(list(processes_of(program, problems))):
            for descriptor, file, closes in slots_of(process.files, problems):
                yield _open_file(int(process.pid), descriptor, file, closes, paths, problems)

    def find(self, descriptor: int, pid: int | None = None) -> OpenFile:
        """Return the open file of a descriptor; without `pid`, of the first process with it.

        Raises UsageError if there is none.
        """
        rows = self.rows()
        for row in rows:
            if row.descriptor == descriptor and pid in (None, row.pid):
                return row
        known = sorted({row.descriptor for row in rows if pid in (None, row.pid)})
        raise UsageError(f"descriptor {descriptor} is not open",
                         next_step=f"open are {', '.join(map(str, known)) or 'none'}")


def _open_file(pid: int, descriptor: int, file: Any, closes: bool, paths: Paths,
               problems: list[str]) -> OpenFile:
    import drgn

    try:
        kind = kind_of_file(file)
        return OpenFile(pid, descriptor, kind, _path(file, kind, paths),
                        flags_text(int(file.flags)), int(file.position),
                        int(file.node.size_bytes), int(file.references), closes,
                        detail_of(file, kind, problems), int(file))
    except drgn.FaultError as error:
        problems.append(f"descriptor {descriptor} of process {pid} leads to "
                        f"{error.address:#x}, which is not mapped")
        return OpenFile(pid, descriptor, "damaged", "", "", 0, 0, 0, closes, "", int(file))


def _path(file: Any, kind: str, paths: Paths) -> str:
    if file.node.volume and file.type_.type.has_member("opened_as"):
        # Nodes of disks and shares do not know their names.
        return read_text(file.opened_as)
    if kind == "directory":
        return paths.of(file.node)
    return paths.of(file.node, file.dir) if file.dir else ""


def flags_text(flags: int) -> str:
    """Return open(2)'s flags in words: "rw,append"."""
    words = [_ACCESS.get(flags & 3, "?")]
    words += [word for bit, word in _FLAGS.items() if flags & bit]
    return ",".join(words)
