"""From a node of the file systems back to its path, as vfs/naming.c does inside the guest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.probes.slots import symbol_name
from kernel_magics.inspect.values.walking import walk_list

if TYPE_CHECKING:
    import drgn

__all__ = ["Paths"]

MOST_DEPTH = 128
MOST_ENTRIES = 65_536


class Paths:
    """Paths of nodes at one look at a guest; directories that were read are remembered."""

    def __init__(self, program: drgn.Program, problems: list[str]) -> None:
        self._program = program
        self._problems = problems
        self._names: dict[int, dict[int, str]] = {}

    def of(self, node: Any, directory: Any = None) -> str:
        """Return the path of a node that an entry of `directory` names, of a directory if
        that is null; "" if it has none (any more), with "…" for parts that are not known."""
        import drgn

        try:
            return self._path(node, directory)
        except drgn.FaultError as error:
            self._problems.append(f"a path leads to {error.address:#x}, which is not mapped")
            return ""

    def _path(self, node: Any, directory: Any) -> str:
        parts: list[str] = []
        at = node
        if directory and int(directory) != int(node):
            name = self._name(directory, node)
            if not name:
                return ""
            parts.append(name)
            at = directory
        for _ in range(MOST_DEPTH):
            at = self._uncovered(at)
            parent = at.parent
            if not parent or int(parent) == int(at):
                return "/" + "/".join(reversed(parts))
            parts.append(self._name(parent, at) or "…")
            at = parent
        self._problems.append(f"a path is deeper than {MOST_DEPTH} directories")
        return "…/" + "/".join(reversed(parts[:3]))

    def _uncovered(self, node: Any) -> Any:
        """Return the directory that a mount's root covers, or the node itself."""
        for _ in range(MOST_DEPTH):
            mount = node.root_of
            if not mount:
                break
            node = mount.covered
        return node

    def _name(self, directory: Any, node: Any) -> str:
        """Return what an entry of a directory in memory calls the node."""
        if symbol_name(self._program, int(directory.ops)) != "tmpfs_directory_ops":
            return "…" if directory.volume else ""
        address = int(directory)
        if address not in self._names:
            self._names[address] = self._entries(directory)
        return self._names[address].get(int(node), "")

    def _entries(self, directory: Any) -> dict[int, str]:
        import drgn

        first = drgn.cast("struct tmpfs_node *", directory).directory.first
        found: dict[int, str] = {}
        for entry in walk_list(first, "next", self._problems, most=MOST_ENTRIES,
                               what="the list of a directory's entries"):
            data = self._program.read(entry.name.address_, int(entry.bytes))
            found[int(entry.node)] = bytes(data).decode("utf-8", "replace")
        return found
